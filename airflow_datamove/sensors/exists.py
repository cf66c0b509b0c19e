"""The pre-condition ``exists``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_datamove.address import Address
from airflow_datamove.errors import Refused
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.hooks.failing import failing_as_airflow
from airflow_datamove.scheduling.admission import within
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.triggers.exists import ExistsTrigger, stands


class ExistsSensor(BaseSensorOperator):
    """Waits until something stands at an address of any store.

    :param address: ``scheme://connection_id@authority/path`` (templated); with a trailing slash it must be a directory.
    :param limits: of the tenant; the address must lie where it may read or write.
    :param deferrable: wait in the triggerer, holding no worker.
    """

    template_fields: Sequence[str] = ("address",)
    ui_color = "#e0ecf4"

    def __init__(
        self,
        *,
        address: str,
        limits: Limits | Mapping[str, Any] | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.address = address
        self.limits = Limits.from_dict(dict(limits)) if isinstance(limits, Mapping) else limits
        self.deferrable = deferrable

    def poke(self, context: Context) -> bool:
        """One look."""
        with failing_as_airflow():
            return stands(self._checked(), AirflowConnections())

    def execute(self, context: Context) -> Any:
        """Looks once, then waits in the triggerer, or pokes as every sensor does."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            # The base class has turned both into seconds.
            until = time.time() + float(self.timeout)
            self.defer(
                trigger=ExistsTrigger(address=self.address, poll_interval=float(self.poke_interval), until=until),
                method_name="execute_complete",
            )
        return None

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """What the trigger saw."""
        if error := event.get("error"):
            raise AirflowFailException(str(error))
        if not event.get("exists"):
            raise AirflowSensorTimeout(f"nothing came to stand at {self.address} in {self.timeout} seconds")

    def _checked(self) -> Address:
        if self.limits and not within(self.address, self.limits.read + self.limits.write):
            raise Refused(f"{self.address!r} lies outside what tenant {self.limits.tenant!r} may read or write")
        return Address.parse(self.address)
