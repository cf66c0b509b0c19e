"""``tenants/<tenant>/<name>.pipeline.yaml``: one pipeline, which becomes one DAG."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Model, Name
from airflow_datamove.spec.request import CopyRequest

_PRESETS = {"@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"}


def _check_schedule(value: Any) -> str | None:
    if value is None:
        return None
    from croniter import croniter

    if not isinstance(value, str) or not (value in _PRESETS or (croniter.is_valid(value) and len(value.split()) == 5)):
        raise SpecError(
            f"{str(value)[:80]!r} is not a schedule", remedy='Write five cron fields, "0 2 * * *", or @daily, or null'
        )
    return value


class Exists(Model):
    """A pre-condition: something stands at an address."""

    exists: Annotated[AddressText, Field(description="Address of a file or directory to wait for")]
    timeout: Annotated[int, Field(ge=1, description="Seconds to wait before the run fails")] = 24 * 3600
    every: Annotated[int, Field(ge=1, description="Seconds between two looks")] = 30


class Step(Model):
    """One step of a pipeline."""

    copy_: Annotated[CopyRequest, Field(alias="copy", description="Copy from source to destination")]


class Pipeline(Model):
    """A pipeline: wait for its pre-conditions, then do its steps, one after the other in the order written."""

    description: str = ""
    schedule: Annotated[str | None, BeforeValidator(_check_schedule), Field(description="Cron or preset; UTC")] = None
    when: Annotated[list[Exists], Field(description="Pre-conditions; all must hold")] = []
    steps: Annotated[dict[Name, Step], Field(min_length=1)]
