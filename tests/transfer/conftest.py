from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.stores.places import make_bucket, make_container
from tests.transfer.ends import Ends


@pytest.fixture(scope="session")
def buckets(azurite: dict[str, Any], gcs: dict[str, Any]) -> dict[str, str]:
    """Where a test may write, for each scheme; the end of an address is missing."""
    return {
        "hdfs": f"hdfs://onprem@/tests/{uuid.uuid4().hex[:12]}",
        "abfs": f"abfs://blob@{make_container(azurite)}",
        "gs": f"gs://gcp@{make_bucket(gcs)}",
    }


@pytest.fixture
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Ends:
    """Ends of copies in any store; see :class:`tests.transfer.ends.Ends`."""
    return Ends(request.getfixturevalue, tmp_path)
