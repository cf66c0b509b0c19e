"""``tenants/<tenant>/tenant.yaml``: what a tenant may read and write, and how much of the link it may take."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from airflow_datamove.address import Address
from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import Lane, Model, Name
from airflow_datamove.spec.templates import may_have_template
from airflow_datamove.stores import registry

_GLOB = set("*?[]{}\\")


def _check_prefix(text: Any) -> str:
    address = registry.check(Address.parse(text))
    if may_have_template(text) or _GLOB & set(address.path):
        raise SpecError(
            f"{text!r} is a template or a glob", remedy="Write a plain folder, such as hdfs://onprem@/data/"
        )
    if not address.is_directory:
        raise SpecError(f"{text!r} is not a folder", remedy="End it with a slash")
    return str(address)


def _sorted_once(values: list[str]) -> list[str]:
    return sorted(set(values))


Prefix = Annotated[str, BeforeValidator(_check_prefix), WithJsonSchema({"type": "string", "pattern": "^.*/$"})]


class Resources(Model):
    """What a task of this tenant gets on Kubernetes, in Kubernetes' own notation."""

    cpu: Annotated[str, Field(pattern=r"^(\d+(\.\d+)?|\d+m)$")] = "500m"
    memory: Annotated[str, Field(pattern=r"^\d+([EPTGM]|k|[EPTGMK]i)?$")] = "1Gi"


class Tenant(Model):
    """One tenant: a folder of this name beside this file."""

    owner: Annotated[str, Field(min_length=3, description="Whom to ask; an e-mail address")]
    link: Annotated[Name, Field(description="The link that its copies use")]
    read: Annotated[list[Prefix], AfterValidator(_sorted_once), Field(description="Folders that it may read")]
    write: Annotated[list[Prefix], AfterValidator(_sorted_once), Field(description="Folders that it may write")]
    share: Annotated[int, Field(ge=1, le=1000, description="Its weight among the tenants of the link")] = 1
    max_lane: Annotated[Lane, Field(description="The highest lane that it may use")] = "normal"
    max_slots: Annotated[int, Field(ge=1, description="The most slots that one copy may take")] = 1
    max_queued: Annotated[
        int, Field(ge=1, description="The most requests that may be pending; more are refused with 429")
    ] = 100_000
    hadoop_queue: Annotated[str, Field(description="YARN queue of its DistCp jobs, instead of the platform's")] = ""
    resources: Resources = Resources()
    access: Annotated[
        dict[str, dict[str, list[str]]],
        Field(description='Airflow access_control: role -> {"DAGs": [...], "DAG Runs": [...]}'),
    ] = {}
