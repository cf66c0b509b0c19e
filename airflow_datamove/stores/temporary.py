"""The names of unfinished files: recognisable, and never taken for data.

They do not hold the final name, whose length may already be the longest that the store allows. A file that is written
from beginning to end has a random name, of one try alone. What is written in parts has names that follow from the
upload's identity, so that another try finds them.
"""

from __future__ import annotations

import re
import uuid

TEMPORARY_PATTERN = r"\.datamove-[0-9a-f]{32}(\.[0-9]{6})?\.(part|done|upload)"
"""How a temporary name looks, as a regular expression that Python and Java read alike."""

_TEMPORARY = re.compile(TEMPORARY_PATTERN)
_PREFIX = ".datamove-"


def temporary_path(path: str) -> str:
    """A fresh path beside ``path`` that no other try has."""
    return named_path(path, uuid.uuid4().hex, "part")


def part_path(path: str, identity: str, index: int) -> str:
    """The path, beside ``path``, of one part of an upload that keeps its parts as files or objects."""
    return named_path(path, identity, f"{index:06d}.part")


def named_path(path: str, identity: str, ending: str) -> str:
    """A path beside ``path`` that follows from an upload's identity.

    :param ending: ``part`` for the content, ``done`` for the list of parts that are whole, ``upload`` for what leads to
        an upload that the store keeps elsewhere.
    """
    return f"{path.rpartition('/')[0]}/{_PREFIX}{identity}.{ending}"


def is_temporary(name: str) -> bool:
    """True if ``name`` is one that this module gives: exactly these are left out of every listing."""
    return name.startswith(_PREFIX) and _TEMPORARY.fullmatch(name) is not None
