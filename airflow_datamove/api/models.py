"""What is posted to ``/datamove`` and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["pending", "running", "done", "handled", "failed", "dead", "cancelled"]


class Answer(BaseModel):
    """What became of one posted request."""

    index: Annotated[int, Field(description="Its place in the list that was posted")] = 0
    id: Annotated[str | None, Field(description="The request's id; none if it was refused")] = None
    lane: str | None = None
    state: Annotated[
        Literal["accepted", "joined", "repeated", "refused", "planned"],
        Field(description="joined: an equal one is pending already; repeated: its idempotency_key is known already"),
    ]
    refused: Annotated[str | None, Field(description="Why, and what to do about it")] = None
    plan: Annotated[dict[str, Any] | None, Field(description="With dry_run: what would be done")] = None
    deadline: Annotated[
        dict[str, Any] | None,
        Field(description="Where one was given: what comes first, when it will be done, if in time"),
    ] = None


class Answers(BaseModel):
    """What became of a posted list."""

    accepted: int
    refused: int
    answers: list[Answer]


class Shown(BaseModel):
    """One request."""

    model_config = ConfigDict(extra="allow")

    id: str
    tenant: str
    lane: str
    state: State
    priority: int
    client: str
    source: str
    destination: str
    submitted_at: int
    """Milliseconds since 1970, as all times."""


class Found(BaseModel):
    """A page of requests, newest first."""

    requests: list[Shown]
    cursor: Annotated[str, Field(description="Pass it for the next page; empty on the last one")]
    counts: Annotated[dict[str, int] | None, Field(description="How many are in each state; on the first page")] = None


class Changes(BaseModel):
    """What a change did."""

    changed: int
    asked: Annotated[int, Field(description="Running ones that were asked to end, and will within seconds")] = 0
    left: Annotated[int, Field(description="Found beyond what one call changes: call again")] = 0


class Which(BaseModel):
    """Which requests a bulk change is for. At least one field, so that nobody changes everything by a slip."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = None
    tenant: list[str] | None = None
    state: list[State] | None = None
    lane: list[Literal["urgent", "normal", "bulk"]] | None = None
    client: list[str] | None = None
    source: Annotated[str, Field(description="A piece of the source's address")] = ""
    destination: str = ""
    priority_from: int | None = None
    since: Annotated[int | None, Field(description="Submitted then or later; milliseconds since 1970")] = None
    until: int | None = None


class NewPriority(BaseModel):
    """Another priority."""

    model_config = ConfigDict(extra="forbid")

    priority: Annotated[int, Field(ge=0, le=99)]


class NewPriorities(NewPriority):
    """Another priority for all that a query finds."""

    which: Which
