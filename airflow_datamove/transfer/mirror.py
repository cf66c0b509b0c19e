"""``mirror``: deleting from the destination what the source lacks, with a guard, and last of all."""

from __future__ import annotations

from airflow_datamove.errors import NotFound, Refused
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.listing import Listing
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.path_rule import Root
from airflow_datamove.transfer.targets import Targets


def refuse_mirror(listing: Listing) -> None:
    """Refuses a mirror whose source is no directory, or holds no file.

    :raises Refused: saying why: an empty source is more often a mistake upstream than a wish to delete everything.
    """
    if listing.root is not Root.DIRECTORY:
        raise Refused(f"mirror asks for a directory, and the source is a {listing.root}", remedy="Leave out mirror")
    if listing.files == 0:
        raise Refused(
            "mirror is refused: the source holds no file", remedy="Delete the destination by hand if you mean it"
        )


def plan_deletes(listing: Listing, store: Store, options: CopyOptions, targets: Targets) -> list[Entry]:
    """What a mirror deletes, in order: files, then directories, the deepest first.

    What stands where the source has a symlink or a special file is left alone: the source does not lack it.

    :raises Refused: see :func:`refuse_mirror`; and if more than ``max_delete`` of the destination's files would go.
    """
    refuse_mirror(listing)
    files: list[Entry] = []
    directories: list[Entry] = []
    total = 0
    try:
        for entry in store.walk(targets.top):
            total += entry.kind is not Kind.DIRECTORY
            if _belongs(entry.path, targets):
                continue
            (directories if entry.kind is Kind.DIRECTORY else files).append(entry)
    except NotFound:
        return []
    if len(files) > options.max_delete * total:
        raise Refused(
            f"mirror would delete {len(files)} of the destination's {total} files",
            remedy=f"Raise max_delete (now {options.max_delete:g}) if that is meant",
        )
    return [*files, *sorted(directories, key=lambda entry: entry.path, reverse=True)]


def _belongs(path: str, targets: Targets) -> bool:
    if path in targets.files or path in targets.directories:
        return True
    while targets.special and len(path) > len(targets.top):
        if path in targets.special:
            return True
        path = path.rpartition("/")[0]
    return False
