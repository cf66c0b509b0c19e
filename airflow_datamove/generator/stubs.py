"""Turns a folder of YAML into a folder of small DAG files that Airflow can read: :func:`write_stubs`.

    <target>/platform.yaml, tenants/...        a copy of the YAML, so that the DAG files need no path of this machine
    <target>/_keep_ledger.py                   the platform's own DAG, which keeps the ledger
    <target>/<tenant>.py                       the tenant's healthy DAGs; written anew when any of its YAML changed,
                                               because Airflow reads a DAG file again only when its time changed
    <target>/tenants/acme/x.pipeline.yaml.py   a mistake in x.pipeline.yaml, as an import error

A broken ``platform.yaml`` leaves the last sound one in force: a slip of the platform team must not stop every tenant.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_datamove import __version__
from airflow_datamove.generator.broken import text_of
from airflow_datamove.generator.tenant_dags import dags_of
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import PLATFORM_FILE, TENANTS_FOLDER, read_folder
from airflow_datamove.spec.mistakes import Mistake
from airflow_datamove.spec.reading import read_content

_FINGERPRINT = ".fingerprint"

_HEALTHY = '''"""The DAGs of the tenant {tenant}, written from its YAML for Airflow. Changes to this file are lost."""

# {fingerprint}

from pathlib import Path

from airflow_datamove.generator.tenant_dags import build_dags

globals().update(build_dags(Path(__file__).resolve().parent, {tenant!r}, file=__file__))
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


def write_stubs(source: Path, target: Path) -> bool:
    """Brings ``target`` up to date with ``source``. Call it under a lock; readers see each file whole.

    :return: whether anything had changed.
    """
    target.mkdir(parents=True, exist_ok=True)
    fingerprint = fingerprint_of(source)
    known = target / _FINGERPRINT
    if known.exists() and known.read_text() == fingerprint:
        return False
    broken_platform = [m for m in read_folder(source, tenant="").mistakes if m.file == PLATFORM_FILE]
    wanted, unreadable = _copy_yaml(source, target, keep_platform=bool(broken_platform))
    _remove_all_but(target, wanted | {path.relative_to(target) for path in target.rglob("*.py")})
    folder = check_folder(read_folder(target))
    dags_of(folder, file="")
    if broken_platform:
        folder.mistakes = [*broken_platform, *(m for m in folder.mistakes if m.file != PLATFORM_FILE)]
    if folder.tenants:
        _write(target / KEEPER, _KEEPS)
        wanted.add(KEEPER)
    for name in folder.tenants:
        stub = Path(f"{name}.py")
        of_tenant = _fingerprint(target, [target / PLATFORM_FILE, *_yaml_below(target / TENANTS_FOLDER / name)])
        _write(target / stub, _HEALTHY.format(tenant=name, fingerprint=of_tenant))
        wanted.add(stub)
    for file, text in _mistakes([*unreadable, *folder.mistakes]).items():
        stub = Path(f"{file}.py")
        _write(target / stub, _BROKEN.format(file=file, text=text))
        wanted.add(stub)
    _remove_all_but(target, wanted)
    _write(known, fingerprint)
    return True


def fingerprint_of(source: Path) -> str:
    """Changes whenever a YAML file comes, goes or is written, and with the version of this package."""
    return _fingerprint(source, _yaml_files(source))


def _fingerprint(root: Path, files: Iterable[Path]) -> str:
    seen = hashlib.sha256(__version__.encode())
    for path in files:
        try:
            stat = path.stat()
            state = f"{stat.st_mtime_ns} {stat.st_size}"
        except OSError as error:
            state = f"error {error.errno}"
        seen.update(f"{path.relative_to(root)}\0{state}\0".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _yaml_files(source: Path) -> Iterator[Path]:
    if (source / PLATFORM_FILE).is_file():
        yield source / PLATFORM_FILE
    yield from _yaml_below(source / TENANTS_FOLDER)


def _yaml_below(home: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(home):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(parent, name)


def _copy_yaml(source: Path, target: Path, *, keep_platform: bool) -> tuple[set[Path], list[Mistake]]:
    """Copies the YAML. A file that cannot be read is a mistake of its own, and its last copy goes."""
    wanted, unreadable = set(), []
    for path in _yaml_files(source):
        relative = path.relative_to(source)
        if keep_platform and relative == Path(PLATFORM_FILE):
            wanted.add(relative)
            continue
        try:
            content = read_content(path, relative.as_posix(), root=source)
        except Mistake as mistake:
            unreadable.append(mistake)
        else:
            _write(target / relative, content)
            wanted.add(relative)
    return wanted, unreadable


def _mistakes(mistakes: Iterable[Mistake]) -> dict[str, str]:
    by_file: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in mistakes:
        by_file[mistake.file].append(mistake)
    return {file: text_of(mistakes) for file, mistakes in by_file.items()}


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
            if relative not in wanted and name != _FINGERPRINT:
                Path(parent, name).unlink()
        for name in inner:
            if Path(parent, name).relative_to(target) not in folders:
                shutil.rmtree(Path(parent, name), ignore_errors=True)
