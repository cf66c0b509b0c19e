"""Comparing a source with what stands at its destination: :func:`compare`. Writes nothing.

Both sides are gone through together, one directory at a time and each sorted by name, so that memory follows the
largest directory. A directory that the destination lacks needs no comparison: its tree comes in one listing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from airflow_datamove.address import Address
from airflow_datamove.errors import Cancelled, NotFound, Refused, StoreError
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.doubts import Doubts
from airflow_datamove.transfer.filters import Selection
from airflow_datamove.transfer.landing import Landing, what_is
from airflow_datamove.transfer.lister import Lister
from airflow_datamove.transfer.mirror import Extras, ascending
from airflow_datamove.transfer.naming import told
from airflow_datamove.transfer.options import CopyOptions, Publish
from airflow_datamove.transfer.path_rule import Root, can_be_path, destination_path, refuse_overlap, same_store
from airflow_datamove.transfer.plan import CopyPlan, FileCopy, stays
from airflow_datamove.transfer.source_view import ManifestView, SourceView, is_second

_UNREADABLE = "Look at its owner and mode, or --exclude it"


def compare(
    view: SourceView,
    source: Address,
    source_store: Store,
    destination: Address,
    destination_store: Store,
    options: CopyOptions,
    *,
    created: bool = False,
    cancelled: threading.Event | None = None,
    seen: Callable[[str, Entry], None] | None = None,
    same: Callable[[Entry, Entry], bool] | None = None,
) -> CopyPlan:
    """Compares, and says what a copy will do.

    :param created: the destination's container or bucket may not be there yet: it counts as empty.
    :param cancelled: once it is set, the comparison ends with Cancelled, and the stores are of no more use.
    :param seen: is told of each thing of the source that is not filtered out, with its relative path.
    :param same: whether an existing file is what its source is; by default as ``options.overwrite`` says.
    :raises PathConflict: for a copy onto or into itself. What else stands in the way is in ``plan.conflicts``.
    :raises Refused: for a mirror that would delete too much, or whose source is no directory or holds no file.
    :raises NotFound: if a glob matches nothing, or there is no such bucket or container at the destination.
    :raises StoreError: if an end cannot be listed.
    """
    refuse_overlap(source, destination, view.root)
    if options.mirror and (view.root is not Root.DIRECTORY or isinstance(view, ManifestView)):
        what = "manifest" if isinstance(view, ManifestView) else str(view.root)
        raise Refused(f"mirror asks for a directory, and the source is a {what}", remedy="Leave out mirror")
    comparison = _Comparison(view, source, source_store, destination, destination_store, options)
    comparison.seen, comparison.same, comparison.cancelled = seen, same, cancelled
    try:
        comparison.run(created)
    except Cancelled:
        for store in (source_store, destination_store):  # others may still wait for a listing
            with suppress(StoreError):
                store.interrupt()
        raise
    finally:
        comparison.close()
    plan = comparison.plan
    found = plan.files or plan.directories or plan.special or plan.filtered
    if view.root is Root.GLOB and not found and not (plan.conflicts and view.holds_something()):
        raise NotFound("the glob matches nothing", path=str(source))
    if isinstance(view, ManifestView):
        plan.missing.extend(view.missing)
    return plan


class _Comparison:
    def __init__(
        self,
        view: SourceView,
        source: Address,
        source_store: Store,
        destination: Address,
        destination_store: Store,
        options: CopyOptions,
    ) -> None:
        self.plan = CopyPlan(view.root)
        self._view, self._store, self._options = view, destination_store, options
        self._selection = Selection(options.filters)
        self._doubts = Doubts(source_store, destination_store, options.overwrite)
        self._flat = destination_store.capabilities.flat
        # What a source's path gets in front of it; the file itself where the source is one.
        self._base = destination_path(source, view.root, "", destination).rstrip("/")
        self._alone = view.root is Root.FILE
        self._cut = 0 if self._alone else len(view.top.rstrip("/")) + 1
        # Only a glob may reach into its own destination: for the others that is refused by their addresses.
        overlaps = view.root is Root.GLOB and same_store(source, destination)
        self._same = source_store if overlaps else None
        stop = self._stop_if_cancelled
        self._source, self._landing = source, Landing(destination, destination_store)
        # What the filters leave out need not even be listed, nor be readable, where each directory is a listing.
        self._in_one = source_store.capabilities.flat or not self._selection.active
        self._theirs = Lister(
            lambda path: told(destination, destination_store.list(path)),
            ahead=destination_store.capabilities.remote,
            stop=stop,
        )
        self._ours = Lister(
            lambda relative: told(source, view.children(relative), denied=_UNREADABLE),
            ahead=source_store.capabilities.remote,
            stop=stop,
        )
        self._stack: list[str] = []
        self._extras = Extras(
            self.plan, destination, destination_store, self._base, self._selection, options.max_delete, stop
        )
        self.seen: Callable[[str, Entry], None] | None = None
        self.same: Callable[[Entry, Entry], bool] | None = None
        self.cancelled: threading.Event | None = None

    def close(self) -> None:
        self._theirs.close()
        self._ours.close()

    def run(self, created: bool) -> None:
        if self._alone:
            self._run_alone(created)
        else:
            self._run_all(created)
        self._settle()

    def _run_all(self, created: bool) -> None:
        there = self._top_is_there(created)
        if there is None:
            return
        if not there and self._view.root is Root.DIRECTORY and self._base and not self._flat:
            self._new_directory(self._base)
        self._stack.append("")
        while self._stack:
            relative = self._stack.pop()
            self._stop_if_cancelled()
            if there:
                for upcoming in self._stack[:-9:-1]:
                    self._ours.expect(upcoming)
                    self._theirs.expect(self._target(upcoming) or "/")
                self._join(relative)
            else:
                self._all_new(relative)
        if self._options.mirror:
            self._extras.finish()

    def _stop_if_cancelled(self) -> None:
        if self.cancelled is not None and self.cancelled.is_set():
            raise Cancelled("cancelled before anything was copied")

    def _run_alone(self, created: bool) -> None:
        entry = next(self._view.children(""))
        target = self._base or "/"
        old: list[Entry] = []
        nearest = self._landing.nearest(target, created)
        if nearest is not None and nearest.path == target:
            old.append(nearest)
            if self._flat and nearest.kind is Kind.FILE and self._store.is_both(target):
                old.append(Entry(target, Kind.DIRECTORY))
        elif nearest is not None and nearest.kind is not Kind.DIRECTORY and not self._landing.is_both(nearest):
            self.plan.conflict(f"{nearest.path} is {what_is(nearest)} where a directory must be")
            return
        if not self._selection.takes(entry.name, entry):
            self.plan.filtered += 1
            return
        self._file(entry, entry.name, target, old)

    def _top_is_there(self, created: bool) -> bool | None:
        """Whether there is anything to compare with; ``None`` where something blocks the way."""
        top = self._base or "/"
        nearest = self._landing.nearest(top, created)
        if nearest is None:
            return not self._landing.lacks_root
        if nearest.kind is Kind.DIRECTORY or self._landing.is_both(nearest):
            return nearest.path == top
        self.plan.conflict(f"{nearest.path} is {what_is(nearest)} where a directory must be")
        return None

    def _join(self, relative: str) -> None:
        """One directory that is there on both sides, or may be."""
        theirs = self._theirs.present(self._target(relative) or "/")
        ours = self._ours.entries(relative)
        if self._options.mirror:
            theirs, ours = ascending(theirs), ascending(ours)
        old = next(theirs, None)
        old_name = old.name if old is not None else ""
        last = ""
        matches: list[Entry] = []
        below: list[str] = []
        mirror = self._options.mirror
        # What is there already is most of what a repeated copy sees: it takes the shortest way.
        simple = not self._selection.active and self._same is None and self._options.receipt is None
        simple = simple and self.seen is None and self.same is None and self._options.publish is Publish.EACH
        simple = simple and not self._doubts.possible
        overwrite, file, files, size = self._options.overwrite, Kind.FILE, 0, 0
        for entry in ours:
            self._stop_if_cancelled()
            name = entry.path.rpartition("/")[2]
            while old is not None and old_name < name:
                if mirror:
                    self._extras.add(old)
                old = next(theirs, None)
                old_name = old.name if old is not None else ""
            if name != last:
                last, matches = name, []
                while old is not None and old_name == name:
                    matches.append(old)
                    self._extras.kept(old)
                    old = next(theirs, None)
                    old_name = old.name if old is not None else ""
                if simple and entry.kind is file and len(matches) == 1:
                    there = matches[0]
                    if there.kind is file and stays(entry, there, overwrite):
                        files += 1
                        size += entry.size
                        continue
            elif not self._flat:
                self.plan.conflict(f"{entry.path} is a file and a directory at once in the source")
                continue
            below_this = self._entry(entry, matches)
            if below_this is not None:
                below.append(below_this)
        while mirror and old is not None:
            self._stop_if_cancelled()
            self._extras.add(old)
            old = next(theirs, None)
        self.plan.files += files
        self.plan.bytes += size
        self.plan.skipped += files
        self._stack.extend(reversed(below))

    def _entry(self, entry: Entry, old: list[Entry]) -> str | None:
        """One thing of the source; gives a directory to go into."""
        relative = entry.path[self._cut :]
        if entry.kind is Kind.DIRECTORY:
            return self._directory(entry, relative, old)
        if entry.kind is Kind.SPECIAL:
            self.plan.special += 1
            if self.seen is not None:
                self.seen(relative, entry)
        elif self._selection.takes(relative, entry):
            self._file(entry, relative, self._target(relative), old)
        else:
            self.plan.filtered += 1
        return None

    def _file(self, entry: Entry, relative: str, target: str, old: list[Entry]) -> None:
        plan = self.plan
        if self.seen is not None:
            self.seen(relative, entry)
        plan.files += 1
        plan.bytes += entry.size
        if not can_be_path(relative, flat=self._flat):
            plan.conflict(f"{entry.path!r} cannot be a path at the destination")
            return
        there = None
        for each in old:
            if each.kind is Kind.FILE:
                there = each
            elif each.kind is Kind.SPECIAL:
                plan.conflict(f"{target} is a symlink or a special file where a file must be")
                return
        if there is None and old and not (self._flat and self._view.has(relative, Kind.DIRECTORY)):
            hint = ": end the destination with / to copy into it" if self._alone else ""
            plan.conflict(f"{target} is a directory where a file must be{hint}")
            return
        if self._same is not None and self._view.covers(target) and self._same.exists(target):
            plan.conflict(f"{target} is a source and a destination at once")
            return
        item = FileCopy(relative, entry, target)
        if there is not None and self.same is None and not self._marks(relative) and self._doubts.is_one(entry, there):
            if self._doubts.add(item, there):
                self._settle()
            return
        self._decide(item, there is not None and self._stays(relative, entry, there))

    def _settle(self) -> None:
        for item, same in self._doubts.settle():
            self._stop_if_cancelled()
            self._decide(item, same)

    def _decide(self, item: FileCopy, stays: bool) -> None:
        if stays:
            self.plan.skipped += 1
            if self._options.receipt is not None:
                self.plan.skips.append(item)
        else:
            self.plan.copies.append(item)
            if not self._store.can_hold(item.destination):
                self.plan.refuse(item.destination)
            self.plan.copy_bytes += item.source.size

    def _stays(self, relative: str, entry: Entry, old: Entry) -> bool:
        if self._marks(relative):
            return False
        return self.same(entry, old) if self.same is not None else stays(entry, old, self._options.overwrite)

    def _marks(self, relative: str) -> bool:
        """True for the marker of a directory that is published together: it is written last, whatever it holds."""
        return self._options.publish is Publish.TOGETHER and relative == self._options.marker

    def _count_directory(self, relative: str, entry: Entry) -> None:
        self.plan.directories += 1
        if self.seen is not None:
            self.seen(relative, entry)

    def _directory(self, entry: Entry, relative: str, old: list[Entry]) -> str | None:
        if self._selection.prunes(relative):
            return None
        target = self._target(relative)
        if self._view.counts(relative):
            self._count_directory(relative, entry)
        kinds = [each.kind for each in old]
        if kinds and Kind.DIRECTORY not in kinds:
            if self._flat and kinds == [Kind.FILE] and self._view.has(relative, Kind.FILE):
                return relative
            what = "a file" if kinds == [Kind.FILE] else "a symlink or a special file"
            if self._will_be(relative):
                self.plan.conflict(f"{target} is {what} where a directory must be")
            return None
        if self._clashes(entry, relative):
            return None
        if kinds:
            return relative
        if self._view.counts(relative) and not self._flat and not self._selection.by_file:
            self._new_directory(target)
        self._all_new(relative)
        return None

    def _will_be(self, relative: str) -> bool:
        """Whether a directory comes into being: by itself, or because something that is copied lies in it."""
        if self._view.counts(relative) and not self._selection.by_file:
            return True
        before = self.plan.files + len(self.plan.new_directories)
        self._all_new(relative)
        return self.plan.files + len(self.plan.new_directories) > before

    def _all_new(self, relative: str) -> None:
        """A directory that the destination lacks, with all that is below it."""
        # Where names are flat, a directory needs a marker only if nothing comes to lie in it.
        empty: dict[str, None] = {}
        if self._flat and self._view.counts(relative) and (relative or self._view.root is Root.DIRECTORY):
            empty[relative] = None
        pending = [relative]
        while pending:
            directory = pending.pop()
            everything = self._view.below(directory) if self._in_one and self._view.counts(directory) else None
            entries = everything if everything is not None else self._view.children(directory)
            pruned: list[str] = []
            files: list[str] = []
            for entry in told(self._source, entries, denied=_UNREADABLE):
                self._stop_if_cancelled()
                path = entry.path[self._cut :]
                if pruned and any(path.startswith(each) for each in pruned):
                    continue
                if not self._flat and is_second(path, entry.kind, files):
                    self.plan.conflict(f"{entry.path} is a file and a directory at once in the source")
                    continue
                if entry.kind is not Kind.DIRECTORY:
                    before = self.plan.files
                    self._entry(entry, [])
                    if empty and self.plan.files > before:
                        empty.pop(path.rpartition("/")[0], None)
                    continue
                if self._selection.prunes(path) or self._clashes(entry, path):
                    pruned.append(f"{path}/")
                    continue
                if everything is None:
                    pending.append(path)
                if self._view.counts(path):
                    self._count_directory(path, entry)
                    if self._flat:
                        empty.pop(path.rpartition("/")[0], None)
                        empty[path] = None
                    elif not self._selection.by_file:
                        self._new_directory(self._target(path))
        if not self._selection.by_file:
            for path in empty:
                if target := self._target(path):
                    self._new_directory(target)

    def _new_directory(self, path: str) -> None:
        if self._store.can_hold(path):
            self.plan.new_directories.append(path)
        else:
            self.plan.conflict(f"{path!r} is a directory with a name that the destination cannot hold")

    def _clashes(self, entry: Entry, relative: str) -> bool:
        """Notes a directory that cannot be at the destination."""
        if not can_be_path(relative, flat=self._flat):
            self.plan.conflict(f"{entry.path!r} cannot be a path at the destination")
            return True
        return False

    def _target(self, relative: str) -> str:
        return f"{self._base}/{relative}" if relative else self._base
