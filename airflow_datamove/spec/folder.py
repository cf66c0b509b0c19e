"""The whole folder: ``platform.yaml`` and ``tenants/``. One file's mistake never hides the others.

platform.yaml
tenants/<tenant>/tenant.yaml
tenants/<tenant>/[<any folders>/]<name>.pipeline.yaml
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import Model, check_name
from airflow_datamove.spec.mistakes import Mistake, Place, problems_of
from airflow_datamove.spec.pipeline import Pipeline
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.reading import Document, read_document
from airflow_datamove.spec.tenant import Tenant

PLATFORM_FILE = "platform.yaml"
TENANTS_FOLDER = "tenants"
TENANT_FILE = "tenant.yaml"
PIPELINE_SUFFIX = ".pipeline.yaml"

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """One sound pipeline and the document that it was read from."""

    name: str
    pipeline: Pipeline
    document: Document


@dataclass(slots=True)
class TenantFolder:
    """One tenant with what is sound of it."""

    name: str
    tenant: Tenant
    document: Document
    pipelines: dict[str, PipelineFile] = field(default_factory=dict)


@dataclass(slots=True)
class Folder:
    """Everything that is sound, and every mistake."""

    root: Path
    platform: Platform | None = None
    platform_document: Document | None = None
    tenants: dict[str, TenantFolder] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def read_folder(root: Path, *, tenant: str | None = None, pipeline: str | None = None) -> Folder:
    """Reads a platform's folder.

    :param tenant: read only this tenant, besides ``platform.yaml``.
    :param pipeline: read only this pipeline of each tenant; the name of none reads none.
    """
    folder = Folder(root)
    if not (root / PLATFORM_FILE).exists():
        folder.mistakes.append(
            Mistake(PLATFORM_FILE, Place(1, 1), "is missing", f"Write {PLATFORM_FILE} beside {TENANTS_FOLDER}/")
        )
    elif read := _read_into(folder, root / PLATFORM_FILE, Platform):
        folder.platform, folder.platform_document = read
    tenants = root / TENANTS_FOLDER
    names = [tenant] if tenant else sorted(_visible(tenants)) if tenants.is_dir() else []
    for name in names:
        if (tenants / name).is_dir():
            _read_tenant(folder, tenants / name, pipeline)
    return folder


def read_model(path: Path, shown: str, model: type[M], *, root: Path | None = None) -> tuple[M, Document]:
    """Reads one file into its model.

    :param root: the folder that a link may not lead out of.

    :raises ExceptionGroup: of :class:`Mistake`, one for each that was found.
    """
    try:
        document = read_document(path, shown, root=root)
    except Mistake as mistake:
        raise ExceptionGroup(shown, [mistake]) from None
    try:
        return model.model_validate(document.values, context={"yaml": True}), document
    except ValidationError as error:
        found = [document.mistake(each.path, each.message, each.remedy) for each in problems_of(error, model)]
        raise ExceptionGroup(shown, found) from None


def _read_tenant(folder: Folder, home: Path, only: str | None) -> None:
    shown = home.relative_to(folder.root).as_posix()
    try:
        check_name(home.name)
    except SpecError as error:
        folder.mistakes.append(Mistake(shown, Place(1, 1), error.message, error.remedy))
        return
    read = _read_into(folder, home / TENANT_FILE, Tenant) if (home / TENANT_FILE).exists() else None
    if read is None and not (home / TENANT_FILE).exists():
        folder.mistakes.append(
            Mistake(f"{shown}/{TENANT_FILE}", Place(1, 1), "is missing", "Write it: owner, link, read, write")
        )
    found = TenantFolder(home.name, *read) if read else None
    first: dict[str, str] = {}
    for path in _yaml_files(home):
        if only is None or path.name == f"{only}{PIPELINE_SUFFIX}":
            _read_pipeline(folder, found, path, first)
    if found:
        folder.tenants[home.name] = found


def _read_pipeline(folder: Folder, tenant: TenantFolder | None, path: Path, first: dict[str, str]) -> None:
    shown = path.relative_to(folder.root).as_posix()
    name = path.name.removesuffix(PIPELINE_SUFFIX)
    if name == path.name:
        folder.mistakes.append(
            Mistake(shown, Place(1, 1), "is not read", f"Name it <name>{PIPELINE_SUFFIX}, or move it elsewhere")
        )
        return
    try:
        check_name(name)
    except SpecError as error:
        folder.mistakes.append(Mistake(shown, Place(1, 1), error.message, error.remedy))
        return
    if name in first:
        folder.mistakes.append(
            Mistake(shown, Place(1, 1), f"there is a pipeline {name!r} already, {first[name]}", "Rename one of them")
        )
        return
    first[name] = shown
    if (read := _read_into(folder, path, Pipeline)) and tenant:
        tenant.pipelines[name] = PipelineFile(name, *read)


def _read_into(folder: Folder, path: Path, model: type[M]) -> tuple[M, Document] | None:
    try:
        return read_model(path, path.relative_to(folder.root).as_posix(), model, root=folder.root)
    except ExceptionGroup as group:
        folder.mistakes.extend(each for each in group.exceptions if isinstance(each, Mistake))
        return None


def _yaml_files(home: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(home):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if path.suffix in (".yaml", ".yml") and not name.startswith(".") and path != home / TENANT_FILE:
                yield path


def _visible(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]
