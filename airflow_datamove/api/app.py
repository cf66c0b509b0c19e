"""The endpoints; every one asks for a login and for rights on the tenant's copy DAGs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request, Response

from airflow_datamove import __version__
from airflow_datamove.api.incoming import Incoming
from airflow_datamove.api.lanes import Lanes
from airflow_datamove.api.models import (
    Answer,
    Answers,
    Changes,
    Found,
    NewPriorities,
    NewPriority,
    Shown,
    State,
    Which,
)
from airflow_datamove.api.plan import expected, plan
from airflow_datamove.api.rights import Method, may, tenants_of
from airflow_datamove.errors import DatamoveError, LedgerUnavailable, QueueFull
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger import change, search
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.submit import submit
from airflow_datamove.scheduling.leased_runs import lane_dag

MOST = 10_000
"""Requests in one call."""
MOST_PLANNED = 100
"""Requests whose plan, or whose deadline, one call answers for."""
_LARGEST = 64 * 2**20

app = FastAPI(
    title="Datamove",
    version=__version__,
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(get_user)],
)
_lanes = Lanes()


@contextmanager
def _ledger() -> Iterator[Ledger]:
    """The ledger; what goes wrong with it becomes an answer."""
    try:
        yield LedgerHook().get_conn()
    except LedgerUnavailable as error:
        raise HTTPException(503, str(error), headers={"Retry-After": "5"}) from None
    except QueueFull as error:
        raise HTTPException(429, str(error), headers={"Retry-After": "60"}) from None


async def _posted(request: Request) -> Any:
    """The body, read in pieces up to a bound.

    It is read here and not by a model: one bad request of ten thousand must not refuse the others.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(413, f"the body is larger than {_LARGEST} bytes. Post fewer requests at a time")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is no JSON") from None


@app.post("/requests", status_code=202)
def post_requests(
    response: Response,
    user: GetUserDep,
    posted: Annotated[Any, Depends(_posted)],
    dry_run: bool = False,
) -> Answer | Answers:
    """Puts one request, or a list of up to 10,000, into the queue. What is accepted is durable before the answer.

    A request has the fields of a copy request, and besides: `tenant`; `idempotency_key`, which makes a repeated call
    harmless; `join: false`, if an equal request that is pending does not do for this one; `deadline`.

    With `dry_run=true` nothing is kept: each answer has the plan.
    """
    values = posted if isinstance(posted, list) else [posted]
    if dry_run and len(values) > MOST_PLANNED:
        raise HTTPException(413, f"{len(values)} requests are more than {MOST_PLANNED}, which one dry run plans")
    if len(values) > MOST:
        raise HTTPException(413, f"{len(values)} requests are more than {MOST}. Post fewer at a time")
    incoming = Incoming(_lanes, user)
    for index, each in enumerate(values):
        incoming.read(index, each)
    answers = (_planned(incoming) if dry_run else _submitted(incoming)) + incoming.refused
    answers.sort(key=lambda answer: answer.index)
    if not isinstance(posted, list):
        if answers[0].refused:
            raise HTTPException(400, answers[0].refused)
        return answers[0]
    if not incoming.accepted and values:
        response.status_code = 400
    return Answers(accepted=len(incoming.accepted), refused=len(incoming.refused), answers=answers)


def _planned(incoming: Incoming) -> list[Answer]:
    answers = []
    with _ledger() as ledger:
        for index, new in incoming.accepted:
            limits = _lanes.limits(new.tenant, new.lane)
            try:
                planned = plan(ledger, new, limits) if limits is not None else None
                answers.append(Answer(index=index, lane=new.lane, state="planned", plan=planned))
            except LedgerUnavailable:
                raise
            except DatamoveError as error:
                answers.append(Answer(index=index, lane=new.lane, state="refused", refused=str(error)))
    return answers


def _submitted(incoming: Incoming) -> list[Answer]:
    if not incoming.accepted:
        return []
    with _ledger() as ledger:
        new = [each for _, each in incoming.accepted]
        promised: dict[str, dict[str, Any]] = {}
        submitted = submit(ledger, new, most=incoming.most)
        for request, each in zip(new, submitted, strict=True):
            if request.deadline_at is not None and len(promised) < MOST_PLANNED:
                promised[each.id] = expected(ledger, request).to_dict()
        for tenant, lane in sorted({(each.tenant, each.lane) for each in new}):
            _lanes.wake(ledger, tenant, lane, str(incoming.user.get_name()))
    return [
        Answer(
            index=index,
            id=each.id,
            lane=request.lane,
            state="joined" if each.joined else "repeated" if each.repeated else "accepted",
            deadline=promised.get(each.id),
        )
        for (index, request), each in zip(incoming.accepted, submitted, strict=True)
    ]


@app.get("/requests")
def get_requests(
    user: GetUserDep,
    tenant: Annotated[list[str] | None, Query()] = None,
    state: Annotated[list[State] | None, Query()] = None,
    lane: Annotated[list[str] | None, Query()] = None,
    client: Annotated[list[str] | None, Query()] = None,
    source: str = "",
    destination: str = "",
    priority_from: int | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: Annotated[int, Query(ge=1, le=search.LARGEST_PAGE)] = search.PAGE,
    cursor: str = "",
    counts: bool = True,
) -> Found:
    """Requests, newest first, a page at a time; counts by state on the first page."""
    query = _query(
        user,
        "GET",
        Which(
            tenant=tenant, state=state, lane=lane, client=client, source=source, destination=destination,
            priority_from=priority_from, since=since, until=until,
        ),
    )  # fmt: skip
    with _ledger() as ledger:
        page = search.search(ledger, query, limit=limit, cursor=cursor)
        counted = search.count(ledger, query) if counts and not cursor else None
    return Found(requests=[Shown(**_linked(each)) for each in page.requests], cursor=page.cursor, counts=counted)


@app.get("/requests/{id}")
def get_request(id: str, user: GetUserDep) -> Shown:
    """One request: state, place in the queue, route and reason, progress or report, tries, its run."""
    with _ledger() as ledger:
        return Shown(**_linked(_mine(ledger, id, user, "GET")))


@app.post("/requests/{id}/cancel")
def cancel_one(id: str, user: GetUserDep) -> Changes:
    """Cancels a request: at once if it is pending, within seconds if it runs."""
    return _change_one(id, user, change.cancel)


@app.post("/requests/{id}/retry")
def retry_one(id: str, user: GetUserDep) -> Changes:
    """Puts a request that failed, is dead or was cancelled back into the queue."""
    return _change_one(id, user, change.retry)


@app.post("/requests/{id}/priority")
def priority_one(id: str, user: GetUserDep, new: Annotated[NewPriority, Body()]) -> Changes:
    """Gives a pending request another priority."""
    return _change_one(id, user, lambda ledger, query: change.set_priority(ledger, query, new.priority))


@app.post("/cancel")
def cancel_many(user: GetUserDep, which: Annotated[Which, Body()]) -> Changes:
    """Cancels all that a query finds."""
    return _change_many(user, which, change.cancel)


@app.post("/retry")
def retry_many(user: GetUserDep, which: Annotated[Which, Body()]) -> Changes:
    """Puts all that a query finds, and that failed, is dead or was cancelled, back into the queue."""
    return _change_many(user, which, change.retry)


@app.post("/priority")
def priority_many(user: GetUserDep, new: Annotated[NewPriorities, Body()]) -> Changes:
    """Gives all pending ones that a query finds another priority."""
    return _change_many(user, new.which, lambda ledger, query: change.set_priority(ledger, query, new.priority))


@app.get("/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """The description of these endpoints, for who is logged in."""
    return app.openapi()


_Change = Callable[[Ledger, search.Query], change.Changed]


def _change_one(id: str, user: Any, do: _Change) -> Changes:
    with _ledger() as ledger:
        found = _mine(ledger, id, user, "PUT")
        changed = do(ledger, search.Query(ids=[id]))
        _lanes.wake(ledger, found["tenant"], found["lane"], str(user.get_name()))
    if not changed.changed and not changed.asked:
        raise HTTPException(409, f"request {id} is {found['state']}: there is nothing to change")
    return _changes(changed)


def _change_many(user: Any, which: Which, do: _Change) -> Changes:
    if not which.model_dump(exclude_defaults=True):
        raise HTTPException(400, "the query is empty and would change everything. Name a tenant, a state, ids, ...")
    query = _query(user, "PUT", which)
    with _ledger() as ledger:
        changed = do(ledger, query)
        for tenant in sorted(query.tenants or ()):
            for lane in ("urgent", "normal", "bulk"):
                _lanes.wake(ledger, tenant, lane, str(user.get_name()))
    return _changes(changed)


def _changes(changed: change.Changed) -> Changes:
    return Changes(changed=changed.changed, asked=changed.asked, left=changed.left)


def _mine(ledger: Ledger, id: str, user: Any, method: Method) -> dict[str, Any]:
    """A request that the user may see; to whom may not, it is not there."""
    found = search.find(ledger, id)
    if found is None or not may(user, "GET", found["tenant"], found["lane"]):
        raise HTTPException(404, f"there is no request {id}")
    if method != "GET" and not may(user, method, found["tenant"], found["lane"]):
        raise HTTPException(403, f"you may not change requests of tenant {found['tenant']!r}")
    return found


def _query(user: Any, method: Method, which: Which) -> search.Query:
    tenants = tenants_of(user, method)
    if which.tenant is not None:
        tenants &= set(which.tenant)
    return search.Query(
        tenants=tenants,
        ids=which.ids,
        states=which.state,
        lanes=which.lane,
        clients=which.client,
        source=which.source,
        destination=which.destination,
        priority_from=which.priority_from,
        since=which.since,
        until=which.until,
    )


def _linked(found: dict[str, Any]) -> dict[str, Any]:
    """With the page of its run in Airflow's UI."""
    if found["run_id"]:
        found["run_url"] = f"/dags/{lane_dag(found['tenant'], found['lane'])}/runs/{found['run_id']}"
    return found
