"""docs/check.py finds what it is there for, and says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.check import check

SETUP = """
[importlinter:contract:layers]
layers =
    cli | (ui)
    transfer | spec
    errors
"""
ARCHITECTURE = """
| row | packages | what |
|---|---|---|
| 3 | `cli`; outside the package `dags/` | entry points |
| 2 | `transfer`, `spec` | data plane |
| 1 | `errors` | kernel |
"""


def found(root: Path, text: str, name: str = "README.md") -> list[str]:
    (root / name).write_text(text, "utf-8")
    return [str(each) for each in check(root)]


def test_this_checkout_is_sound() -> None:
    assert [str(each) for each in check()] == []


def test_links_images_and_anchors_lead_somewhere(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A Heading, here\n")
    sound = "[a](there.md) [b](there.md#a-heading-here) [c](https://nowhere.example/) `[d](gone.md)` [e](#own)\n# Own\n"
    assert found(tmp_path, sound) == []
    wrong = found(tmp_path, "\n[a](gone.md)\n![b](gone.png)\n[c](there.md#gone)\n")
    assert [line.partition(". ")[0] for line in wrong] == [
        "README.md:2: the link gone.md leads nowhere",
        "README.md:3: the link gone.png leads nowhere",
        "README.md:4: there.md has no heading #gone",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("`datamove move a b`", "README.md:1: there is no command datamove move"),
        ("`datamove copy a b --force`", "README.md:1: datamove copy has no option --force"),
        ("```sh\ntrue && datamove plan a b \\\n  --json --rates 1\n```", "README.md:2: datamove plan has no option"),
        (
            "```console\n$ datamove lint --all .\ndatamove knows nothing\n```",
            "README.md:2: datamove lint has no option",
        ),
    ],
)
def test_commands_exist(tmp_path: Path, text: str, message: str) -> None:
    (wrong,) = found(tmp_path, text)
    assert wrong.startswith(message)


def test_sound_commands_pass(tmp_path: Path) -> None:
    assert (
        found(tmp_path, "`datamove copy a b --mirror --rate=1MiB/s`\n```sh\ndatamove pools . --apply | cat -n\n```")
        == []
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\nx = 1\nx = (\n```", "README.md:3: not Python"),
        ('```json\n{"a": }\n```', "README.md:2: not JSON"),
        ("```yaml platform\nlinks:\n  a: {capacity: 1 GiB/s, slt: 1}\n```", "README.md:3: unknown field 'slt'"),
        ("```yaml tennant\na: b\n```", "README.md:1: there is no specification 'tennant'"),
        ("```yaml platform p.yaml\nlinks: {a: {capacity: 1 GiB/s}}\n```", "README.md:1: there is no p.yaml"),
    ],
)
def test_blocks_hold_what_they_say(tmp_path: Path, text: str, message: str) -> None:
    wrong = found(tmp_path, text)
    assert wrong
    assert wrong[0].startswith(message)


def test_a_block_with_a_files_name_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("links: {a: {capacity: 1 GiB/s}}\n")
    assert found(tmp_path, "```yaml platform p.yaml\nlinks: {a: {capacity: 1 GiB/s}}\n```") == []
    (wrong,) = found(tmp_path, "```yaml platform p.yaml\nlinks: {a: {capacity: 2 GiB/s}}\n```")
    assert wrong.startswith("README.md:1: not what p.yaml says")


def test_layers_are_those_of_the_contract_and_of_the_folders(tmp_path: Path) -> None:
    for name in ("cli", "transfer", "spec"):
        (tmp_path / "airflow_datamove" / name).mkdir(parents=True)
        (tmp_path / "airflow_datamove" / name / "__init__.py").touch()
    (tmp_path / "airflow_datamove" / "errors.py").touch()
    (tmp_path / "setup.cfg").write_text(SETUP)
    assert found(tmp_path, ARCHITECTURE, "ARCHITECTURE.md") == []
    (wrong,) = found(tmp_path, ARCHITECTURE.replace(", `spec`", ", `stores`"), "ARCHITECTURE.md")[:1]
    assert wrong.startswith("ARCHITECTURE.md:5: the row says stores, transfer. setup.cfg has here: spec, transfer")
    (tmp_path / "airflow_datamove" / "ledger").mkdir()
    (tmp_path / "airflow_datamove" / "ledger" / "__init__.py").touch()
    (wrong,) = found(tmp_path, ARCHITECTURE, "ARCHITECTURE.md")
    assert wrong.startswith("ARCHITECTURE.md:2: the package ledger stands in no row")


def test_nothing_names_a_ticket_or_the_checkouts_own_folder(tmp_path: Path) -> None:
    for text in ("Issue" + " #12 says", f"see {tmp_path}/code.py", f"`{tmp_path}`"):
        (tmp_path / "code.py").write_text(f"# {text}\n")
        (wrong,) = found(tmp_path, "sound\n")
        assert wrong.startswith("code.py:1: ")


@pytest.mark.parametrize("text", ["see /machine/project", "`/builds/x`", "(/Users/me/x)", "```sh\ncd /mnt/x\n```"])
def test_no_page_names_a_folder_of_somebodys_machine(tmp_path: Path, text: str) -> None:
    (wrong,) = found(tmp_path, text)
    assert "is a folder of somebody's machine" in wrong


def test_words_that_only_look_alike_pass(tmp_path: Path) -> None:
    alike = "a/builds/b, $HOME/builds/, https://host/builds/x, hdfs://onprem@/builds/x, networks #1, and/or/not"
    assert found(tmp_path, f"{alike}, `/opt/hadoop/bin`, `/api/v2/dags`, /etc/hosts, {tmp_path}s\n") == []


def test_a_table_has_every_field_of_its_model(tmp_path: Path) -> None:
    head = "<!-- fields of airflow_datamove.spec.pipeline:Exists -->\n\n| field | what |\n|---|---|\n"
    assert found(tmp_path, f"{head}| `exists`, `timeout` | x |\n| `every` | of `another` |\n\nEnd `here`\n") == []
    wrong = found(tmp_path, f"{head}| `exists`, `timout` | x |\n| `every` | y |\n")
    assert [line.partition(". ")[0] for line in wrong] == [
        "README.md:1: Exists has a field 'timeout' that stands in no row",
        "README.md:1: Exists has no field 'timout'",
    ]
