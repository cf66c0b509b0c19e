"""A copy request: what is posted as the conf of a copy run, and what stands under ``copy:`` in a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Duration, Fraction, Lane, Model, Size, in_yaml
from airflow_datamove.spec.mistakes import problems_of
from airflow_datamove.spec.templates import check_templates, may_have_template

_MAY_BE_EMPTY = (
    "client", "lane", "slots", "include", "exclude", "min_size", "max_size", "min_age", "max_age", "manifest",
    "receipt", "part_size",
)  # fmt: skip
_MOST_FIELDS = 50
LOWEST_PRIORITY, HIGHEST_PRIORITY = 0, 99


def _check_client(client: str, info: ValidationInfo) -> str:
    if in_yaml(info) and may_have_template(client):
        raise SpecError("a template has no place here", remedy="Write a plain name")
    return client


def _check_pattern(pattern: str, info: ValidationInfo) -> str:
    if not pattern.strip("/") or len(pattern) > 1000 or "\0" in pattern:
        raise SpecError("this is no pattern", remedy="Write a path below the source, such as logs/*.gz")
    if in_yaml(info):
        check_templates(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_check_pattern)]


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
    include: Annotated[
        list[Pattern], Field(max_length=1000, description="Only files that a glob of these matches")
    ] = []
    exclude: Annotated[list[Pattern], Field(max_length=1000, description="No files that a glob of these matches")] = []
    min_size: Annotated[Size | None, Field(description="No smaller files")] = None
    max_size: Annotated[Size | None, Field(description="No larger files")] = None
    min_age: Annotated[Duration | None, Field(description="Only files unchanged for so long, such as 1h")] = None
    max_age: Annotated[Duration | None, Field(description="Only files changed since so long ago, such as 7d")] = None
    manifest: Annotated[
        AddressText | None, Field(description="Address of a file that names the files below the source, one a line")
    ] = None
    max_delete: Annotated[Fraction, Field(description="The most of the destination that mirror may delete")] = 0.5
    create: Annotated[bool, Field(description="Make the container or bucket if there is none")] = False
    publish: Annotated[
        Literal["each", "together"], Field(description="Show each file once it is whole, or all once all are")
    ] = "each"
    marker: Annotated[str, Field(max_length=200, description="The file that publish: together writes last")] = (
        "_SUCCESS"
    )
    verify: Annotated[
        Literal["checksum", "read_back"], Field(description="Compare what the ends say, or also read what arrived")
    ] = "checksum"
    on_error: Annotated[
        Literal["continue", "stop"], Field(description="What happens to the other files when one has failed")
    ] = "continue"
    error_budget: Annotated[int, Field(ge=0, description="So many files may fail, and the copy counts as done")] = 0
    receipt: Annotated[
        AddressText | None, Field(description="Address of a Parquet file to write, with a row for each file")
    ] = None
    part_size: Annotated[Size | None, Field(description="Of the parts of large files; usually left out")] = None


def conf_of(request: CopyRequest) -> dict[str, Any]:
    """What a request says, without what it leaves out and without its lane: read again, it is the same request."""
    return request.model_dump(exclude_defaults=True, exclude={"lane"})


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
