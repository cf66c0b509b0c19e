"""What a store can do beyond the contract, and how far: :class:`Capabilities`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartRules:
    """How a store takes a file in parts. All parts but the last one of a file have one size."""

    least: int
    """Bytes: content of up to so many goes in one piece."""
    size: int
    """Bytes of a part, unless the file or the user asks for another."""
    smallest: int = 1
    """Bytes that a part, except the last one, must have."""
    largest: int = 2**30
    """Bytes that a part may have."""
    most: int = 1_000_000
    """Parts that a file may have."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do beyond the contract, and how far."""

    checksum: str | None = None
    """The algorithm that the store itself computes of what it received (``crc32c`` for gs), or that it keeps beside
    the content (``md5`` for abfs); ``None``: it can only be compared by length."""
    checksum_asked: bool = False
    """A file's checksum is in no listing, and is asked for (``Store.checksums``; HDFS)."""
    measure: bool = False
    """``measure`` costs one call, whatever the size of the tree (HDFS GETCONTENTSUMMARY)."""
    flat: bool = False
    """Names are keys: a path may be a file and the prefix of others at once, and directories need no making."""
    parts: PartRules | None = None
    """``upload`` works, by these rules; ``None``: a file is written from its beginning to its end."""
    metadata: bool = False
    """A content type and the users' metadata are kept."""
    read_only: bool = False
    """It is a source alone (http)."""
    remote: bool = True
    """What is read and written passes a network."""
    cloud: bool = False
    """It lies at the far end of the link whose bandwidth is shared: there a copy is held to its rate."""
    stretch: int = 0
    """Bytes that one ``open`` should give at least, where it costs much; 0: any range is as good as another."""
    forks: bool = False
    """A child process may go on using it beside its parent: it keeps nothing but connections to a server, and the child
    makes its own."""
    parts_within: bool = False
    """Where ``can_copy_from``: ``Upload.copy`` works too, so that large files are copied part by part."""
