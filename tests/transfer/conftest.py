from __future__ import annotations

from typing import Any

import pytest

from tests.stores.places import make_bucket, make_container


@pytest.fixture(scope="session")
def buckets(azurite: dict[str, Any], gcs: dict[str, Any]) -> dict[str, str]:
    """Where a test may write, for each scheme; the end of an address is missing."""
    return {
        "hdfs": "hdfs://onprem@/tests",
        "abfs": f"abfs://blob@{make_container(azurite)}",
        "gs": f"gs://gcp@{make_bucket(gcs)}",
    }
