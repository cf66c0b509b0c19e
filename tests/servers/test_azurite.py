"""Azurite's two accounts, each with its own key and its own containers."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient


def test_there_are_two_accounts(azurite: dict[str, Any]) -> None:
    for suffix in ("", "_2"):
        with BlobServiceClient.from_connection_string(azurite[f"connection_string{suffix}"]) as service:
            assert service.account_name == azurite[f"account{suffix}"]
            service.create_container(f"of-{service.account_name}")
            there = [each.name for each in service.list_containers()]
            service.delete_container(f"of-{service.account_name}")
        assert [name for name in there if name.startswith("of-")] == [f"of-{azurite[f'account{suffix}']}"]
    url = f"{azurite['url']}/{azurite['account_2']}"
    with (
        BlobServiceClient(url, credential=azurite["key"]) as stranger,
        pytest.raises(HttpResponseError, match="AuthorizationFailure"),
    ):
        list(stranger.list_containers())
