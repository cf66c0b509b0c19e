"""What S3 answers, in our words: listings, objects, errors.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from airflow_datamove.errors import (
    DatamoveError,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    Throttled,
    VerificationFailed,
)
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.s3_headers import checksum_in, metadata_in, users

_MD5 = re.compile(r"[0-9a-f]{32}")
_OTHER_BYTES = (
    "BadDigest", "InvalidDigest", "InvalidPart", "InvalidPartOrder", "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch", "IncompleteBody",
)  # fmt: skip
_BUSY = ("SlowDown", "ServiceUnavailable", "TooManyRequests", "RequestLimitExceeded", "ThrottlingException")
_AWAY = ("RequestTimeout", "InternalError", "OperationAborted", "ConditionalRequestConflict", "BadGateway")
_DENIED = ("AccessDenied", "AllAccessDisabled", "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidToken")
_UNHOLDABLE = ("KeyTooLongError", "InvalidURI", "XMinioInvalidObjectName", "InvalidObjectName")


class Page(NamedTuple):
    """One page of a listing."""

    entries: list[Entry]
    """Keys as files, markers of directories too: their paths end with a slash."""
    prefixes: list[str]
    """What keys have in common up to the next slash, which is its last character."""
    token: str
    """What asks for the next page; empty: this is the last one."""


def page_of(body: bytes, *, md5: bool) -> Page:
    """Reads an answer of ListObjectsV2 with ``encoding-type=url``.

    :param md5: an ETag that looks like an MD5 is one.
    """
    root = xml(body)
    space = root.tag[: root.tag.find("}") + 1]
    contents, common, cut = f"{space}Contents", f"{space}CommonPrefixes", len(space)
    entries, prefixes, token = [], [], ""
    for element in root:
        if element.tag == contents:
            told = {child.tag[cut:]: child.text or "" for child in element}
            path = f"/{unquote_plus(told['Key'])}"
            moment = told.get("LastModified")
            modified = datetime.fromisoformat(moment).timestamp() if moment else None
            version = told.get("ETag", "").strip('"') or None
            checksums = {"md5": version} if md5 and version and _MD5.fullmatch(version) else {}
            entries.append(Entry(path, Kind.FILE, int(told.get("Size", 0)), modified, checksums, version))
        elif element.tag == common:
            prefixes += [unquote_plus(child.text or "") for child in element]
        elif element.tag[cut:] == "NextContinuationToken":
            token = element.text or ""
    return Page(entries, prefixes, token)


def entry_of(path: str, headers: Mapping[str, str]) -> Entry:
    """What HEAD says of an object."""
    metadata = metadata_in(headers)
    etag = headers.get("etag", "").strip('"')
    checksums = checksum_in(headers)
    if etag_is_md5(headers) and (md5 := md5_of(etag)):
        checksums["md5"] = md5
    stored = headers.get("last-modified")
    try:
        modified = times.read(metadata, parsedate_to_datetime(stored) if stored else None)
    except ValueError:
        modified = times.read(metadata, None)
    return Entry(
        path,
        Kind.FILE,
        int(headers.get("content-length", 0)),
        modified,
        checksums,
        etag or None,
        headers.get("content-type"),
        users(metadata),
    )


def md5_of(etag: str | None) -> str | None:
    """The MD5 of the content, if an ETag looks like one: that of an object in parts does not."""
    return etag if etag is not None and _MD5.fullmatch(etag) else None


def etag_is_md5(headers: Mapping[str, str]) -> bool:
    """False where the server's encryption makes an ETag that only looks like an MD5.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    return (
        not headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
        and "x-amz-server-side-encryption-customer-algorithm" not in headers
    )


def xml(body: bytes) -> ElementTree.Element:
    """The root of an answer in XML.

    :raises StoreUnavailable: if it is none: what stands between here and S3 has cut or replaced it.
    """
    try:
        return ElementTree.fromstring(body.strip())
    except ElementTree.ParseError:
        raise StoreUnavailable("S3's answer cannot be read") from None


def texts(element: ElementTree.Element) -> dict[str, str]:
    """The texts of an element's children, by their names without a namespace."""
    return {child.tag.rpartition("}")[2]: (child.text or "") for child in element}


def children(root: ElementTree.Element, name: str) -> Iterator[dict[str, str]]:
    """The texts of each child of a name."""
    for element in root:
        if element.tag.rpartition("}")[2] == name:
            yield texts(element)


def code_of(answer: Answer) -> str:
    """The code of an error: ``NoSuchKey``; the status where there is no body (HEAD)."""
    if answer.body.lstrip().startswith(b"<"):
        try:
            return texts(xml(answer.body)).get("Code", "") or str(answer.status)
        except StoreUnavailable:
            pass
    return str(answer.status)


def error_of(answer: Answer, path: str) -> DatamoveError:
    """The error for an answer that is none of success. Its text is left out but for the code: it quotes keys."""
    status, code = answer.status, code_of(answer)
    if code == "NoSuchBucket":
        return NotFound("there is no such bucket", path=path)
    if code == "NoSuchUpload":
        return StoreUnavailable("the upload is gone", path=path)
    if status == 412 or code == "PreconditionFailed":
        return SourceChanged(f"{path} changed")
    if code in _OTHER_BYTES:
        return VerificationFailed(f"{path}: S3 says that something else arrived ({code})")
    if status in (429, 503) or code in _BUSY:
        return Throttled(f"S3 asks for fewer requests ({code})", path=path)
    if code == "InvalidObjectState":
        return StoreError("the object is archived", path=path, remedy="Restore it first")
    if code in _UNHOLDABLE:
        return NotSupported("a name that this server cannot hold", path=repr(path), remedy="Rename it")
    if status in (401, 403) or code in _DENIED:
        return PermissionDenied(f"S3 answered {code}", path=path, remedy="Look at the connection's credential")
    if status == 404:
        return NotFound("there is nothing here", path=path)
    if status >= 500 or code in _AWAY:
        return StoreUnavailable(f"S3 answered {code}", path=path)
    return StoreError(f"S3 answered {code}", path=path)
