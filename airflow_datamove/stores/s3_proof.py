"""How S3 is made to refuse, or to show, that something else arrived than was sent.

It checks a crc32c, which costs next to nothing here, or an MD5, which costs a second for each 700 MiB; a server that is
no longer young tells by repeating the crc32c that it has checked it.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping

from airflow_datamove.errors import VerificationFailed
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.s3_answers import etag_is_md5, md5_of
from airflow_datamove.stores.s3_headers import CRC32C, crc_header

_MD5 = "content-md5"


def proof(data: bytes | memoryview, *, crc32c: str = "", md5: bool = False) -> dict[str, str]:
    """The headers by which the server checks a body.

    :param crc32c: of ``data``, 8 hex digits; empty: do not send it.
    :param md5: send the MD5.
    """
    headers = {CRC32C: crc_header(crc32c)} if crc32c else {}
    if md5:
        headers[_MD5] = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    return headers


def confirmed(data: bytes | memoryview, sent: Mapping[str, str], answer: Answer, path: str) -> str:
    """By what it is sure that the server has what was sent with :func:`proof`: ``crc32c`` or ``md5``.

    :raises VerificationFailed: if it is not.
    """
    told = answer.headers.get(CRC32C)
    if told is not None and CRC32C in sent:
        if told != sent[CRC32C]:
            raise VerificationFailed(f"{path}: what arrived has another crc32c")
        return "crc32c"
    if etag_is_md5(answer.headers) and (found := md5_of(answer.headers.get("etag", "").strip('"'))):
        md5 = b64decode(sent[_MD5]) if _MD5 in sent else hashlib.md5(data, usedforsecurity=False).digest()
        if bytes.fromhex(found) != md5:
            raise VerificationFailed(f"{path}: what arrived has another MD5")
    elif _MD5 not in sent:
        raise VerificationFailed(f"{path}: S3 does not say what arrived")
    return "md5"
