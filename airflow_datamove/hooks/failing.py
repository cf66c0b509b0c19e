"""From our errors to Airflow's: what cannot get better fails at once, the rest is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from airflow_datamove.errors import DatamoveError


@contextmanager
def failing_as_airflow() -> Iterator[None]:
    """Raises :class:`AirflowFailException`, which is not tried again, for an error that is final.

    A retryable error passes as it is. The message is one line for people; the cause is kept for the log.
    """
    try:
        yield
    except DatamoveError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
