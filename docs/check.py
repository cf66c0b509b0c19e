"""Keeps the documentation true: `python docs/check.py`, part of `make check`.

- a relative link, an image or an anchor in a Markdown file leads somewhere;
- a `datamove` command with its options exists, wherever a Markdown file shows one;
- blocks hold what their fence says: `python` compiles, `json` parses, `yaml pipeline` (or another schema) is sound,
  and a file's name after the kind means: this is that file, word for word;
- a table after `<!-- fields of module:Model -->` has a row for each field of the model, and none for what it lacks;
- the packages in ARCHITECTURE.md are those of the layers in setup.cfg and those that exist;
- no text names a ticket or the folder of the checkout that it lies in, and no Markdown file an absolute path outside
  the folders that every machine has (or a URL's path that we serve or ask).
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from airflow_datamove.cli import main as command_line
from airflow_datamove.cli.schema import KINDS
from airflow_datamove.spec.folder import read_model
from airflow_datamove.spec.mistakes import Mistake

ROOT = Path(__file__).resolve().parents[1]

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")
_LINK = re.compile(r"\]\(<?([^)<>\s]+)>?(?: \"[^\"]*\")?\)")
_INLINE_CODE = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"(?:^|[\s/])datamove ([a-z][^|;&<>)]*)")
_PACKAGE = re.compile(r"`([a-z_]+)(\.py)?`")
_FIELDS = re.compile(r"<!-- fields of ([\w.]+):(\w+) -->")
_NAMED = re.compile(r"`([a-z_]+)`")
_TICKET = re.compile(r"\b(?:issues?|tickets?) #\d+", re.IGNORECASE)
_ABSOLUTE = re.compile(r"(?<![\w.:/$}>~*@\]-])/([\w.-]+)/")
# Of every machine, of our examples, of URLs.
_ORDINARY = {
    "etc",
    "home",
    "opt",
    "proc",
    "srv",
    "tmp",
    "usr",
    "var",
    "data",
    "path",
    "api",
    "ws",
    "cluster",
    "dags",
    "datamove",
}
_TEXT = {".md", ".py", ".cfg", ".toml", ".yaml", ".yml", ".sh", ".txt", ".json", ".xml", ".tpl", ".html", ""}
_LAYERS = ("importlinter:contract:layers", "layers")


class Problem(NamedTuple):
    """What is wrong, where, and what to do about it."""

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}. {self.remedy}"


class Block(NamedTuple):
    """A fenced block: the words after its fence, the line before its first one, its text."""

    words: list[str]
    line: int
    text: str


def check(root: Path = ROOT) -> list[Problem]:
    """Everything that is wrong in a checkout."""
    texts = {path: path.read_text("utf-8", errors="replace") for path in sorted(_files(root))}
    pages = {path: text for path, text in texts.items() if path.suffix == ".md"}
    commands = _commands()
    found: list[Problem] = []
    for path, text in pages.items():
        name, prose = path.relative_to(root).as_posix(), _prose(text)
        found += _links(path, name, prose, pages)
        found += _shown_commands(name, text, prose, commands)
        found += _absolute_paths(name, text)
        found += _tables_of_fields(name, text)
        for block in _blocks(text):
            found += _block(root, name, block)
    if root / "ARCHITECTURE.md" in pages:
        found += _layers(root, pages[root / "ARCHITECTURE.md"])
    for path, text in texts.items():
        found += _foreign_words(path.relative_to(root).as_posix(), text, root)
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(".egg-info")]
        for name in files:
            path = Path(folder, name)
            if path.suffix in _TEXT and path.stat().st_size < 2**20:
                yield path


def _blocks(text: str) -> Iterator[Block]:
    fence, words, start, lines = "", [""], 0, [""]
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if not fence and match:
            fence, words, start, lines = match[2], match[3].split(), number, []
        elif fence and match and match[2].startswith(fence) and not match[3].strip():
            yield Block(words, start, "\n".join(lines) + "\n")
            fence = ""
        elif fence:
            lines.append(line)


def _prose(text: str) -> list[str]:
    """The lines with those of fenced blocks emptied, so that line numbers stay."""
    lines = text.splitlines()
    for block in _blocks(text):
        for number in range(block.line - 1, min(len(lines), block.line + block.text.count("\n") + 1)):
            lines[number] = ""
    return lines


def _links(path: Path, name: str, prose: list[str], pages: dict[Path, str]) -> Iterator[Problem]:
    for number, line in enumerate(prose, 1):
        for target in _LINK.findall(_INLINE_CODE.sub("", line)):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            file, _, anchor = target.partition("#")
            there = Path(os.path.normpath(path.parent / file)) if file else path
            if not there.exists():
                yield Problem(name, number, f"the link {target} leads nowhere", "Mend it, or write the file")
            elif anchor and there in pages and anchor not in _anchors(pages[there]):
                yield Problem(name, number, f"{there.name} has no heading #{anchor}", "Mend the link or the heading")


def _anchors(text: str) -> set[str]:
    headings = [line.lstrip("#").strip().lower() for line in _prose(text) if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def _commands() -> dict[str, set[str]]:
    """Each subcommand of `datamove` with its options."""
    found: dict[str, set[str]] = {}
    for name in command_line._SUBCOMMANDS:
        parser = command_line._parser(name)
        subparsers = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        found[name] = set(subparsers.choices[name]._option_string_actions)
    return found


def _shown_commands(name: str, text: str, prose: list[str], commands: dict[str, set[str]]) -> Iterator[Problem]:
    shown = [(number, code) for number, line in enumerate(prose, 1) for code in _INLINE_CODE.findall(line)]
    for block in _blocks(text):
        if block.words[:1] in (["sh"], ["console"]):
            prompt = "$ " if block.words[0] == "console" else ""
            shown += _shell_lines(block, prompt)
    for number, code in shown:
        for words in _COMMAND.findall(code):
            subcommand, *rest = words.split()
            if subcommand not in commands:
                known = ", ".join(commands)
                yield Problem(name, number, f"there is no command datamove {subcommand}", f"Known: {known}")
                continue
            for word in rest:
                option = word.partition("=")[0]
                if re.match(r"--?[a-z]", option) and option not in commands[subcommand]:
                    known = ", ".join(sorted(commands[subcommand]))
                    yield Problem(name, number, f"datamove {subcommand} has no option {option}", f"Known: {known}")


def _shell_lines(block: Block, prompt: str) -> Iterator[tuple[int, str]]:
    """The commands of a block; a backslash at the end of a line goes on in the next."""
    whole, start = "", 0
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if not whole and not line.startswith(prompt):
            continue
        start = start if whole else number
        whole += line.removeprefix(prompt)
        if whole.endswith("\\"):
            whole = whole.removesuffix("\\")
            continue
        yield start, whole
        whole = ""


def _block(root: Path, name: str, block: Block) -> Iterator[Problem]:
    kind, *words = block.words or [""]
    if kind == "python":
        try:
            compile(block.text, name, "exec")
        except SyntaxError as error:
            yield Problem(name, block.line + (error.lineno or 1), f"not Python: {error.msg}", "Mend the example")
    elif kind == "json":
        try:
            json.loads(block.text)
        except ValueError as error:
            yield Problem(name, block.line + getattr(error, "lineno", 1), f"not JSON: {error}", "Mend the example")
    elif kind == "yaml" and words:
        yield from _specification(name, block, words[0])
    if len(words) > 1:
        file = root / words[1]
        if not file.is_file():
            yield Problem(name, block.line, f"there is no {words[1]}", "Name a file of this checkout")
        elif file.read_text("utf-8") != block.text:
            yield Problem(name, block.line, f"not what {words[1]} says", "Copy the file into the block")


def _specification(name: str, block: Block, kind: str) -> Iterator[Problem]:
    if kind not in KINDS:
        yield Problem(name, block.line, f"there is no specification {kind!r}", f"Known: {', '.join(sorted(KINDS))}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "block.yaml")
        path.write_text(block.text, "utf-8")
        try:
            read_model(path, name, KINDS[kind])
        except ExceptionGroup as group:
            for each in group.exceptions:
                if isinstance(each, Mistake):
                    yield Problem(name, block.line + each.place.line, each.what, each.remedy or "Mend the example")


def _tables_of_fields(name: str, text: str) -> Iterator[Problem]:
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not (match := _FIELDS.fullmatch(line.strip())):
            continue
        model = getattr(import_module(match[1]), match[2])
        known = {field.alias or key for key, field in model.model_fields.items()}
        said: set[str] = set()
        for row in lines[number:]:
            if row.strip() and not row.startswith("|"):
                break
            said.update(_NAMED.findall(row.split("|")[1]) if row.startswith("|") else ())
        for field in sorted(known - said):
            yield Problem(name, number, f"{match[2]} has a field {field!r} that stands in no row", "Describe it")
        for field in sorted(said - known):
            yield Problem(name, number, f"{match[2]} has no field {field!r}", f"Known: {', '.join(sorted(known))}")


def _layers(root: Path, text: str) -> Iterator[Problem]:
    """Compares the rows of the table whose header is `row | packages` with the contract, and both with the folders."""
    name = "ARCHITECTURE.md"
    package = root / "airflow_datamove"
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(root / "setup.cfg", "utf-8")
    contract = [set(re.findall(r"\w+", line)) for line in settings.get(*_LAYERS, fallback="").split("\n") if line]
    wanted = [there for row in contract if (there := {each for each in row if _exists(package, each)})]
    rows, start = _rows(text)
    if not rows:
        yield Problem(name, 1, "there is no table of the layers", "Begin one with | row | packages |")
        return
    for index in range(max(len(rows), len(wanted))):
        line, shown = rows[index] if index < len(rows) else (start, set[str]())
        layer = wanted[index] if index < len(wanted) else set[str]()
        if shown != layer:
            remedy = f"setup.cfg has here: {', '.join(sorted(layer)) or 'nothing'}"
            yield Problem(name, line, f"the row says {', '.join(sorted(shown)) or 'nothing'}", remedy)
    said = {each for _, row in rows for each in row}
    for folder in sorted(path.parent.name for path in package.glob("*/__init__.py")):
        if folder not in said:
            yield Problem(name, start, f"the package {folder} stands in no row", "Add it here and to setup.cfg")


def _exists(package: Path, name: str) -> bool:
    return (package / name / "__init__.py").is_file() or (package / f"{name}.py").is_file()


def _rows(text: str) -> tuple[list[tuple[int, set[str]]], int]:
    rows: list[tuple[int, set[str]]] = []
    start = 0
    for number, line in enumerate(_prose(text), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not start and [cell.lower() for cell in cells[:2]] == ["row", "packages"]:
            start = number
        elif start and not line.startswith("|"):
            break
        elif start and not set(line) <= set("|-: "):
            rows.append((number, {match[0] for match in _PACKAGE.findall(cells[1])}))
    return rows, start


def _absolute_paths(name: str, text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), 1):
        for match in _ABSOLUTE.finditer(line):
            if match[1] not in _ORDINARY:
                known = ", ".join(f"/{folder}" for folder in sorted(_ORDINARY))
                yield Problem(name, number, f"{match[0]} is a folder of somebody's machine", f"Ordinary ones: {known}")


def _foreign_words(name: str, text: str, root: Path) -> Iterator[Problem]:
    here = re.compile(rf"(?<![\w.}}]){re.escape(str(root))}(?![\w-])")
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TICKET.search(line) or here.search(line):
            yield Problem(name, number, f"{match[0]!r} does not belong here", "Say it without")


def main() -> int:
    """Prints every problem; 0 if there is none."""
    found = check()
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        print(f"{len(found)} {'problem' if len(found) == 1 else 'problems'} in the documentation", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
