"""Turns a folder of YAML into a folder of small DAG files that Airflow can read: :func:`write_stubs`.

    <target>/platform.yaml, tenants/...        a copy of the YAML, so that the DAG files need no path of this machine
    <target>/<tenant>.py                       the tenant's healthy DAGs; as old as the newest of its YAML
    <target>/tenants/acme/x.pipeline.yaml.py   a mistake in x.pipeline.yaml, as an import error

A broken ``platform.yaml`` leaves the last sound one in force: a slip of the platform team must not stop every tenant.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from airflow_datamove.generator.broken import text_of
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import PLATFORM_FILE, TENANTS_FOLDER, Folder, read_folder
from airflow_datamove.spec.mistakes import Mistake

_FINGERPRINT = ".fingerprint"

_HEALTHY = '''"""The DAGs of the tenant {tenant}, written from its YAML for Airflow. Changes to this file are lost."""

from pathlib import Path

from airflow_datamove.generator.tenant_dags import build_dags

globals().update(build_dags(Path(__file__).resolve().parent, {tenant!r}, file=__file__))
'''

_BROKEN = '''"""A mistake in {file}, shown by Airflow as an import error of this DAG file. Changes to it are lost."""

from airflow_datamove.generator.broken import broken_dag

dag = broken_dag(
    {file!r},
    {text!r},
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
    wanted = _copy_yaml(source, target, keep_platform=bool(broken_platform))
    _remove_all_but(target, wanted | {path.relative_to(target) for path in target.rglob("*.py")})
    folder = check_folder(read_folder(target))
    if broken_platform:
        folder.mistakes = [*broken_platform, *(m for m in folder.mistakes if m.file != PLATFORM_FILE)]
    for name in folder.tenants:
        stub = Path(f"{name}.py")
        _write(target / stub, _HEALTHY.format(tenant=name))
        _as_old_as_its_yaml(target, name)
        wanted.add(stub)
    for file, text in _mistakes(folder).items():
        stub = Path(f"{file}.py")
        _write(target / stub, _BROKEN.format(file=file, text=text))
        wanted.add(stub)
    _remove_all_but(target, wanted)
    _write(known, fingerprint)
    return True


def fingerprint_of(source: Path) -> str:
    """Changes whenever a YAML file comes, goes or is written."""
    seen = hashlib.sha256()
    for path in _yaml_files(source):
        stat = path.stat()
        seen.update(f"{path.relative_to(source)}\0{stat.st_mtime_ns}\0{stat.st_size}\0".encode())
    return seen.hexdigest()


def _yaml_files(source: Path) -> Iterator[Path]:
    if (source / PLATFORM_FILE).is_file():
        yield source / PLATFORM_FILE
    for parent, folders, files in os.walk(source / TENANTS_FOLDER):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(parent, name)


def _copy_yaml(source: Path, target: Path, *, keep_platform: bool) -> set[Path]:
    """Copies the YAML; empty tenant folders too, because a missing ``tenant.yaml`` is a mistake to show."""
    wanted = set()
    for path in _yaml_files(source):
        relative = path.relative_to(source)
        wanted.add(relative)
        if keep_platform and relative == Path(PLATFORM_FILE):
            continue
        try:
            _write(target / relative, path.read_bytes())
        except FileNotFoundError:
            wanted.discard(relative)
    return wanted


def _mistakes(folder: Folder) -> dict[str, str]:
    by_file: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in folder.mistakes:
        by_file[mistake.file].append(mistake)
    return {file: text_of(mistakes) for file, mistakes in by_file.items()}


def _as_old_as_its_yaml(target: Path, tenant: str) -> None:
    """Gives a stub the time of the newest YAML that it depends on: a DAG file is read again only when it is younger."""
    files = [target / PLATFORM_FILE, *(target / TENANTS_FOLDER / tenant).rglob("*.y*ml")]
    newest = max(path.stat().st_mtime_ns for path in files if path.exists())
    stub = target / f"{tenant}.py"
    if stub.stat().st_mtime_ns != newest:
        os.utime(stub, ns=(newest, newest))


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
