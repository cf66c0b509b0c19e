"""How a large file is cut, and what its upload is called: :func:`plan_parts`, :func:`identity_of`."""

from __future__ import annotations

import hashlib
import uuid

from airflow_datamove.errors import NotSupported
from airflow_datamove.stores.capabilities import PartRules
from airflow_datamove.stores.contract import (
    Entry,
)

_STEP = 2**20


def plan_parts(size: int, rules: PartRules, wanted: int | None = None) -> int:
    """The size of a file's parts: as the user wants, else the store's usual one, within what the store takes.

    The same for the same arguments always: whoever goes on with an upload must come to the same cut.

    :param size: bytes of the file, at least 1.
    :param wanted: bytes, or ``None``.
    :return: bytes; the last part may be smaller.
    :raises NotSupported: for a file that no parts of this store can hold.
    """
    part = wanted or rules.size
    least = -(-size // rules.most)
    if least > part:
        part = -(-least // _STEP) * _STEP
    part = max(part, rules.smallest)
    if part > rules.largest:
        part = rules.largest
        if part * rules.most < size:
            raise NotSupported(f"a file of {size} bytes is larger than the destination can hold")
    return part


def identity_of(source: str, entry: Entry, destination: str, part_size: int) -> str:
    """What an upload is called, so that another try finds it: 32 hex digits that follow from what is copied and where.

    :param source: the address of the source's store.
    :param entry: the source; where it has no version its time and size must do. Without either the name is random, and
        nobody can go on with the upload.
    :param destination: the address of the destination file.
    """
    version = entry.version or (f"{entry.modified!r}" if entry.modified is not None else uuid.uuid4().hex)
    text = "\0".join(("1", source, entry.path, version, str(entry.size), destination, str(part_size)))
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
