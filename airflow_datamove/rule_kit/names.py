"""Which names are drawn for the stores of two schemes: :func:`characters`, :func:`unheld`, :func:`both_at_once`."""

from __future__ import annotations

_EVERYWHERE = "ab .%#?*[]{}-_+,~=é"
_MORE = {
    "file": '\\\n\t"&:',
    # Hadoop's Path takes what is before a colon for a scheme.
    "hdfs": '\\\n\t"&',
    # https://cloud.google.com/storage/docs/objects#naming: no line breaks.
    "gs": '\\\t"&:',
    # Amazon S3 holds a backslash too; SeaweedFS makes a slash of it.
    "s3": '\t"&:',
}
_REFUSES = {"hdfs": ":", "gs": "\n"}
"""What is drawn for others, and refused by these; the rest either hold it or are not tried with it."""
# SeaweedFS, unlike Amazon S3, holds no such pair.
_BOTH = frozenset({"gs"})
_FLAT = frozenset({"abfs", "gs", "s3"})


def characters(source: str, destination: str) -> str:
    """What names in the source consist of: all that it holds, and that the destination holds or is known to refuse."""
    more = _MORE.get(destination, "") + unheld(source, destination)
    return _EVERYWHERE + "".join(each for each in _MORE.get(source, "") if each in more)


def unheld(source: str, destination: str) -> str:
    """Characters of :func:`characters` that the destination cannot hold."""
    return "".join(each for each in _MORE.get(source, "") if each in _REFUSES.get(destination, ""))


def both_at_once(source: str, destination: str) -> bool:
    """True if the source can hold a name that is a file and a directory at once, which the destination cannot."""
    return source in _BOTH and destination not in _FLAT
