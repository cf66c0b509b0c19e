"""``tenants/<tenant>/<name>.pipeline.yaml``: one pipeline, which becomes one DAG."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Model, Name
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.spec.templates import without_templates

_ANY_DAY = datetime(2026, 1, 1)
_DAY = 24 * 3600
_PRESETS = {"@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"}


def _check_schedule(value: Any) -> str | None:
    if value is None:
        return None
    from croniter import CroniterBadDateError, croniter

    if isinstance(value, str) and croniter.is_valid(value) and len(value.split()) == 5:
        try:
            croniter(value, _ANY_DAY).get_next()
        except CroniterBadDateError:
            raise SpecError(f"{value!r} never comes", remedy="Name a day that exists") from None
    elif value not in _PRESETS:
        raise SpecError(
            f"{str(value)[:80]!r} is not a schedule", remedy='Write five cron fields, "0 2 * * *", or @daily, or null'
        )
    return str(value)


def _check_no_glob(text: str) -> str:
    if set("*?[{") & set(without_templates(text)):
        raise SpecError("a pre-condition cannot be a glob", remedy="Name one file, such as .../_SUCCESS")
    return text


def _check_steps(steps: dict[str, Step]) -> dict[str, Step]:
    for name in steps:
        if name.startswith("when_") or name.endswith("_distcp"):
            raise SpecError(f"a step cannot be called {name!r}", remedy="when_... and ..._distcp are tasks of ours")
    return steps


class Exists(Model):
    """A pre-condition: something stands at an address."""

    exists: Annotated[
        AddressText, AfterValidator(_check_no_glob), Field(description="Address of a file or directory to wait for")
    ]
    timeout: Annotated[int, Field(ge=1, le=366 * _DAY, description="Seconds to wait before the run fails")] = _DAY
    every: Annotated[int, Field(ge=1, le=_DAY, description="Seconds between two looks")] = 30


class Step(Model):
    """One step of a pipeline."""

    copy_: Annotated[CopyRequest, Field(alias="copy", description="Copy from source to destination")]


class Pipeline(Model):
    """A pipeline: wait for its pre-conditions, then do its steps, one after the other in the order written."""

    description: str = ""
    schedule: Annotated[str | None, BeforeValidator(_check_schedule), Field(description="Cron or preset; UTC")] = None
    when: Annotated[list[Exists], Field(description="Pre-conditions; all must hold")] = []
    steps: Annotated[dict[Name, Step], Field(min_length=1), AfterValidator(_check_steps)]
