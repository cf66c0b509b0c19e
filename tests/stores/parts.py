"""One content cut into parts for one store, and the way from its beginning to its commit."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable

from awscrt.checksums import crc32c

from airflow_datamove.stores.capabilities import PartRules
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Store,
    Upload,
)


class Parts:
    """One content, cut into parts for one store."""

    def __init__(self, store: Store, path: str, *, seed: int = 1, identity: str = "", parts: int = 3) -> None:
        self.store, self.path = store, path
        self.identity = identity or uuid.uuid4().hex
        self.part_size = part_size(rules(store))
        self.data = random.Random(seed).randbytes((parts - 1) * self.part_size + 12_345)
        self.count = parts

    def begin(self, attributes: Attributes = NO_ATTRIBUTES) -> Upload:
        """An upload of this identity, which another try may have begun before."""
        size = len(self.data)
        return self.store.upload(
            self.path, size=size, part_size=self.part_size, identity=self.identity, attributes=attributes
        )

    def part(self, index: int) -> bytes:
        return self.data[index * self.part_size : (index + 1) * self.part_size]

    def crc(self, index: int) -> str:
        return f"{crc32c(self.part(index)):08x}"

    @property
    def whole_crc(self) -> str:
        return f"{crc32c(self.data):08x}"

    def put(self, upload: Upload, indices: Iterable[int]) -> None:
        for index in indices:
            upload.put(index, memoryview(self.part(index)), self.crc(index))


def rules(store: Store) -> PartRules:
    """The rules of a store that takes parts."""
    found = store.capabilities.parts
    assert found is not None
    return found


def part_size(rules: PartRules) -> int:
    """Bytes of a part, for tests: as few as the rules allow, and 64 KiB at least."""
    return max(rules.smallest, 2**16)


def whole(parts: Parts, attributes: Attributes = NO_ATTRIBUTES) -> Entry:
    """A file in parts, from its beginning to its commit; what is held already is not sent."""
    upload = parts.begin(attributes)
    held = upload.held()
    parts.put(upload, (index for index in range(parts.count) if index not in held))
    made = upload.commit(parts.whole_crc)
    upload.close()
    return made


def names(store: Store, path: str) -> list[str]:
    """The names in a directory; none where a bucket has no trace of it."""
    return [entry.name for entry in store.list(path)] if store.exists(path) else []
