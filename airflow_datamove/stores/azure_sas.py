"""A URL that lets another account's service read one blob for an hour: "Create a service SAS", and "Create a user
delegation SAS", of the vendor's REST reference."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from xml.etree import ElementTree

from airflow_datamove.stores.azure_client import VERSION
from airflow_datamove.stores.azure_credential import SharedKey, signature

LASTS = timedelta(hours=1)
"""How long a SAS opens what it opens: one call's worth of copying by the service."""
SKEW = timedelta(minutes=10)
"""By so much the service's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class DelegationKey:
    """What "Get User Delegation Key" answers. Its ``repr`` shows no secret."""

    object_id: str
    tenant_id: str
    start: str
    expiry: str
    service: str
    version: str
    value: str = field(repr=False)
    """Base64."""

    @classmethod
    def read(cls, body: bytes) -> DelegationKey:
        """:raises ValueError: if the answer is none."""
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError:
            raise ValueError("no key") from None
        names = ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion", "Value")
        found = [root.findtext(name) or "" for name in names]
        if not all(found):
            raise ValueError("no key")
        return cls(*found)


def service_sas(key: SharedKey, container: str, blob: str, now: datetime) -> str:
    """The query of a URL, encoded, that reads one blob, signed with the account's key."""
    fields = _fields(now)
    lines = [fields["sp"], fields["st"], fields["se"], _resource(key.account, container, blob), "", "", ""]
    lines += [VERSION, "b", "", "", "", "", "", "", ""]
    return _query({**fields, "sv": VERSION, "sr": "b", "sig": key.sign("\n".join(lines))})


def delegation_text(account: str, key: DelegationKey, container: str, blob: str, now: datetime) -> str:
    """What a user delegation SAS signs, in the form that holds for ``VERSION``."""
    fields = _fields(now)
    lines = [fields["sp"], fields["st"], fields["se"], _resource(account, container, blob)]
    lines += [key.object_id, key.tenant_id, key.start, key.expiry, key.service, key.version]
    lines += ["", "", "", "", "", VERSION, "b", "", "", "", "", "", "", ""]
    return "\n".join(lines)


def delegation_sas(account: str, key: DelegationKey, container: str, blob: str, now: datetime) -> str:
    """The query of a URL, encoded, that reads one blob, signed with a key that was got with a token."""
    text = delegation_text(account, key, container, blob, now)
    own = {
        "skoid": key.object_id,
        "sktid": key.tenant_id,
        "skt": key.start,
        "ske": key.expiry,
        "sks": key.service,
        "skv": key.version,
        "sv": VERSION,
        "sr": "b",
        "sig": signature(base64.b64decode(key.value), text),
    }
    return _query({**_fields(now), **own})


def written(moment: datetime) -> str:
    """A moment as the service takes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields(now: datetime) -> dict[str, str]:
    return {"sp": "r", "st": written(now - SKEW), "se": written(now + LASTS)}


def _resource(account: str, container: str, blob: str) -> str:
    return f"/blob/{account}/{container}/{blob}"


def _query(fields: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
