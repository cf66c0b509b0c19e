"""How a request to Azure Blob Storage says who asks: by the account's key, a SAS, a token, or not at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from airflow_datamove.errors import DatamoveError, PermissionDenied, WrongUse
from airflow_datamove.stores.http_connection import Headers

SCOPE = "https://storage.azure.com/.default"
_RENEW_SECONDS = 300.0
# The service sorts by the weights of Windows' word sort, as the SDK's own policy shows: hyphens weigh nothing, and an
# underscore less than a digit.
_ORDER = str.maketrans({"-": None, "_": "\x01"})


class Credential(ABC):
    """Signs requests. Its ``repr`` shows no secret."""

    def query(self) -> str:
        """What is added to the query of every URL, already encoded."""
        return ""

    @abstractmethod
    def authorization(self, method: str, path: str, query: Mapping[str, str], headers: Headers, size: int) -> str:
        """The header ``authorization``; ``""``: none.

        :param path: of the URL, encoded as it is sent.
        :param query: names in lower case and decoded values.
        :param headers: those of the request; ``host`` and ``content-length`` are not needed.
        :param size: bytes of the body.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Anonymous(Credential):
    """A container that anyone may read."""

    def authorization(self, method: str, path: str, query: Mapping[str, str], headers: Headers, size: int) -> str:
        """None."""
        return ""


class SharedKey(Credential):
    """The account's key; see "Authorize with Shared Key" of the vendor's REST reference.

    :param key: base64, as the vendor gives it.
    :raises WrongUse: if it is not that.
    """

    def __init__(self, account: str, key: str) -> None:
        self.account = account
        try:
            self._key = base64.b64decode(key, validate=True)
        except ValueError:
            self._key = b""
        if not self._key or not account:
            raise WrongUse("an account key of Azure is base64, and needs the account's name")

    def sign(self, text: str) -> str:
        """HMAC-SHA256 of a text, in base64."""
        return signature(self._key, text)

    def authorization(self, method: str, path: str, query: Mapping[str, str], headers: Headers, size: int) -> str:
        """See :class:`Credential`."""
        get = headers.get
        lines = [
            method,
            get("content-encoding", ""),
            get("content-language", ""),
            str(size) if size else "",
            get("content-md5", ""),
            get("content-type", ""),
            get("date", ""),
            get("if-modified-since", ""),
            get("if-match", ""),
            get("if-none-match", ""),
            get("if-unmodified-since", ""),
            get("range", ""),
        ]
        own = [name for name in headers if name.startswith("x-ms-")]
        own.sort(key=lambda name: (name.translate(_ORDER), name))
        lines += [f"{name}:{headers[name]}" for name in own]
        lines.append(f"/{self.account}{path}")
        lines += [f"{name}:{query[name]}" for name in sorted(query)]
        return f"SharedKey {self.account}:{self.sign(chr(10).join(lines))}"


class Sas(Credential):
    """A shared access signature.

    :param text: gives it, so that one that is replaced while a copy runs is taken up.
    """

    def __init__(self, text: Callable[[], str]) -> None:
        self._text = text

    def query(self) -> str:
        """The signature."""
        return self._text().strip().lstrip("?")

    def authorization(self, method: str, path: str, query: Mapping[str, str], headers: Headers, size: int) -> str:
        """None."""
        return ""


class Token(Credential):
    """Tokens of Microsoft Entra ID.

    :param source: an ``azure.core.credentials.TokenCredential``, or what makes one when it is first needed.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def authorization(self, method: str, path: str, query: Mapping[str, str], headers: Headers, size: int) -> str:
        """A token that is good for a while yet.

        :raises PermissionDenied: if none is to be had.
        """
        if time.time() > self._until - _RENEW_SECONDS:
            with self._lock:
                if time.time() > self._until - _RENEW_SECONDS:
                    self._renew()
        return f"Bearer {self._token}"

    def _renew(self) -> None:
        try:
            if not hasattr(self._source, "get_token"):
                self._source = self._source()
            got = self._source.get_token(SCOPE)
        except DatamoveError:
            raise
        except Exception:
            if time.time() < self._until:
                return
            # The cause quotes what was tried, tenants and identities.
            raise PermissionDenied("no credential works", remedy="Look at the connection") from None
        self._token, self._until = got.token, float(got.expires_on)


def signature(key: bytes, text: str) -> str:
    """HMAC-SHA256, in base64."""
    return base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode("ascii")


def decoded_query(text: str) -> dict[str, str]:
    """A query as :meth:`Credential.authorization` wants it: names in lower case, values decoded."""
    found: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        found[name.lower()] = unquote(value)
    return found
