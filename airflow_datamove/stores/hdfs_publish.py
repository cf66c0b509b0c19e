"""What is done to a file of HDFS between its last byte and its name: :func:`publish`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow_datamove.errors import NotFound, StoreError, StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Put
from airflow_datamove.stores.hdfs_answers import entry_of
from airflow_datamove.stores.webhdfs import WebHdfs


class Checksums:
    """Asks a cluster for crc32c, if it has any: HttpFS does, with ``dfs.checksum.combine.mode=COMPOSITE_CRC``. A data
    node of Hadoop 3.4 does not mind that mode; it gives an MD5 of MD5s of the crc32c of every 512 bytes
    (``onGetFileChecksum`` of ``WebHdfsHandler``), and is not asked again."""

    def __init__(self, web: WebHdfs) -> None:
        self._web = web
        self._told = True

    def crc32c(self, path: str, about: str) -> str | None:
        """Of the whole content, 8 hex digits; ``None`` where it cannot be known."""
        if not self._told:
            return None
        found = self.of(path, about).get("crc32c")
        self._told = found is not None
        return found

    def of(self, path: str, about: str) -> dict[str, str]:
        """Whatever checksum the cluster gives, by its name; none where it gives none."""
        try:
            found = self._web.call("GET", "GETFILECHECKSUM", path, about=about).get("FileChecksum") or {}
        except NotFound:
            raise
        except StoreError as error:
            if error.retryable:
                raise
            found = {}
        name, value = str(found.get("algorithm", "")), str(found.get("bytes", "")).lower()
        return {"crc32c": value[:8]} if name == "COMPOSITE-CRC32C" else {name: value} if name else {}


class Taken(StoreUnavailable):
    """Somebody else has renamed or removed what was about to be published."""


def publish(
    web: WebHdfs,
    checksums: Checksums,
    temporary: str,
    path: str,
    *,
    size: int,
    modified: float | None,
    crc32c: str | None,
) -> Put:
    """Gives a whole file its time and its name, if it is what was sent.

    :param temporary: where it is.
    :param crc32c: of what was sent, where it is known.
    :raises VerificationFailed: if it is something else; nothing is published then.
    """
    found = checksums.crc32c(temporary, path) if crc32c is not None and size else None
    if found is not None and found != crc32c:
        raise VerificationFailed(f"{path}: what arrived has another crc32c")
    if modified is not None:
        web.call("PUT", "SETTIMES", temporary, {"modificationtime": str(int(modified * 1000))}, about=path)
    made = status_of(web, temporary, path)
    if made["length"] != size:
        raise VerificationFailed(f"{path}: {made['length']} bytes arrived of {size}")
    _rename(web, temporary, path, made["fileId"])
    return Put(entry_of(path, made), "crc32c" if found is not None else "length")


def status_of(web: WebHdfs, path: str, about: str) -> dict[str, Any]:
    """The ``FileStatus`` of a path."""
    found: dict[str, Any] = web.call("GET", "GETFILESTATUS", path, about=about)["FileStatus"]
    return found


def _rename(web: WebHdfs, temporary: str, path: str, file_id: int) -> None:
    # FileSystem.rename with OVERWRITE replaces a file in one act, and never a directory that holds something.
    def rename() -> None:
        web.call("PUT", "RENAME", temporary, {"destination": path, "renameoptions": "OVERWRITE"}, about=path)

    try:
        rename()
    except NotFound:
        with suppress(NotFound):
            if status_of(web, path, path)["fileId"] == file_id:
                return  # it was done, and the answer was lost
        try:
            status_of(web, temporary, path)
        except NotFound:
            raise Taken("somebody has taken away what was written", path=path) from None
        web.call("PUT", "MKDIRS", path.rpartition("/")[0] or "/", about=path)
        rename()
