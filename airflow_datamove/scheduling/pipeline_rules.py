"""May it? A sound pipeline against its tenant's limits, and a tenant's pipelines against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from airflow_datamove.scheduling.admission import refusals, within
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.spec.defaults import FolderLimits
from airflow_datamove.spec.fields import LANES
from airflow_datamove.spec.folder import Folder, PipelineFile, TenantFolder
from airflow_datamove.spec.for_each import fill_items
from airflow_datamove.spec.graph import circle
from airflow_datamove.spec.mistakes import Problem, did_you_mean
from airflow_datamove.spec.pipeline import StepOptions
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.python_step import PythonCall, is_allowed
from airflow_datamove.spec.request import CopyRequest


class StepCheck(Protocol):
    """Says what speaks against a step; paths of problems are relative to what stands below its kind."""

    def __call__(self, body: object, limits: Limits, platform: Platform, step: StepOptions) -> Sequence[Problem]:
        """What speaks against it."""


def check_copy(body: CopyRequest, limits: Limits, platform: Platform, step: StepOptions) -> list[Problem]:
    """A :class:`StepCheck`: a copy, or each of those that a list of items makes of it."""
    found = refusals(body, limits, templates=True)
    if found or step.for_each is None or not step.for_each.items:
        return found
    values = body.model_dump(exclude_unset=True)
    for item in step.for_each.items:
        try:
            each = CopyRequest.model_validate(fill_items(values, item), context={"yaml": True})
        except ValueError as error:
            cause = error.errors()[0]["ctx"]["error"] if hasattr(error, "errors") else error
            return [Problem((), f"with the item {str(item)[:80]!r}: {cause}", "Mend the item or the step")]
        for problem in refusals(each, limits, templates=True):
            return [problem._replace(message=f"with the item {str(item)[:80]!r}: {problem.message}")]
    return []


def check_python(body: PythonCall, limits: Limits, platform: Platform, step: StepOptions) -> list[Problem]:
    """A :class:`StepCheck`: the function must be on the platform's list, and what it says that it touches, allowed."""
    found = []
    if not is_allowed(body.function, platform.python_allowed):
        allowed = ", ".join(platform.python_allowed) or "nothing; ask the platform team for python_allowed:"
        found.append(Problem(("function",), f"the platform does not allow {body.function!r}", f"Allowed: {allowed}"))
    both = limits.read + limits.write
    for field, verb, allowed_in in (("reads", "read", both), ("writes", "write", limits.write)):
        for index, address in enumerate(getattr(body, field)):
            if not within(address, allowed_in, templates=True):
                found.append(_outside((field, index), address, verb, allowed_in, limits))
    return found


def narrowed(limits: Limits, folders: Sequence[FolderLimits]) -> Limits:
    """A tenant's limits with those of the folders that a pipeline lies in; they never widen them."""
    for each in folders:
        limits = replace(
            limits,
            read=limits.read if each.read is None else _both(each.read, limits.read),
            write=limits.write if each.write is None else _both(each.write, limits.write),
            max_lane=min(each.max_lane or limits.max_lane, limits.max_lane, key=LANES.index),
            max_slots=min(each.max_slots or limits.max_slots, limits.max_slots),
        )
    return limits


def _both(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The folders that lie in both."""
    found = {a if a.startswith(b) else b for a in some for b in others if a.startswith(b) or b.startswith(a)}
    return tuple(sorted(found))


def check_pipelines(folder: Folder, tenant: TenantFolder, limits: Limits, platform: Platform) -> None:
    """Drops a tenant's pipelines that are not allowed, and adds a mistake for each."""
    _check_defaults(folder, tenant, limits)
    for file in list(tenant.pipelines.values()):
        found = list(problems_of_pipeline(file, tenant, narrowed(limits, file.limits), platform))
        if found:
            folder.mistakes.extend(file.document.mistake(*each) for each in found)
            del tenant.pipelines[file.name]
    _check_circles(folder, tenant)


def problems_of_pipeline(
    file: PipelineFile, tenant: TenantFolder, limits: Limits, platform: Platform
) -> Iterator[Problem]:
    """Everything that speaks against one pipeline."""
    pipeline = file.pipeline
    both = limits.read + limits.write
    for index, condition in enumerate(pipeline.when):
        if not within(condition.exists, both, templates=True):
            yield _outside(("when", index, "exists"), condition.exists, "read", limits.read, limits)
    for name, step in pipeline.steps.items():
        for problem in step.kind.checker()(step.body, limits, platform, step):
            yield problem._replace(path=("steps", name, step.kind.name, *problem.path))
        listing = step.for_each.listing if step.for_each else None
        if listing and not within(listing, limits.read, templates=True):
            yield _outside(("steps", name, "for_each", "list"), listing, "read", limits.read, limits)
    if pipeline.after is None:
        return
    for index, waited in enumerate(pipeline.after.named):
        path = ("after", "all" if pipeline.after.all_ else "any", index)
        if "://" in waited:
            if not within(waited, both):
                yield _outside(path, waited, "read", limits.read, limits)
        elif waited == file.name:
            yield Problem(path, "a pipeline cannot follow itself", "Name another one, or write a schedule")
        elif tenant.known is not None and waited not in tenant.known:
            known = did_you_mean(waited, tenant.known)
            remedy = f"{known}{'' if known.endswith('?') else '.'} Of another tenant, name the address that it writes"
            yield Problem(path, f"tenant {tenant.name!r} has no pipeline {waited[:80]!r}", remedy)


def _check_defaults(folder: Folder, tenant: TenantFolder, limits: Limits) -> None:
    """Adds a mistake for each limit of a folder that is wider than what stands above it; what it says is narrowed."""
    seen = set()
    for inherited in tenant.inherited.values():
        within_limits = limits
        for each, document in zip(inherited.limits, inherited.documents, strict=True):
            if document.file not in seen:
                seen.add(document.file)
                found = _wider(each, within_limits)
                folder.mistakes.extend(document.mistake(("limits", *p.path), p.message, p.remedy) for p in found)
            within_limits = narrowed(within_limits, [each])


def _wider(folder: FolderLimits, limits: Limits) -> Iterator[Problem]:
    for field, allowed in (("read", limits.read), ("write", limits.write)):
        for index, prefix in enumerate(getattr(folder, field) or ()):
            if not within(prefix, allowed):
                yield _outside((field, index), prefix, field, allowed, limits)
    if folder.max_lane and LANES.index(folder.max_lane) > LANES.index(limits.max_lane):
        yield Problem(("max_lane",), f"the lane {folder.max_lane!r} is above {limits.max_lane!r}", "Limits only narrow")
    if folder.max_slots and folder.max_slots > limits.max_slots:
        yield Problem(("max_slots",), f"{folder.max_slots} are more than {limits.max_slots}", "Limits only narrow")


def _check_circles(folder: Folder, tenant: TenantFolder) -> None:
    while way := circle({n: file.pipeline.after.named for n, file in tenant.pipelines.items() if file.pipeline.after}):
        file = tenant.pipelines.pop(way[0])
        text = f"the pipelines wait for each other: {' -> '.join(reversed(way))}"
        folder.mistakes.append(file.document.mistake(("after",), text, "Take one of them out of the circle"))


def _outside(
    path: tuple[str | int, ...], address: str, verb: str, prefixes: tuple[str, ...], limits: Limits
) -> Problem:
    allowed = ", ".join(prefixes) or "nothing"
    where = path[0] if path[0] == "after" else path[-1] if isinstance(path[-1], str) else path[-2]
    return Problem(
        path, f"{where} {address!r} lies outside what tenant {limits.tenant!r} may {verb}", f"Allowed: {allowed}"
    )
