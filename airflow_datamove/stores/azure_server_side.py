"""Copies that the service makes by itself, from any account of Azure Blob Storage: "Put Blob From URL" and "Copy Blob
From URL" of the vendor's REST reference. The source lends itself by a URL that is good for an hour."""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from urllib.parse import urlsplit

from airflow_datamove.errors import NotSupported, StoreUnavailable, VerificationFailed
from airflow_datamove.stores import azure_metadata as meta
from airflow_datamove.stores.azure_answers import NAME, code, failure
from airflow_datamove.stores.azure_client import ContainerClient
from airflow_datamove.stores.azure_credential import SharedKey, Token
from airflow_datamove.stores.azure_login import AzureAccount
from airflow_datamove.stores.azure_sas import LASTS, SKEW, DelegationKey, delegation_sas, service_sas, written
from airflow_datamove.stores.contract import Attributes, Entry, Put, Store
from airflow_datamove.stores.http_client import Answer

_KEY_LASTS = timedelta(hours=12)
_THEIRS = ("CannotVerifyCopySource", "SourceConditionNotMet", "InvalidSourceBlobUrl")
_XML = {"content-type": "application/xml"}
# What a service says that does not know a call.
_UNKNOWN_CALL = (501, 405)


class Lender:
    """Makes the URLs by which a store's blobs are read by the service of another. Safe to use from several threads.

    :param now: the time, for tests.
    """

    def __init__(self, client: ContainerClient, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client, self._now = client, now
        self._lock = threading.Lock()
        self._key: DelegationKey | None = None
        self._until = now()

    def url(self, key: str) -> str:
        """The URL of a blob, with what opens it: a secret. Made anew for each call, so it never grows old."""
        client, account = self._client, self._client.account
        credential, now = account.credential, self._now()
        if isinstance(credential, SharedKey):
            query = service_sas(credential, client.container, key, now)
        elif isinstance(credential, Token):
            query = delegation_sas(account.name, self._delegated(now), client.container, key, now)
        else:
            query = credential.query()
        where = f"{account.url}{client.blob(key)}"
        return f"{where}?{query}" if query else where

    def _delegated(self, now: datetime) -> DelegationKey:
        """A key that outlives what it signs: "Get User Delegation Key"."""
        with self._lock:
            if self._key is None or now + LASTS + SKEW > self._until:
                until = now + _KEY_LASTS
                asked = f"<KeyInfo><Start>{written(now - SKEW)}</Start><Expiry>{written(until)}</Expiry></KeyInfo>"
                query = {"restype": "service", "comp": "userdelegationkey"}
                answer = self._client.call("POST", "/", "", query=query, headers=_XML, body=asked.encode())
                try:
                    self._key, self._until = DelegationKey.read(answer.body), until
                except ValueError:
                    raise StoreUnavailable(f"{NAME} sent no user delegation key") from None
            return self._key


class _Lending(Protocol):
    lender: Lender

    def lend(self, path: str) -> str: ...


def can_reach(destination: AzureAccount, source: AzureAccount) -> bool:
    """True if the destination's service can read the source's: two emulators cannot, nor can one and the cloud."""
    if destination.local or source.local:
        return urlsplit(destination.url).netloc == urlsplit(source.url).netloc
    return True


def source_headers(source: Store, entry: Entry) -> dict[str, str]:
    """The headers that name the source of a copy, and its version. They hold a secret."""
    found = {"x-ms-copy-source": cast(_Lending, source).lend(entry.path)}
    if entry.version:
        found["x-ms-source-if-match"] = entry.version
    return found


class BlobCopier:
    """Copies whole blobs; remembers which call the service has. Safe to use from several threads."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client
        self._has_put_from_url = True

    def copy(self, source: Store, entry: Entry, key: str, path: str, attributes: Attributes) -> Put:
        """See ``Store.copy_from``. What the attributes do not say stays as the source has it, but for its metadata."""
        # With no metadata at all in the request, the service would copy the source's.
        own = {meta.UPLOAD: uuid.uuid4().hex}
        if crc := entry.checksums.get("crc32c"):
            own[meta.CRC32C] = f"{crc}-{entry.size}"
        headers = {**source_headers(source, entry), **meta.metadata_headers(attributes, own)}
        if self._has_put_from_url:
            answer, by_md5 = self._put_from_url(entry, key, headers, attributes)
            if answer.status in _UNKNOWN_CALL:
                self._has_put_from_url = False
        if not self._has_put_from_url:
            answer, by_md5 = self._copy_from_url(key, headers), False
        if answer.status >= 300:
            if answer.status in _UNKNOWN_CALL:
                raise NotSupported(f"this {NAME} does not copy by itself", path=path)
            raise failure(answer, entry.path if code(answer) in _THEIRS else path)
        if answer.headers.get("x-ms-copy-status", "success") != "success":
            raise StoreUnavailable(f"{NAME} has not finished its copy", path=path)
        return Put(self._checked(entry, key, path, attributes, by_md5), "md5" if by_md5 else "length")

    def _put_from_url(
        self, entry: Entry, key: str, headers: dict[str, str], attributes: Attributes
    ) -> tuple[Answer, bool]:
        """The service compares the MD5 of what it reads, if it is told one."""
        more = {"x-ms-blob-type": "BlockBlob"}
        if md5 := entry.checksums.get("md5"):
            text = base64.b64encode(bytes.fromhex(md5)).decode("ascii")
            more |= {"x-ms-source-content-md5": text, "x-ms-blob-content-md5": text}
        kind = attributes.content_type or entry.content_type
        if kind is not None:
            more["x-ms-blob-content-type"] = meta.content_type(Attributes(content_type=kind))
        where = self._client.blob(key)
        answer = self._client.call("PUT", where, "", headers={**headers, **more}, accept=range(300, 600))
        return answer, bool(md5)

    def _copy_from_url(self, key: str, headers: dict[str, str]) -> Answer:
        """The service copies the type and the MD5 with the content, and is done when it answers."""
        where = self._client.blob(key)
        more = {"x-ms-requires-sync": "true"}
        return self._client.call("PUT", where, "", headers={**headers, **more}, accept=range(300, 600))

    def _checked(self, source: Entry, key: str, path: str, attributes: Attributes, by_md5: bool) -> Entry:
        """What has become of it."""
        where = self._client.blob(key)
        headers = self._client.call("HEAD", where, path).headers
        made = meta.entry_of_headers(path, headers)
        wanted, found = source.checksums.get("md5"), made.checksums.get("md5")
        if made.size != source.size or (wanted and found and wanted != found):
            self._client.call("DELETE", where, path, headers={"if-match": made.version or "*"}, accept=(404, 412))
            raise VerificationFailed(f"{path}: the copy that {NAME} has made is not like {source.path}")
        if attributes.content_type is None or made.content_type == meta.content_type(attributes):
            return made
        # "Set Blob Properties" takes away what it is not told.
        more = {"x-ms-blob-content-type": meta.content_type(attributes)}
        for name in ("content-md5", "content-encoding", "content-language", "content-disposition", "cache-control"):
            if name in headers:
                more[f"x-ms-blob-{name}"] = headers[name]
        condition = {"if-match": made.version} if made.version else {}
        self._client.call("PUT", where, path, query={"comp": "properties"}, headers={**more, **condition})
        return meta.entry_of_headers(path, self._client.call("HEAD", where, path).headers)
