"""The names of unfinished files: a try's own, recognisable, and never taken for data.

The name does not hold the final one, whose length may already be the longest that the store allows.
"""

from __future__ import annotations

import re
import uuid

TEMPORARY_PATTERN = r"\.datamove-[0-9a-f]{32}\.part"
"""How a temporary name looks, as a regular expression that Python and Java read alike."""

_TEMPORARY = re.compile(TEMPORARY_PATTERN)


def temporary_path(path: str) -> str:
    """A fresh path beside ``path`` that no other try has."""
    return f"{path.rpartition('/')[0]}/.datamove-{uuid.uuid4().hex}.part"


def is_temporary(name: str) -> bool:
    """True if ``name`` is one that :func:`temporary_path` gives: exactly these are left out of every listing."""
    return _TEMPORARY.fullmatch(name) is not None
