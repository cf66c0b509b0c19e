"""What the tests of the S3 back-end rely on: SeaweedFS refuses what the service refuses."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import base64
import contextlib
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import s3_connection

BUCKET = "promises"
PART = 5 * 2**20


@pytest.fixture(scope="module")
def s3(seaweedfs: dict[str, Any]) -> Any:
    client = connect(s3_connection(seaweedfs))
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)
    return client


def connect(connection: dict[str, Any]) -> Any:
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=connection["extra"]["endpoint_url"],
        region_name=connection["extra"]["region_name"],
        aws_access_key_id=connection["login"],
        aws_secret_access_key=connection["password"],
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_another_secret_is_refused(seaweedfs: dict[str, Any]) -> None:
    stranger = connect({**s3_connection(seaweedfs), "password": "another"})
    with pytest.raises(ClientError) as error:
        stranger.list_buckets()
    assert refused(error) == "SignatureDoesNotMatch"


def test_a_digest_of_other_bytes_is_refused(s3: Any) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=BUCKET, Key="digest", Body=b"data", ContentMD5=base64.b64encode(bytes(16)).decode())
    assert refused(error) == "BadDigest"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=BUCKET, Key="digest", Body=b"data", ChecksumCRC32C=base64.b64encode(bytes(4)).decode())
    assert refused(error) == "BadDigest"
    with pytest.raises(ClientError):
        s3.head_object(Bucket=BUCKET, Key="digest")


def test_a_name_that_is_taken_is_refused(s3: Any) -> None:
    s3.delete_object(Bucket=BUCKET, Key="taken")
    s3.put_object(Bucket=BUCKET, Key="taken", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=BUCKET, Key="taken", Body=b"second", IfNoneMatch="*")
    assert refused(error) == "PreconditionFailed"


def test_parts_are_listed_and_invisible_until_they_are_joined(s3: Any) -> None:
    s3.delete_object(Bucket=BUCKET, Key="parts")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    where = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    for number, body in ((2, b"end"), (1, bytes(PART))):
        s3.upload_part(**where, PartNumber=number, Body=body)
    parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in s3.list_parts(**where)["Parts"]]
    assert [part["PartNumber"] for part in parts] == [1, 2]
    assert upload in [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=BUCKET, Prefix="parts")["Uploads"]]
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="parts")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    assert s3.get_object(Bucket=BUCKET, Key="parts", Range=f"bytes={PART - 1}-")["Body"].read() == b"\0end"
