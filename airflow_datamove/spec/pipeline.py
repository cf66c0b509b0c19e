"""``tenants/<tenant>/<name>.pipeline.yaml``: one pipeline, which becomes one DAG."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Duration, Model, Name
from airflow_datamove.spec.for_each import ForEach
from airflow_datamove.spec.parameters import Parameter, ParameterName
from airflow_datamove.spec.schedule import Date, Schedule, TimeZone
from airflow_datamove.spec.step_kinds import KINDS, StepKind
from airflow_datamove.spec.templates import may_have_template, without_templates

DAY = 24 * 3600
_LONGEST = 366 * DAY
END = "done"
"""The task that ends every pipeline, and tells whoever waits for it."""


def _check_no_glob(text: str) -> str:
    if set("*?[{") & set(without_templates(text)):
        raise SpecError("a pre-condition cannot be a glob", remedy="Name one file, such as .../_SUCCESS")
    return text


def _check_span(seconds: float) -> float:
    if seconds > _LONGEST:
        raise SpecError("longer than a year", remedy="Write at most 365d")
    return seconds


def _check_plain(text: str) -> str:
    if may_have_template(text):
        raise SpecError("a template has no place here", remedy="Write plain text")
    return text


Span = Annotated[Duration, AfterValidator(_check_span)]
Retries = Annotated[int, Field(ge=0, le=100, description="How often a task that fails is tried again")]
RetryDelay = Annotated[Span, Field(description="The pause before the first of these; it doubles, up to ten minutes")]
Timeout = Annotated[Span, Field(description="How long one try of a task may take")]
Owner = Annotated[str, Field(min_length=3, max_length=250, description="Whom to ask; by default the tenant's owner")]
Tag = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_plain)]
Tags = Annotated[list[Tag], Field(max_length=20, description="Further tags in Airflow's UI")]


class Exists(Model):
    """A pre-condition: something stands at an address."""

    exists: Annotated[
        AddressText, AfterValidator(_check_no_glob), Field(description="Address of a file or directory to wait for")
    ]
    timeout: Annotated[int, Field(ge=1, le=_LONGEST, description="Seconds to wait before the run fails")] = DAY
    every: Annotated[int, Field(ge=1, le=DAY, description="Seconds between two looks")] = 30


class After(Model):
    """What a pipeline runs after, instead of by the clock; a list for short means all of it."""

    all_: Annotated[
        list[str], Field(alias="all", max_length=50, description="Pipelines or addresses; each must have come anew")
    ] = []
    any_: Annotated[
        list[str], Field(alias="any", max_length=50, description="Pipelines or addresses; one that comes is enough")
    ] = []

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"all": [value]} if isinstance(value, str) else {"all": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _is_one(self) -> After:
        if bool(self.all_) == bool(self.any_):
            raise SpecError("after needs all: or any:", remedy="Name pipelines of this tenant, or addresses")
        return self

    @property
    def named(self) -> list[str]:
        """Everything that is waited for, as written."""
        return self.all_ or self.any_

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A text or a list for short."""
        long = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}, long]}


class StepOptions(Model):
    """What every step may say besides what it does."""

    after: Annotated[
        list[str] | None,
        Field(max_length=100, description="The steps that it follows; without it, those that write what it reads"),
    ] = None
    for_each: Annotated[
        ForEach | None, Field(description="Do the step for each item; {{ item }} is the item in its texts")
    ] = None
    retries: Retries | None = None
    retry_delay: RetryDelay | None = None
    timeout: Timeout | None = None
    docs: Annotated[str, Field(max_length=10_000, description="Markdown, shown beside the task")] = ""

    @cached_property
    def kind(self) -> StepKind:
        """What kind of step it is."""
        for kind in KINDS.values():
            if getattr(self, f"{kind.name}_") is not None:
                return kind
        raise AssertionError("a step of no kind is never sound")

    @property
    def body(self) -> Any:
        """What stands below its kind."""
        return getattr(self, f"{self.kind.name}_")

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> StepOptions:
        said = [name for name in KINDS if getattr(self, f"{name}_", None) is not None]
        if len(said) != 1:
            what = f"the step says {' and '.join(said)}" if said else "the step does nothing"
            raise SpecError(what, remedy=f"Write one of: {', '.join(KINDS)}")
        return self


if TYPE_CHECKING:

    class Step(StepOptions):
        """One step of a pipeline; each kind of step is an optional field."""

else:
    Step = create_model(
        "Step",
        __base__=StepOptions,
        __module__=__name__,
        __doc__="One step of a pipeline. It says one of its kinds.",
        **{
            f"{kind.name}_": (
                kind.model | None,
                Field(default=None, alias=kind.name, description=kind.description),
            )
            for kind in KINDS.values()
        },
    )


class Pipeline(Model):
    """A pipeline: wait for its pre-conditions, then do its steps, each after those that write what it reads."""

    description: Annotated[str, Field(max_length=1000, description="One line, shown in Airflow's list of DAGs")] = ""
    docs: Annotated[str, Field(max_length=50_000, description="Markdown, shown on the DAG's page")] = ""
    owner: Owner | None = None
    tags: Tags = []
    schedule: Annotated[
        Schedule,
        Field(description='Five cron fields, "0 2 * * *", or a preset, @daily; without it, runs are asked for'),
    ] = None
    timezone: Annotated[TimeZone, Field(description="Where the schedule's hours, start and end are meant")] = "UTC"
    after: Annotated[After | None, Field(description="Run whenever these have come, instead of by the clock")] = None
    interval: Annotated[
        Span | None, Field(description="What a run covers: data_interval_start is so long before its date")
    ] = None
    start: Annotated[Date | None, Field(description="No run before it")] = None
    end: Annotated[Date | None, Field(description="No run after it")] = None
    catchup: Annotated[bool, Field(description="Also run for each date missed since start")] = False
    max_active_runs: Annotated[int, Field(ge=1, le=1000, description="Runs at a time")] = 16
    params: Annotated[
        dict[ParameterName, Parameter],
        Field(max_length=50, description="What a run may be given; {{ params.x }} is it"),
    ] = {}
    retries: Retries | None = None
    retry_delay: RetryDelay | None = None
    timeout: Timeout | None = None
    when: Annotated[list[Exists], Field(max_length=50, description="Pre-conditions; all must hold")] = []
    steps: Annotated[
        dict[Name, Step],
        Field(min_length=1, max_length=200, description="The steps by their names"),
    ]
