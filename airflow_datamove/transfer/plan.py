"""What a copy will do, before it does anything: :func:`plan_copy`."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_datamove.address import Address
from airflow_datamove.errors import PathConflict
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.existing import existing, nearest
from airflow_datamove.transfer.listing import Listing
from airflow_datamove.transfer.mirror import plan_deletes
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from airflow_datamove.transfer.path_rule import Root, refuse_overlap, same_store
from airflow_datamove.transfer.targets import Targets

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FileCopy:
    """One file to copy."""

    relative: str
    source: Entry
    destination: str
    """A path inside the destination's store."""


@dataclass(frozen=True)
class CopyPlan:
    """What a copy will do."""

    copies: list[FileCopy] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    """Relative paths of the files that stay as they are."""
    directories: list[str] = field(default_factory=list)
    """Paths inside the destination's store to make, parents first."""
    deletes: list[Entry] = field(default_factory=list)
    """What ``mirror`` removes, in this order: files, then directories, the deepest first."""
    conflicts: list[str] = field(default_factory=list)
    """Sentences; a plan that has any is not carried out."""

    def refuse_conflicts(self) -> None:
        """Raises PathConflict if there are any conflicts, naming the first of them."""
        if self.conflicts:
            more = len(self.conflicts) - _SHOWN
            rest = f"; and {more} more" if more > 0 else ""
            raise PathConflict(
                "; ".join(self.conflicts[:_SHOWN]) + rest, remedy="Nothing was copied: move what stands in the way"
            )


def plan_copy(
    listing: Listing,
    source: Address,
    source_store: Store,
    destination: Address,
    destination_store: Store,
    options: CopyOptions,
) -> CopyPlan:
    """Compares a source with what stands at the destination; writes nothing.

    :raises PathConflict: for a copy onto or into itself.
    :raises Refused: for a mirror that would delete too much, or whose source is no directory or is empty.
    :raises NotFound: if there is no such bucket or container at the destination.
    """
    refuse_overlap(source, destination, listing.root)
    plan = CopyPlan()
    flat = destination_store.capabilities.flat
    targets = Targets.of(listing, source, destination)
    plan.conflicts.extend(targets.clashes(flat=flat))
    if same_store(source, destination):
        sources = {item.entry.path for item in listing.entries}
        plan.conflicts.extend(
            f"{path} is a source and a destination at once" for path in targets.files if path in sources
        )
    found = _found(plan, destination_store, targets)
    for path, item in targets.files.items():
        old = found.get((path, False))
        if old is not None and old.kind is Kind.SPECIAL:
            plan.conflicts.append(f"{path} is a symlink or a special file where a file must be")
        elif old is None and (path, True) in found and not (flat and path in targets.directories):
            hint = ": end the destination with / to copy into it" if listing.root is Root.FILE else ""
            plan.conflicts.append(f"{path} is a directory where a file must be{hint}")
        elif old is not None and stays(item.entry, old, options.overwrite):
            plan.skips.append(item.relative)
        else:
            plan.copies.append(FileCopy(item.relative, item.entry, path))
    for path in targets.directories:
        if (path, False) in found and (path, True) not in found and not (flat and path in targets.files):
            plan.conflicts.append(f"{path} is a file where a directory must be")
    needed = targets.empty if flat else targets.directories
    plan.directories.extend(path for path in sorted(needed) if path != "/" and (path, True) not in found)
    if options.mirror:
        plan.deletes.extend(plan_deletes(listing, destination_store, options, targets))
    return plan


def stays(source: Entry, old: Entry, overwrite: Overwrite) -> bool:
    """True if the overwrite policy leaves an existing file as it is.

    ``if_changed``: the sizes decide, then a checksum that both sides know, else the source must be newer by its
    whole seconds (stores keep times with different precision). Where a time is unknown, it is copied.
    """
    if overwrite is not Overwrite.IF_CHANGED:
        return overwrite is Overwrite.NEVER
    if source.size != old.size:
        return False
    for algorithm, value in source.checksums.items():
        if algorithm in old.checksums:
            return old.checksums[algorithm] == value
    if source.modified is None or old.modified is None:
        return False
    return int(source.modified) <= int(old.modified)


def _found(plan: CopyPlan, store: Store, targets: Targets) -> dict[tuple[str, bool], Entry]:
    """What stands where the copy wants to write: (path, is a directory) to entry. Adds what blocks the way there."""
    near = nearest(store, targets.top)
    if near is not None and near.path == targets.top:
        if near.kind is not Kind.DIRECTORY and not (near.kind is Kind.FILE and store.is_both(near.path)):
            what = "a file" if near.kind is Kind.FILE else "a symlink or a special file"
            plan.conflicts.append(f"{near.path} is {what} where a directory must be")
            return {}
    elif near is not None:
        if near.kind is Kind.FILE and not store.is_both(near.path):
            plan.conflicts.append(f"{near.path} is a file where a directory must be")
        return {}
    entries = existing(store, [*targets.files, *targets.directories])
    found = {(entry.path, entry.kind is Kind.DIRECTORY): entry for entry in entries}
    found[targets.top, True] = near or Entry(targets.top, Kind.DIRECTORY)
    return found
