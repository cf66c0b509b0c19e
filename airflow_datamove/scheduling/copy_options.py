"""From a request's words to the engine's options."""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.options import CopyOptions, OnError, Overwrite, Publish, Verify

ADDRESSED = frozenset({"source", "destination", "overwrite", "mirror", "priority", "client", "lane", "route", "slots"})
"""The fields of a request that are parameters of the operators by themselves, and where it goes."""

MORE = frozenset(CopyRequest.model_fields) - ADDRESSED
"""The others: how it is copied."""


def options_of(request: CopyRequest, *, threads: int = 16, rate: int | None = None) -> CopyOptions:
    """The options of a request.

    :param threads: files and parts that the worker moves at a time.
    :param rate: bytes per second.
    :raises WrongUse: for a combination that makes no sense.
    """
    return CopyOptions(
        overwrite=Overwrite(request.overwrite),
        mirror=request.mirror,
        max_delete=request.max_delete,
        threads=threads,
        rate=rate,
        filters=Filters(
            include=tuple(request.include),
            exclude=tuple(request.exclude),
            min_size=request.min_size,
            max_size=request.max_size,
            min_age=request.min_age,
            max_age=request.max_age,
        ),
        manifest=Address.parse(request.manifest) if request.manifest else None,
        create=request.create,
        publish=Publish(request.publish),
        marker=request.marker,
        verify=Verify(request.verify),
        on_error=OnError(request.on_error),
        error_budget=request.error_budget,
        receipt=Address.parse(request.receipt) if request.receipt else None,
        part_size=request.part_size,
    )
