"""What WebHDFS answers, in our words: the status of files, and the exceptions of Hadoop."""

from __future__ import annotations

import json
from typing import Any

from airflow_datamove.errors import (
    AlreadyExists,
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreUnavailable,
    Throttled,
)
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.http_client import Answer

_KINDS = {"FILE": Kind.FILE, "DIRECTORY": Kind.DIRECTORY}
_ERRORS: dict[str, tuple[type[StoreError], str]] = {
    "FileNotFoundException": (NotFound, "there is nothing here"),
    "AccessControlException": (PermissionDenied, "HDFS does not allow it"),
    "SecurityException": (PermissionDenied, "HDFS does not know this user"),
    "AuthenticationException": (PermissionDenied, "HDFS does not know this user"),
    "FileAlreadyExistsException": (AlreadyExists, "something stands there"),
    "ParentNotDirectoryException": (AlreadyExists, "a file stands where a directory must be"),
    "PathIsNotEmptyDirectoryException": (StoreError, "the directory is not empty"),
    "PathComponentTooLongException": (NotSupported, "the name is too long for HDFS"),
    "InvalidPathException": (NotSupported, "a name that HDFS cannot hold"),
    "IllegalArgumentException": (NotSupported, "a name that HDFS cannot hold"),
    "HadoopIllegalArgumentException": (NotSupported, "a name that HDFS cannot hold"),
    "DSQuotaExceededException": (StoreError, "the space quota is used up"),
    "NSQuotaExceededException": (StoreError, "the name quota is used up"),
    "EOFException": (StoreError, "the file ends before that"),
    "XAttrNotFoundException": (NotFound, "there is no such attribute"),
    "SafeModeException": (StoreUnavailable, "the name node is in safe mode"),
    "RetriableException": (StoreUnavailable, "the name node is not ready"),
    "StandbyException": (StoreUnavailable, "no name node is active"),
}
ELSEWHERE = ("StandbyException", "RetriableException")
"""What says that another name node should be asked."""


def entry_of(path: str, status: dict[str, Any]) -> Entry:
    """A ``FileStatus`` of WebHDFS's reference as an entry."""
    kind = _KINDS.get(status["type"], Kind.SPECIAL)
    modified = status["modificationTime"] / 1000
    if kind is not Kind.FILE:
        return Entry(path, kind, modified=modified)
    version = f"{status['fileId']}-{status['modificationTime']}-{status['length']}"
    return Entry(path, kind, status["length"], modified, version=version)


def refusal(answer: Answer, path: str) -> tuple[str, StoreError]:
    """The name of Hadoop's exception (``""`` where there is none) and the error, for a status of 400 and above."""
    status = answer.status
    try:
        remote = json.loads(answer.body)["RemoteException"]
        kind, message = str(remote["exception"]), str(remote.get("message", ""))
    except (ValueError, KeyError, TypeError):
        kind, message = "", ""
    if kind == "AccessControlException" and "is not a directory" in message:
        return kind, NotFound("there is nothing here: a file stands above it", path=path)
    if kind in _ERRORS:
        make, text = _ERRORS[kind]
        return kind, make(text, path=path)
    if status == 401:
        return kind, PermissionDenied("HDFS does not know this user", path=path)
    if status in (429, 503):
        return kind, Throttled(f"WebHDFS asks for fewer requests ({status})", path=path)
    first = message.partition("\n")[0][:300]
    text = f"WebHDFS answered {status} {kind} {first}".rstrip()
    return kind, (StoreUnavailable if status >= 500 else StoreError)(text, path=path)
