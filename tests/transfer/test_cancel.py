"""A cancel that comes while the two ends are being compared: it ends soon, and nothing was written."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_datamove.errors import Cancelled
from airflow_datamove.stores.contract import Entry
from airflow_datamove.stores.local import _LocalStore
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from tests.faults.proxy import proxying
from tests.transfer.ends import Ends, until
from tests.transfer.trees import NOTHING, Tree, destination_of, make, read, source_of

WIDE: Tree = {f"f{number:04}": b"1" for number in range(400)}
DEEP: Tree = {f"d{number:03}/f": b"1" for number in range(200)}
DIRECTORIES: Tree = dict.fromkeys((name.partition("/")[0] for name in DEEP), None)


@pytest.mark.parametrize(
    ("ours", "theirs", "long"),
    [
        (WIDE, None, "s"),
        (WIDE, {}, "s"),
        (WIDE, WIDE, "s"),
        (DEEP, None, "s"),
        (DEEP, DIRECTORIES, "s"),
        ({"f": b"1"}, WIDE, "t"),
        ({"f": b"1"}, {f"gone/{name}": b"1" for name in WIDE}, "t"),
    ],
)
def test_a_cancel_on_the_way_through_a_long_listing_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: Tree, theirs: Tree | None, long: str
) -> None:
    make(tmp_path / "s", ours)
    if theirs is not None:
        make(tmp_path / "t", theirs)
    cancelled, seen = threading.Event(), 0
    really = _LocalStore.list

    def listed(self: _LocalStore, path: str) -> Iterator[Entry]:
        nonlocal seen
        for entry in really(self, path):
            if path.startswith(f"{tmp_path}/{long}"):
                seen += 1
                if seen == 300:
                    cancelled.set()
            yield entry

    monkeypatch.setattr(_LocalStore, "list", listed)
    options = CopyOptions(mirror=long == "t", max_delete=1.0)
    with pytest.raises(Cancelled, match="before anything was copied"):
        copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options, cancelled=cancelled)
    assert 300 <= seen <= 302
    assert read(tmp_path / "t") == (theirs or {})


@pytest.mark.timeout(60)
@pytest.mark.parametrize("tree", [WIDE, DEEP], ids=["one directory", "many directories"])
def test_a_cancel_is_heard_while_a_server_that_hangs_is_waited_for(tmp_path: Path, ends: Ends, tree: Tree) -> None:
    end = ends("abfs")
    make(tmp_path / "s", tree)
    copy(source_of(tmp_path / "s"), end.at("s"), end.connections)
    make(tmp_path / "t", DIRECTORIES)
    cancelled, asked = threading.Event(), [0.0]
    with proxying(ends.port("abfs")) as proxy:

        def cancel() -> None:
            until(lambda: proxy.total.down > 10_000)
            proxy.hang = True
            time.sleep(0.3)
            asked[0] = time.monotonic()
            cancelled.set()

        proxy.delay = 0.02
        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        near = ends.through(end, "abfs", proxy.port)
        with pytest.raises(Cancelled):
            copy(end.at("s"), destination_of(tmp_path / "t"), near.connections, cancelled=cancelled)
        assert time.monotonic() - asked[0] < 2
        until(lambda: not any(each.name.startswith("datamove-") for each in threading.enumerate()), 5)
        cancelling.join()
    assert read(tmp_path / "t") == DIRECTORIES
