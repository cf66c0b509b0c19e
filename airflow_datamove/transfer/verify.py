"""Comparing a destination with what its source held, after someone else has copied it."""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.transfer.existing import existing
from airflow_datamove.transfer.listing import Listing
from airflow_datamove.transfer.targets import Targets


def verify_destination(
    listing: Listing, source: Address, destination: Address, destination_store: Store, *, limit: int = 100
) -> list[str]:
    """What is missing at the destination or has another length than its source.

    What the destination holds besides is none of its business. Memory follows the listing and the destination's
    largest directory.

    :param limit: so many problems are told at most; a last line says how many more there are.
    :return: sentences; an empty list if all is there.
    """
    targets = Targets.of(listing, source, destination)
    flat = destination_store.capabilities.flat
    directories = targets.empty if flat else set(targets.directories)
    sizes = {path: item.entry.size for path, item in targets.files.items()}
    wrong: list[str] = []
    for entry in existing(destination_store, [*targets.files, *directories]):
        if entry.kind is Kind.DIRECTORY:
            directories.discard(entry.path)
        elif entry.path in sizes:
            size = sizes.pop(entry.path)
            if entry.kind is not Kind.FILE:
                wrong.append(f"{entry.path} is not a file")
            elif entry.size != size:
                wrong.append(f"{entry.path} has {entry.size} bytes, its source {size}")
    wrong.extend(f"{path} is missing" for path in sorted(sizes))
    wrong.extend(f"directory {path} is missing" for path in sorted(directories) if path != "/")
    return wrong if len(wrong) <= limit else [*wrong[:limit], f"and {len(wrong) - limit} more"]
