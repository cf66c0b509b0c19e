"""A copy request: what is posted as the conf of a copy run, and what stands under ``copy:`` in a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Lane, Model, in_yaml
from airflow_datamove.spec.mistakes import problems_of
from airflow_datamove.spec.templates import may_have_template

_MAY_BE_EMPTY = ("client", "lane", "slots")
_MOST_FIELDS = 50
LOWEST_PRIORITY, HIGHEST_PRIORITY = 0, 99


def _check_client(client: str, info: ValidationInfo) -> str:
    if in_yaml(info) and may_have_template(client):
        raise SpecError("a template has no place here", remedy="Write a plain name")
    return client


class CopyRequest(Model):
    """One copy: from where to where, and how."""

    source: Annotated[AddressText, Field(description="Address of a file, a directory or a glob")]
    destination: Annotated[AddressText, Field(description="Address that the source's contents get")]
    overwrite: Annotated[
        Literal["never", "if_changed", "always"], Field(description="What happens to a file that exists already")
    ] = "if_changed"
    mirror: Annotated[bool, Field(description="Also delete what the source lacks")] = False
    priority: Annotated[
        int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY, description="Order inside the lane; 99 is first")
    ] = 50
    client: Annotated[
        str, Field(max_length=120, description="Who asks, for the show-back"), AfterValidator(_check_client)
    ] = ""
    lane: Annotated[Lane | None, Field(description="urgent, normal or bulk; a copy DAG has its own")] = None
    route: Annotated[
        Literal["auto", "worker", "distcp", "server_side"], Field(description="auto decides by size and store")
    ] = "auto"
    slots: Annotated[
        int | None, Field(ge=1, description="Slots of the link that the copy may take, at most what its pool has")
    ] = None


def read_request(values: Any) -> CopyRequest:
    """Reads the conf of a run; an optional field that the UI's form left empty is as good as not there.

    :raises SpecError: naming every field that is wrong, with the remedy of each.
    """
    if not isinstance(values, Mapping):
        raise SpecError("the request is not an object", remedy='Post {"conf": {"source": "...", "destination": "..."}}')
    if len(values) > _MOST_FIELDS:
        raise SpecError(f"the request has {len(values)} fields", remedy=f"Known: {', '.join(CopyRequest.model_fields)}")
    try:
        return CopyRequest.model_validate({k: v for k, v in values.items() if v is not None or k not in _MAY_BE_EMPTY})
    except ValidationError as error:
        found = problems_of(error, CopyRequest)
        raise SpecError(
            "; ".join(f"{each.message}. {each.remedy}" if each.remedy else each.message for each in found)
        ) from None
