"""A file's attributes and checksums as headers of S3's requests and answers."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header

from airflow_datamove.stores import modified as times
from airflow_datamove.stores.contract import Attributes

IDENTITY = "datamove-upload"
"""The metadata by which an upload knows what it, or another try of it, has published."""
CRC32C = "x-amz-checksum-crc32c"
DEFAULT_TYPE = "application/octet-stream"
"""Said where nothing is known: a server that is told nothing guesses, each another type."""
CARRIED = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
"""What an object has besides, and keeps when the service copies it."""
_META = "x-amz-meta-"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_PLAIN = re.compile(r"(?!=\?)([!-~]([ -~]*[!-~])?)?")


def attribute_headers(attributes: Attributes, identity: str = "") -> dict[str, str]:
    """The headers that keep a file's attributes. Metadata whose name no header can have is not kept.

    :param identity: of the upload, kept as :data:`IDENTITY`.
    """
    own = {IDENTITY: identity} if identity else {}
    headers = {"content-type": content_type(attributes)}
    for name, value in {**attributes.metadata, **times.written(attributes.modified), **own}.items():
        if _NAME.fullmatch(name):
            headers[f"{_META}{name.lower()}"] = _written(value)
    return headers


def content_type(attributes: Attributes) -> str:
    """The media type that an object gets."""
    given = attributes.content_type or ""
    return given if given and _PLAIN.fullmatch(given) else DEFAULT_TYPE


def kept(attributes: Attributes) -> dict[str, str]:
    """The users' metadata as the server will tell it."""
    return users(metadata_in(attribute_headers(attributes)))


def users(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata without what this package keeps there."""
    return {name: value for name, value in metadata.items() if name not in (times.KEY, IDENTITY)}


def metadata_in(headers: Mapping[str, str]) -> dict[str, str]:
    """All metadata of an answer, this package's too."""
    return {name[len(_META) :]: _read(value) for name, value in headers.items() if name.startswith(_META)}


def crc_header(crc32c: str) -> str:
    """A crc32c (8 hex digits) as S3 writes it."""
    return b64encode(bytes.fromhex(crc32c)).decode()


def crc_of(value: str | None) -> str | None:
    """The other way; ``None`` for what is no crc32c of a whole content: a checksum of checksums ends with ``-N``."""
    try:
        found = b64decode(value or "", validate=True)
    except (Error, ValueError):
        return None
    return found.hex() if len(found) == 4 else None


def checksum_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The crc32c that an answer tells, by its name."""
    crc = crc_of(headers.get(CRC32C)) if headers.get("x-amz-checksum-type") != "COMPOSITE" else None
    return {"crc32c": crc} if crc else {}


def _written(value: str) -> str:
    """Headers are ASCII; S3 reads and writes the rest as RFC 2047 has it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    if _PLAIN.fullmatch(value):
        return value
    return f"=?UTF-8?B?{b64encode(value.encode(errors='replace')).decode()}?="


def _read(value: str) -> str:
    try:
        if not value.startswith("=?"):
            # A server that is less strict gives UTF-8 as it is.
            return value if value.isascii() else value.encode("latin-1").decode()
        pieces = decode_header(value)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii") for piece, charset in pieces
        )
    except (HeaderParseError, UnicodeError, LookupError):
        return value
