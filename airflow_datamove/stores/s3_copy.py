"""Copies that S3 makes by itself, between keys that one credential may read and write.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html
"""

from __future__ import annotations

from airflow_datamove.errors import SourceChanged, VerificationFailed
from airflow_datamove.stores.contract import Attributes, Entry, Put
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.s3_answers import entry_of, error_of, xml
from airflow_datamove.stores.s3_headers import CARRIED, attribute_headers
from airflow_datamove.stores.s3_service import S3Service
from airflow_datamove.stores.sigv4 import quoted_path

_TOLD = {"x-amz-checksum-mode": "ENABLED"}
LARGEST = 5 * 2**30
"""Bytes that one request copies, at most."""


class CopySource:
    """A store of a bucket, from which S3 can copy."""

    service: S3Service


def copy_source(bucket: str, entry: Entry) -> dict[str, str]:
    """The headers that name what is copied, as long as it is of the entry's version."""
    headers = {"x-amz-copy-source": quoted_path(f"/{bucket}{entry.path}")}
    if entry.version is not None:
        headers["x-amz-copy-source-if-match"] = f'"{entry.version}"'
    return headers


def copied(answer: Answer) -> Answer:
    """The answer to what S3 may take long over: it begins with 200 before it knows, and may end with an error."""
    if answer.status == 200 and answer.body and xml(answer.body).tag.rpartition("}")[2] == "Error":
        return Answer(500, answer.headers, answer.body)
    return answer


def copy_object(service: S3Service, path: str, source: S3Service, entry: Entry, attributes: Attributes) -> Put:
    """Copies an object of up to :data:`LARGEST` bytes.

    What a listing does not tell of the source is asked after first: a copy with attributes of its own would lose it.

    :raises SourceChanged: if the source is no longer of the entry's version.
    """
    headers = copy_source(source.bucket, entry)
    told = source.call("HEAD", entry.path.removeprefix("/"), headers=_TOLD)
    if told.status in (404, 412):
        raise SourceChanged(f"{entry.path} is gone, or has been replaced")
    if told.status != 200:
        raise error_of(told, entry.path)
    found = entry_of(entry.path, told.headers)
    wanted = Attributes(
        attributes.modified if attributes.modified is not None else found.modified,
        attributes.content_type or found.content_type,
        attributes.metadata or found.metadata or {},
    )
    headers |= attribute_headers(wanted)
    headers |= {name: told.headers[name] for name in CARRIED if name in told.headers}
    headers["x-amz-metadata-directive"] = "REPLACE"
    answer = copied(service.call("PUT", path.removeprefix("/"), headers=headers))
    if answer.status == 412:
        raise SourceChanged(f"{entry.path} is gone, or has been replaced")
    if answer.status != 200:
        raise error_of(answer, path)
    made = service.call("HEAD", path.removeprefix("/"), headers=_TOLD)
    if made.status != 200:
        raise error_of(made, path)
    return checked(found, entry_of(path, made.headers))


def checked(source: Entry, made: Entry) -> Put:
    """What came of a copy, compared by what the service says of both.

    :raises VerificationFailed: if it is not what was copied.
    """
    for name in ("crc32c", "md5"):
        if name in source.checksums and name in made.checksums:
            if source.checksums[name] != made.checksums[name]:
                raise VerificationFailed(f"{made.path}: what was copied has another {name}")
            return Put(made, name)
    if source.size != made.size:
        raise VerificationFailed(f"{made.path}: {made.size} bytes came of {source.size}")
    return Put(made, "length")
