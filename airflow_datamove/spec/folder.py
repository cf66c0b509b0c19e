"""The whole folder: ``platform.yaml`` and ``tenants/``. One file's mistake never hides the others.

platform.yaml
tenants/<tenant>/tenant.yaml
tenants/<tenant>/[<any folders>/]_defaults.yaml
tenants/<tenant>/[<any folders>/]<name>.pipeline.yaml
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.defaults import DEFAULTS_FILE, Defaults, FolderLimits, merge, with_defaults
from airflow_datamove.spec.fields import Model, check_name
from airflow_datamove.spec.mistakes import Mistake, Place, problems_of
from airflow_datamove.spec.pipeline import Pipeline
from airflow_datamove.spec.pipeline_sense import problems_in
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
    limits: tuple[FolderLimits, ...] = ()
    """What the folders that it lies in allow, the outermost first."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the pipelines of a folder inherit from it and from the folders above."""

    values: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[FolderLimits, ...] = ()
    documents: tuple[Document, ...] = ()
    """Where each of the limits stands."""
    sound: bool = True
    """False: one of the files has a mistake, and no pipeline below it is safe to run."""


@dataclass(slots=True)
class TenantFolder:
    """One tenant with what is sound of it."""

    name: str
    tenant: Tenant
    document: Document
    pipelines: dict[str, PipelineFile] = field(default_factory=dict)
    known: set[str] | None = None
    """The names of all pipelines, broken ones too; ``None`` if not all were looked at."""
    inherited: dict[Path, Inherited] = field(default_factory=dict)
    """By folder, as far as they were needed."""


@dataclass(slots=True)
class Folder:
    """Everything that is sound, and every mistake."""

    root: Path
    platform: Platform | None = None
    platform_document: Document | None = None
    tenants: dict[str, TenantFolder] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def read_folder(
    root: Path, *, tenant: str | None = None, pipeline: str | None = None, platform: Platform | None = None
) -> Folder:
    """Reads a platform's folder.

    :param tenant: read only this tenant, besides ``platform.yaml``; the name of none reads none.
    :param pipeline: read only this pipeline of each tenant; the name of none reads none.
    :param platform: take this one, and do not read ``platform.yaml``.
    """
    folder = read_platform(root) if platform is None else Folder(root, platform)
    for name in tenant_names(root) if tenant is None else [tenant]:
        home = root / TENANTS_FOLDER / name
        if name and home.is_dir():
            _read_tenant(folder, home, pipeline)
    return folder


def read_platform(root: Path) -> Folder:
    """Reads ``platform.yaml`` alone."""
    folder = Folder(root)
    if not (root / PLATFORM_FILE).exists():
        folder.mistakes.append(
            Mistake(PLATFORM_FILE, Place(1, 1), "is missing", f"Write {PLATFORM_FILE} beside {TENANTS_FOLDER}/")
        )
    elif read := _read_into(folder, root / PLATFORM_FILE, Platform):
        folder.platform, folder.platform_document = read
    return folder


def tenant_names(root: Path) -> list[str]:
    """The folders of tenants, sorted; one look at one folder, however many pipelines lie below."""
    try:
        with os.scandir(root / TENANTS_FOLDER) as found:
            return sorted(each.name for each in found if not each.name.startswith(".") and each.is_dir())
    except OSError:
        return []


def read_model(
    path: Path,
    shown: str,
    model: type[M],
    *,
    root: Path | None = None,
    prepare: Callable[[Any], Any] | None = None,
) -> tuple[M, Document]:
    """Reads one file into its model.

    :param root: the folder that a link may not lead out of.
    :param prepare: is given the file's values, and returns those that are taken.

    :raises ExceptionGroup: of :class:`Mistake`, one for each that was found.
    """
    try:
        document = read_document(path, shown, root=root)
    except Mistake as mistake:
        raise ExceptionGroup(shown, [mistake]) from None
    values = prepare(document.values) if prepare else document.values
    try:
        return model.model_validate(values, context={"yaml": True}), document
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
    inherited: dict[Path, Inherited] = {home.parent: Inherited()}
    for path in _yaml_files(home):
        if path.name == DEFAULTS_FILE:
            if only is None:
                _inherited(folder, path.parent, inherited)
        elif only is None or path.name == f"{only}{PIPELINE_SUFFIX}":
            _read_pipeline(folder, found, path, first, inherited)
    if found:
        found.known = set(first) if only is None else None
        found.inherited = inherited
        folder.tenants[home.name] = found


def _inherited(folder: Folder, home: Path, known: dict[Path, Inherited]) -> Inherited:
    """What the pipelines of a folder inherit."""
    if home not in known:
        above = _inherited(folder, home.parent, known)
        path = home / DEFAULTS_FILE
        if not path.exists() and not path.is_symlink():
            known[home] = above
        elif read := _read_into(folder, path, Defaults):
            model, document = read
            known[home] = Inherited(
                merge(above.values, document.values),
                (*above.limits, *((model.limits,) if model.limits else ())),
                (*above.documents, *((document,) if model.limits else ())),
                above.sound,
            )
        else:
            known[home] = Inherited(sound=False)
    return known[home]


def _read_pipeline(
    folder: Folder, tenant: TenantFolder | None, path: Path, first: dict[str, str], inherited: dict[Path, Inherited]
) -> None:
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
    above = _inherited(folder, path.parent, inherited)
    read = _read_into(folder, path, Pipeline, lambda values: with_defaults(values, above.values))
    if read is None:
        return
    pipeline, document = read
    found = [document.mistake(*each) for each in problems_in(pipeline)]
    folder.mistakes.extend(found)
    if tenant and above.sound and not found:
        tenant.pipelines[name] = PipelineFile(name, pipeline, document, above.limits)


def _read_into(
    folder: Folder, path: Path, model: type[M], prepare: Callable[[Any], Any] | None = None
) -> tuple[M, Document] | None:
    try:
        return read_model(path, path.relative_to(folder.root).as_posix(), model, root=folder.root, prepare=prepare)
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
