"""A copy request: what is posted as the conf of a copy run, and what stands under ``copy:`` in a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Lane, Model
from airflow_datamove.spec.mistakes import problems_of

LOWEST_PRIORITY, HIGHEST_PRIORITY = 0, 99


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
    client: Annotated[str, Field(max_length=120, description="Who asks, for the show-back")] = ""
    lane: Annotated[Lane | None, Field(description="urgent, normal or bulk; a copy DAG has its own")] = None
    route: Annotated[
        Literal["auto", "worker", "distcp", "server_side"], Field(description="auto decides by size and store")
    ] = "auto"
    slots: Annotated[
        int | None, Field(ge=1, description="Slots of the link that the copy may take, at most what its pool has")
    ] = None


def read_request(values: Any) -> CopyRequest:
    """Reads the conf of a run.

    :raises SpecError: naming every field that is wrong, with the remedy of each.
    """
    if not isinstance(values, Mapping):
        raise SpecError("the request is not an object", remedy='Post {"conf": {"source": "...", "destination": "..."}}')
    try:
        return CopyRequest.model_validate(dict(values))
    except ValidationError as error:
        found = problems_of(error, CopyRequest)
        raise SpecError(
            "; ".join(f"{each.message}. {each.remedy}" if each.remedy else each.message for each in found)
        ) from None
