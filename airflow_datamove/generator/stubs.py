"""Turns a folder of YAML into a folder of small DAG files that Airflow can read.

    <target>/_keep_ledger.py                   the platform's own DAG, which keeps the ledger
    <target>/<tenant>.py                       the tenant's healthy DAGs; written anew when any of its YAML changed,
                                               because Airflow reads a DAG file again only when its time changed
    <target>/tenants/acme/x.pipeline.yaml.py   a mistake in x.pipeline.yaml, as an import error
    <target>/platform.yaml                     the last sound platform.yaml: a slip of the platform team must not stop
                                               every tenant
    <target>/.source, .state.json              where the YAML is on this machine; what was found in it

:func:`write_stubs` is for the DAG processor: it looks at the time of every YAML file, and reads those of the tenants in
which something has changed. :func:`ready_stubs` is for who starts a task: it sees to it that each tenant has its file,
and looks at no pipeline.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_datamove import __version__
from airflow_datamove.generator.broken import text_of
from airflow_datamove.generator.tenant_dags import SOURCE_FILE, dags_of, without_collecting
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import PLATFORM_FILE, TENANTS_FOLDER, read_folder, read_platform, tenant_names
from airflow_datamove.spec.mistakes import Mistake
from airflow_datamove.spec.platform import Platform

_STATE_FILE = ".state.json"

_HEALTHY = '''"""The DAGs of the tenant {tenant}, written from its YAML for Airflow. Changes to this file are lost."""

# {fingerprint}

from airflow_datamove.generator.tenant_dags import build_from_stub

globals().update(build_from_stub(__file__, {tenant!r}))
'''

KEEPER = Path("_keep_ledger.py")
"""No tenant's name begins so."""
_KEEPS = '''"""The DAG that keeps the ledger of requests. Changes to this file are lost."""

from airflow_datamove.generator.keep_dag import keep_dag

dag = keep_dag()
'''

_BROKEN = '''"""A mistake in {file!a}, shown by Airflow as an import error of this DAG file. Changes to it are lost."""

from airflow_datamove.generator.broken import broken_dag

dag = broken_dag(
    {file!a},
    {text!a},
)
'''


@dataclass(slots=True)
class _State:
    """What the last look has found; ``broken`` maps a YAML file to the text of its mistakes."""

    platform: str = ""
    broken_platform: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, target: Path) -> _State:
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads((target / _STATE_FILE).read_text())
            if kept.pop("version") == __version__:
                return cls(**kept)
        return cls()

    def write(self, target: Path) -> None:
        kept = {"version": __version__, "platform": self.platform, "broken_platform": self.broken_platform}
        _write(target / _STATE_FILE, json.dumps({**kept, "tenants": self.tenants}))

    def broken(self) -> dict[str, str]:
        """Every broken file, with the text of its mistakes."""
        found = dict(self.broken_platform)
        for tenant in self.tenants.values():
            found.update(tenant["broken"])
        return found


def write_stubs(source: Path, target: Path) -> bool:
    """Brings ``target`` up to date with ``source``. Call it under a lock; readers see each file whole.

    :return: whether anything had changed.
    """
    target.mkdir(parents=True, exist_ok=True)
    _write(target / SOURCE_FILE, os.fspath(source.resolve()))
    state = _State.read(target)
    changed = _look_at_platform(source, target, state)
    platform = read_platform(target).platform if (target / PLATFORM_FILE).exists() else None
    sum_of_platform = _sum((target / PLATFORM_FILE).read_bytes()) if platform else ""
    names = tenant_names(source)
    for name in names:
        home = source / TENANTS_FOLDER / name
        fingerprint = _fingerprint(source, _yaml_below(home), also=sum_of_platform)
        known = state.tenants.get(name)
        stub = target / f"{name}.py"
        if known and known["fingerprint"] == fingerprint and (stub.exists() or not known["stub"]):
            continue
        state.tenants[name] = _look_at_tenant(source, name, platform, fingerprint)
        if state.tenants[name]["stub"]:
            _write(stub, _HEALTHY.format(tenant=name, fingerprint=fingerprint))
        changed = True
    for name in set(state.tenants) - set(names):
        del state.tenants[name]
        changed = True
    if changed:
        _write_broken(target, state)
        state.write(target)
    return changed


def ready_stubs(source: Path, target: Path, lock: Callable[[], AbstractContextManager[Any]]) -> None:
    """Sees to it that each tenant of ``source`` has its file, and that the platform's is the last sound one."""
    with suppress(OSError):
        there = {each.name for each in os.scandir(target)}
        same = (target / SOURCE_FILE).read_text() == os.fspath(source.resolve())
        current = (target / PLATFORM_FILE).read_bytes() == (source / PLATFORM_FILE).read_bytes()
        if same and current and there.issuperset([KEEPER.name, *(f"{name}.py" for name in tenant_names(source))]):
            return
    with lock():
        target.mkdir(parents=True, exist_ok=True)
        _write(target / SOURCE_FILE, os.fspath(source.resolve()))
        _keep_if_sound(source, target)
        _write(target / KEEPER, _KEEPS)
        for name in tenant_names(source):
            stub = target / f"{name}.py"
            if not stub.exists():
                _write(stub, _HEALTHY.format(tenant=name, fingerprint="not looked at yet"))


def _look_at_platform(source: Path, target: Path, state: _State) -> bool:
    fingerprint = _fingerprint(source, [source / PLATFORM_FILE])
    if fingerprint == state.platform:
        return False
    state.broken_platform = _mistakes(_keep_if_sound(source, target))
    state.platform = fingerprint
    return True


def _keep_if_sound(source: Path, target: Path) -> list[Mistake]:
    """Takes ``platform.yaml`` over, unless it has mistakes."""
    found = check_folder(read_platform(source)).mistakes
    if not found:
        _write(target / PLATFORM_FILE, (source / PLATFORM_FILE).read_bytes())
    return found


def _look_at_tenant(source: Path, name: str, platform: Platform | None, fingerprint: str) -> dict[str, Any]:
    folder = read_folder(source, tenant=name, platform=platform) if platform else read_folder(source, tenant=name)
    folder.platform = platform
    check_folder(folder)
    with without_collecting():
        dags_of(folder, file="")
    mistakes = [each for each in folder.mistakes if each.file != PLATFORM_FILE]
    return {"fingerprint": fingerprint, "stub": name in folder.tenants, "broken": _mistakes(mistakes)}


def _write_broken(target: Path, state: _State) -> None:
    wanted = {Path(SOURCE_FILE), Path(_STATE_FILE), Path(PLATFORM_FILE)}
    if any(tenant["stub"] for tenant in state.tenants.values()):
        _write(target / KEEPER, _KEEPS)
        wanted.add(KEEPER)
    wanted |= {Path(f"{name}.py") for name, tenant in state.tenants.items() if tenant["stub"]}
    for file, text in state.broken().items():
        stub = Path(f"{file}.py")
        _write(target / stub, _BROKEN.format(file=file, text=text))
        wanted.add(stub)
    _remove_all_but(target, wanted)


def _mistakes(mistakes: Iterable[Mistake]) -> dict[str, str]:
    by_file: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in mistakes:
        by_file[mistake.file].append(mistake)
    return {file: text_of(mistakes) for file, mistakes in by_file.items()}


def _fingerprint(root: Path, files: Iterable[Path], *, also: str = "") -> str:
    """Changes whenever one of the files comes, goes or is written, and with the version of this package."""
    seen = hashlib.sha256(f"{__version__}\0{also}\0".encode())
    start = len(os.fspath(root)) + 1
    for path in files:
        try:
            stat = os.stat(path)
            state = f"{stat.st_mtime_ns} {stat.st_size} {stat.st_ino}"
        except OSError as error:
            state = f"error {error.errno}"
        seen.update(f"{os.fspath(path)[start:]}\0{state}\0".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _yaml_below(home: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(home):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(parent, name)


def _write(path: Path, content: str | bytes) -> None:
    """Writes a file whole, and only if its content is new."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def _remove_all_but(target: Path, wanted: set[Path]) -> None:
    folders = {parent for path in wanted for parent in path.parents}
    for parent, inner, files in os.walk(target, topdown=False):
        for name in files:
            relative = Path(parent, name).relative_to(target)
            # A temporary file is one that a worker is about to bring in.
            if relative not in wanted and not name.startswith("."):
                Path(parent, name).unlink(missing_ok=True)
        for name in inner:
            if Path(parent, name).relative_to(target) not in folders:
                with suppress(OSError):
                    Path(parent, name).rmdir()
