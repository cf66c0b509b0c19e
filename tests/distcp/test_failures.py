import pytest

from airflow_datamove.distcp.failures import cause_of, explain
from airflow_datamove.errors import DistCpFailed, PathConflict

TRACE = """Task failed task_17_0002_m_000000
Job failed as tasks failed. failedMaps:1 failedReduces:0
Error: java.io.IOException: File copy failed: hdfs://nn/s/a b --> hdfs://nn/t/a b
\tat org.apache.hadoop.tools.mapred.CopyMapper.copyFileWithRetry(CopyMapper.java:330)
Caused by: java.io.IOException: Couldn't run retriable-command: Copying hdfs://nn/s/a b to hdfs://nn/t/a b
\tat org.apache.hadoop.tools.util.RetriableCommand.execute(RetriableCommand.java:101)
Caused by: {cause}
\tat org.apache.hadoop.tools.mapred.RetriableFileCopyCommand.x(RetriableFileCopyCommand.java:1)
"""


def test_the_file_and_the_deepest_cause() -> None:
    error = explain(
        TRACE.replace("{cause}", "java.io.IOException: Mismatch in length of source"), job="application_1_2"
    )
    assert isinstance(error, DistCpFailed)
    assert str(error) == (
        "DistCp job application_1_2 failed: hdfs://nn/s/a b -> hdfs://nn/t/a b:"
        " IOException: Mismatch in length of source"
    )
    assert error.retryable


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("org.apache.hadoop.security.AccessControlException: Permission denied: user=x", "Hadoop user"),
        ('org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme "gs"', "connector"),
        ("java.net.UnknownHostException: acme.dfs.core.windows.net", "resolve"),
        ("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException: The DiskSpace quota", "quota"),
        ("java.io.IOException: Source and target differ in block-size", "COMPOSITE_CRC"),
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
    ],
)
def test_what_trying_again_does_not_cure(cause: str, remedy: str) -> None:
    error = explain(TRACE.replace("{cause}", cause), job="j")
    assert not error.retryable
    assert remedy in error.remedy


S3A = """java.nio.file.AccessDeniedException: s3a://lake/x: getFileStatus on s3a://lake/x: {name}: {text}
\tat org.apache.hadoop.fs.s3a.S3AUtils.translateException(S3AUtils.java:276)
Caused by: {name}: {text}
"""


@pytest.mark.parametrize(
    ("name", "text", "remedy", "retryable"),
    [
        ("awssdk.services.s3.model.S3Exception", "Forbidden (Service: S3, Status Code: 403)", "credentials", False),
        ("awssdk.services.s3.model.NoSuchBucketException", "The specified bucket does not exist", "bucket", False),
        (
            "awssdk.core.exception.SdkClientException",
            "Connect to 10.0.0.1:443 failed: Connection refused",
            "reach",
            True,
        ),
    ],
)
def test_a_store_that_the_cluster_does_not_reach(name: str, text: str, remedy: str, retryable: bool) -> None:
    error = explain(S3A.format(name=f"software.amazon.{name}", text=text), job="client (exit 255)")
    assert str(error).startswith("DistCp job client (exit 255) failed: s3a://lake/x: ")
    assert text in str(error)
    assert error.retryable is retryable
    assert remedy in error.remedy


def test_a_type_clash_is_a_conflict() -> None:
    error = explain(
        TRACE.replace("{cause}", "java.io.IOException: Can't replace /t/a. Target is dir, Source is file"), job="j"
    )
    assert isinstance(error, PathConflict)


def test_a_kill_can_be_tried_again() -> None:
    error = explain("Application killed by user.", job="j", killed=True)
    assert error.retryable
    assert "was killed: Application killed by user." in str(error)


def test_diagnostics_are_trimmed_and_never_empty() -> None:
    assert cause_of("") == "no reason given"
    assert len(cause_of("x" * 10_000)) < 700
