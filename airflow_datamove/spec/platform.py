"""``platform.yaml``: the links, the Hadoop cluster, and from what size on it is used."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from airflow_datamove.errors import SpecError
from airflow_datamove.quantity import format_rate
from airflow_datamove.spec.capacity import OTHERWISE, SPAN_PATTERN, TIMEZONE, Capacity, read_capacity
from airflow_datamove.spec.fields import Fraction, Model, Name, Rate, Size
from airflow_datamove.spec.python_step import FunctionPattern

_RATE = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[A-Za-z]", "examples": ["50 Gbit/s"]}
_CAPACITY_SCHEMA = {
    "anyOf": [
        _RATE,
        {
            "type": "object",
            "description": "By the time of day",
            "properties": {TIMEZONE: {"type": "string", "examples": ["Europe/Berlin"]}, OTHERWISE: _RATE},
            "patternProperties": {SPAN_PATTERN: _RATE},
            "additionalProperties": False,
        },
    ]
}


class Link(Model):
    """A network link and how its bandwidth is cut into slots of one rate."""

    capacity: Annotated[
        Capacity,
        BeforeValidator(read_capacity),
        WithJsonSchema(_CAPACITY_SCHEMA),
        Field(description="What all copies together may use, always or by the time of day"),
    ]
    slot: Annotated[Rate, Field(description="The rate that one slot stands for")] = 25 * 2**20
    distcp: Annotated[Fraction, Field(description="How much of the link DistCp may have")] = 0.75
    urgent: Annotated[Fraction, Field(description="How much is kept for the urgent lane's worker copies")] = 0.1
    server_side: Annotated[
        bool, Field(description="What a service copies by itself counts against the link too, and keeps to the rate")
    ] = False
    shares: Annotated[
        bool,
        Field(
            description="Running copies share the link by their tenants' shares; else each has the rate of its slots"
        ),
    ] = True

    @model_validator(mode="after")
    def _has_slots(self) -> Link:
        if self.distcp + self.urgent > 1:
            raise SpecError(
                "distcp and urgent together are more than the link", remedy="Let them add up to 100% at most"
            )
        if self.capacity.smallest < 3 * self.slot:
            raise SpecError(
                f"{format_rate(self.capacity.smallest)} holds fewer than 3 slots of {format_rate(self.slot)}",
                remedy="Make slot: smaller; the worker, DistCp and the urgent lane need one each",
            )
        if self.capacity.smallest < self.capacity.largest and not self.shares:
            raise SpecError(
                "times of the day bring nothing without shares",
                remedy="Write one rate, or take out shares: false. Slots are cut from the smallest rate",
            )
        return self


class Hadoop(Model):
    """The cluster that copies large sources."""

    connection: Annotated[str, Field(min_length=1, description="Airflow connection of type hadoop")]
    queue: Annotated[str, Field(description="YARN queue")] = ""
    properties: Annotated[
        dict[str, str], Field(description="Hadoop properties of every job (a short list is allowed)")
    ] = {}


class Platform(Model):
    """What the platform team declares, for all tenants."""

    links: Annotated[dict[Name, Link], Field(min_length=1)]
    hadoop: Hadoop | None = None
    threshold: Annotated[Size, Field(description="From this size on DistCp copies")] = 2**30
    python_allowed: Annotated[
        list[FunctionPattern], Field(description="The functions that a step python: may call, such as acme_etl.*")
    ] = []
