"""From what Hadoop says of a failure to one readable error: which file, why, and whether trying again may help."""

from __future__ import annotations

import re
from typing import NamedTuple

from airflow_datamove.errors import DatamoveError, DistCpFailed, PathConflict

_FILE = re.compile(r"File copy failed: (\S.*?) --> (\S.*?)(?:\n|\s+at |$)")
_CAUSE = re.compile(
    r"(?:Caused by: |Error: |^)((?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error)[^:\n]*)(?:: ([^\n]*))?", re.M
)
_STORE = re.compile(r"(?:Exception|Error)\b[^\n]*?((?:s3a|gs|abfss?)://[^\s:,`'\"]+)")
_LONGEST = 600


class _Kind(NamedTuple):
    pattern: re.Pattern[str]
    remedy: str


# Trying again does not cure these. The order matters: the first that is found explains the failure.
_FATAL = tuple(
    _Kind(re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (r"Status Code: 40[13]|NoAuthWithAWSException|CredentialInitializationException",
         "Give the cluster credentials that this store takes and that may read and write there (core-site or a"
         " credential provider)"),
        (r"UnknownStoreException|NoSuchBucket",
         "Make the bucket, or let the cluster's connector ask the store that has it (fs.s3a.endpoint)"),
        (r"AccessControlException|Permission denied|AuthorizationPermissionMismatch|403 Forbidden|\bstatus[= ]403",
         "Let the Hadoop user read the source and write the destination"),
        (r"401 Unauthorized|AuthenticationException|Error getting access token|Failed to find any Kerberos",
         "Give the cluster valid credentials of this store (core-site or a credential provider)"),
        (r"No FileSystem for scheme|ClassNotFoundException|NoClassDefFoundError",
         "Put the store's connector on the class path of the client and of the maps"),
        (r"UnknownHostException", "Let the cluster's nodes resolve this host"),
        (r"QuotaExceeded|DiskOutOfSpace|No space left", "Free space or raise the quota at the destination"),
        (r"unknown queue|cannot submit applications to queue|to non-leaf queue",
         "Name a YARN queue that this user may use"),
        (r"beyond the .{0,20}(physical|virtual) memory limit|OutOfMemoryError|Java heap space",
         "Raise mapreduce.map.memory.mb, or HADOOP_CLIENT_OPTS=-Xmx if it was the client"),
        (r"differ in block-size", "Set dfs.checksum.combine.mode to COMPOSITE_CRC"),
    )
)  # fmt: skip
# This may be over in a minute.
_UNREACHED = _Kind(
    re.compile(r"Connection refused|ConnectException|NoRouteToHost|ConnectTimeout|connect timed out", re.IGNORECASE),
    "Look whether the cluster's machines reach the store, and by which endpoint (fs.s3a.endpoint,"
    " fs.gs.storage.root.url, a proxy)",
)
_CLASH = re.compile(r"Can't replace .*?Target is \w+, Source is \w+", re.DOTALL)


def explain(diagnostics: str, *, job: str, killed: bool = False) -> DatamoveError:
    """The error for a job that ended without success.

    :param diagnostics: whatever the resource manager, the history server or the client said.
    :param job: what to call it: the application's id, or "the client".
    :param killed: somebody ended it; unless the cause says otherwise that is retryable.
    """
    if clash := _CLASH.search(diagnostics):
        return PathConflict(
            " ".join(clash[0].split()), remedy="A file stands where a directory must be, or the reverse"
        )
    files = list(dict.fromkeys(_FILE.findall(diagnostics)))
    where = f": {files[0][0]} -> {files[0][1]}" if files else ""
    where += f" and {len(files) - 1} more" if len(files) > 1 else ""
    store = _STORE.search(diagnostics)
    if not where and store:
        where = f": {store[1]}"
    how = "was killed" if killed else "failed"
    error = DistCpFailed(f"DistCp job {job} {how}{where}: {cause_of(diagnostics)}", remedy="")
    for kind in _FATAL:
        if kind.pattern.search(diagnostics):
            error.remedy, error.retryable = kind.remedy, False
            break
    else:
        if store and _UNREACHED.pattern.search(diagnostics):
            error.remedy = _UNREACHED.remedy
    return error


def cause_of(diagnostics: str) -> str:
    """The deepest cause in a Java trace, in one line; without a trace, the first lines of the text."""
    causes = [(name, text or "") for name, text in _CAUSE.findall(diagnostics)]
    if causes:
        name, text = next((each for each in reversed(causes) if each[1].strip()), causes[-1])
        return _trim(f"{name.rpartition('.')[2]}: {text}".rstrip(": "))
    lines = [line.strip() for line in diagnostics.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    return _trim(" ".join(lines[:3])) or "no reason given"


def _trim(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
