"""From a request's words to the engine's options."""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.transfer.options import CopyOptions, options_of_words

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
    return options_of_words(
        request,
        threads=threads,
        rate=rate,
        manifest=Address.parse(request.manifest) if request.manifest else None,
        receipt=Address.parse(request.receipt) if request.receipt else None,
    )
