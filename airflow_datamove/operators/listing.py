"""What a listing finds, as the items of a mapped step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context, conf

from airflow_datamove.address import Address
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.hooks.failing import failing_as_airflow
from airflow_datamove.scheduling.admission import within
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.matches import fixed_part, matches


class ListingOperator(BaseOperator):
    """Lists a folder, or what a glob matches, and returns ``{"address", "path", "name", "stem"}`` of each: the whole
    address (of a folder with a slash), the path below the fixed part, the name, and the name without its ending.

    :param listing: address of a folder or a glob (templated).
    :param most: a listing that finds more is an error.
    :param limits: of the tenant; the address must lie where it may read.
    """

    template_fields: Sequence[str] = ("listing",)
    ui_color = "#e0ecf4"

    def __init__(
        self, *, listing: str, most: int, limits: Limits | Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.listing = listing
        self.most = most
        self.limits = Limits.from_dict(dict(limits)) if isinstance(limits, Mapping) else limits

    def execute(self, context: Context) -> list[dict[str, str]]:
        """The items.

        :raises WrongUse: if there are more than ``most``, or than Airflow maps.
        """
        with failing_as_airflow():
            if self.limits and not within(self.listing, self.limits.read):
                raise Refused(f"{self.listing!r} lies outside what tenant {self.limits.tenant!r} may read")
            address = Address.parse(self.listing)
            airflows = conf.getint("core", "max_map_length", fallback=1024)
            items = []
            with open_store(address, AirflowConnections()) as store:
                for entry in matches(store, address):
                    items.append(_item(address, entry))
                    if len(items) > min(self.most, airflows):
                        raise WrongUse(
                            f"{self.listing} finds more than {len(items) - 1}", remedy=self._remedy(airflows)
                        )
            self.log.info("%s finds %d", self.listing, len(items))
            return items

    def _remedy(self, airflows: int) -> str:
        if self.most < airflows:
            return f"Narrow the listing, copy the folder as a whole, or raise most: (Airflow maps up to {airflows})"
        return (
            f"Airflow maps a task over at most {airflows}: narrow the listing, copy the folder as a whole, or have "
            f"[core] max_map_length raised"
        )


def _item(address: Address, entry: Entry) -> dict[str, str]:
    directory = entry.kind is Kind.DIRECTORY
    name = entry.path.rstrip("/").rpartition("/")[2]
    return {
        "address": str(address.with_path(f"{entry.path.rstrip('/')}/" if directory else entry.path)),
        "path": entry.path[len(fixed_part(address)) + 1 :].rstrip("/"),
        "name": name,
        "stem": name if directory or "." not in name[1:] else name.rpartition(".")[0],
    }
