"""The small object beside a file that leads whoever goes on with its upload to what S3 keeps of it.

S3 gives an upload an id of its own, and cannot be asked for that of an identity. So the first try writes it down, on
the condition that nobody else has; all others read it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from airflow_datamove.stores.s3_answers import code_of, error_of
from airflow_datamove.stores.s3_proof import proof
from airflow_datamove.stores.s3_service import S3Service
from airflow_datamove.stores.temporary import named_path

_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What it says."""

    upload: str
    """S3's id of the upload."""
    checksum: str
    """``FULL_OBJECT`` or ``COMPOSITE``: S3 keeps the crc32c of the parts, and makes that of the file of it in this
    way; empty: it keeps none."""
    key: str
    """Of the file."""
    version: str = ""
    """ETag of the pointer that was read."""


def pointer_key(path: str, identity: str) -> str:
    """The key of the pointer."""
    return named_path(path, identity, "upload").removeprefix("/")


def read_pointer(service: S3Service, key: str) -> Pointer | None:
    """What a pointer says; ``None`` if there is none, or none that can be read."""
    answer = service.call("GET", key)
    if answer.status == 404 and code_of(answer) != "NoSuchBucket":
        return None
    if answer.status != 200:
        raise error_of(answer, f"/{key}")
    version = answer.headers.get("etag", "").strip('"')
    try:
        told = json.loads(answer.body)
        return Pointer(str(told["upload"]), str(told["checksum"]), str(told["key"]), version)
    except (ValueError, KeyError, TypeError):
        return Pointer("", "", "", version)


def write_pointer(service: S3Service, key: str, pointer: Pointer, instead_of: Pointer | None) -> bool:
    """Writes a pointer where there is none, or in place of one that leads nowhere; False if somebody was faster."""
    told = {"upload": pointer.upload, "checksum": pointer.checksum, "key": pointer.key}
    body = json.dumps(told).encode()
    headers = {"content-type": "application/json", **proof(body, md5=True)}
    condition = {"if-none-match": "*"} if instead_of is None else {"if-match": f'"{instead_of.version}"'}
    answer = service.call("PUT", key, headers=headers | condition, body=body)
    if answer.status == 501:  # it has no conditions: two tries may then have an upload each, and one of them is in vain
        answer = service.call("PUT", key, headers=headers, body=body)
    if answer.status == 200:
        return True
    if code_of(answer) in _LOST or (instead_of is not None and answer.status == 404):
        return False
    raise error_of(answer, f"/{key}")


def forget_upload(service: S3Service, key: str, pointer: Pointer | None) -> None:
    """Removes an upload with its parts, and the pointer to it; harmless if they are gone."""
    if pointer is not None and pointer.upload and pointer.key:
        answer = service.call("DELETE", pointer.key, {"uploadId": pointer.upload})
        if answer.status not in (200, 204, 404):
            raise error_of(answer, f"/{pointer.key}")
    delete_key(service, key)


def delete_key(service: S3Service, key: str) -> None:
    """Deletes an object; harmless if it is gone."""
    answer = service.call("DELETE", key)
    if answer.status not in (200, 204) and not (answer.status == 404 and code_of(answer) != "NoSuchBucket"):
        raise error_of(answer, f"/{key}")
