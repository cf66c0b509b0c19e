"""Pipelines and addresses as Airflow's assets: what one pipeline's end starts, and what anyone's own DAG may wait for.

>>> DAG("mine", schedule=[address_asset("gs://acme_gcp@acme-lake/orders/")])
"""

from __future__ import annotations

from airflow.sdk import Asset
from airflow.sdk.definitions.asset import AssetAll, AssetAny, BaseAsset

from airflow_datamove.spec.graph import asset_name, outputs_of
from airflow_datamove.spec.pipeline import After, Pipeline

GROUP = "datamove"


def pipeline_asset(tenant: str, pipeline: str) -> Asset:
    """The end of a pipeline, ``<tenant>.<pipeline>``."""
    return Asset(name=f"{tenant}.{pipeline}", uri=f"x-datamove://{tenant}/{pipeline}", group=GROUP)


def address_asset(address: str) -> Asset:
    """What a pipeline writes at an address: a folder or a file, as its destination says, up to its first template.

    The URI begins with ``x-``: Airflow rewrites those whose scheme it knows, and two addresses could become one.
    """
    name = asset_name(address)
    return Asset(name=name, uri=f"x-{name}", group=GROUP)


def outlets(tenant: str, name: str, pipeline: Pipeline) -> list[Asset]:
    """What the end of a pipeline tells of."""
    return [pipeline_asset(tenant, name), *(address_asset(each) for each in outputs_of(pipeline))]


def schedule_after(tenant: str, after: After) -> BaseAsset:
    """The schedule of a pipeline that follows others."""
    assets = [address_asset(each) if "://" in each else pipeline_asset(tenant, each) for each in after.named]
    return AssetAll(*assets) if after.all_ else AssetAny(*assets)
