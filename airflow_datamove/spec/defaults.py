"""``_defaults.yaml``: what the pipelines of a folder, and of the folders below it, say unless they say it themselves.

Two things stand in it. Most fields are *defaults*: a pipeline, or a ``_defaults.yaml`` further down, may say otherwise.
``limits`` are no defaults: they narrow what the tenant may do, for everything below, and nothing below can widen them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model

from airflow_datamove.spec.fields import Lane, Model
from airflow_datamove.spec.parameters import Parameter, ParameterName
from airflow_datamove.spec.pipeline import Exists, Owner, Retries, RetryDelay, Tags, Timeout
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.spec.schedule import Date, Schedule, TimeZone
from airflow_datamove.spec.tenant import Prefix

DEFAULTS_FILE = "_defaults.yaml"
_NOT_INHERITED = {"source", "destination"}

if TYPE_CHECKING:

    class CopyDefaults(Model):
        """What a copy step says unless it says otherwise."""

else:
    CopyDefaults = create_model(
        "CopyDefaults",
        __base__=Model,
        __module__=__name__,
        __doc__="What a copy step says unless it says otherwise.",
        **{
            name: (
                Annotated[(field.annotation, *field.metadata, Field())] | None,
                Field(default=None, description=field.description),
            )
            for name, field in CopyRequest.model_fields.items()
            if name not in _NOT_INHERITED
        },
    )


class FolderLimits(Model):
    """What the pipelines of a folder may do, at most; never more than their tenant."""

    read: Annotated[list[Prefix] | None, Field(description="Folders that they may read, inside the tenant's")] = None
    write: Annotated[list[Prefix] | None, Field(description="Folders that they may write, inside the tenant's")] = None
    max_lane: Annotated[Lane | None, Field(description="The highest lane that they may use")] = None
    max_slots: Annotated[int | None, Field(ge=1, description="The most slots that one copy may take")] = None


class Defaults(Model):
    """Defaults and limits of a folder of pipelines."""

    limits: Annotated[FolderLimits | None, Field(description="Narrows what everything below may do")] = None
    owner: Owner | None = None
    tags: Tags | None = None
    schedule: Annotated[Schedule, Field(description="As in a pipeline; not for those that say after:")] = None
    timezone: Annotated[TimeZone | None, Field(description="Where hours and dates are meant")] = None
    start: Annotated[Date | None, Field(description="No run before it")] = None
    end: Annotated[Date | None, Field(description="No run after it")] = None
    catchup: Annotated[bool | None, Field(description="Also run for each date missed since start")] = None
    max_active_runs: Annotated[int | None, Field(ge=1, le=1000, description="Runs at a time")] = None
    params: Annotated[
        dict[ParameterName, Parameter], Field(max_length=50, description="Parameters that every pipeline has")
    ] = {}
    retries: Retries | None = None
    retry_delay: RetryDelay | None = None
    timeout: Timeout | None = None
    when: Annotated[list[Exists] | None, Field(max_length=50, description="Pre-conditions")] = None
    copy_: Annotated[CopyDefaults | None, Field(alias="copy", description="What every copy step says")] = None


def merge(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Two levels of defaults as one: mappings are joined by their keys, everything else is replaced."""
    merged = dict(outer)
    for key, value in inner.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def with_defaults(values: Any, defaults: Mapping[str, Any]) -> Any:
    """A pipeline's values with what its folders say where it is silent."""
    if not defaults or not isinstance(values, Mapping):
        return values
    top = {key: value for key, value in defaults.items() if key not in ("limits", "copy")}
    if "after" in values:
        top.pop("schedule", None)
        top.pop("catchup", None)
    merged = merge(top, values)
    if (copy := defaults.get("copy")) and isinstance(values.get("steps"), Mapping):
        merged["steps"] = {name: _with_copy(step, copy) for name, step in values["steps"].items()}
    return merged


def _with_copy(step: Any, copy: Mapping[str, Any]) -> Any:
    if isinstance(step, Mapping) and isinstance(step.get("copy"), Mapping):
        return {**step, "copy": {**copy, **step["copy"]}}
    return step
