"""Where data is: ``scheme://connection_id@authority/path``, Airflow's own ObjectStoragePath form.

Characters stand for themselves: nothing is percent-decoded. In a source, ``* ? [ ] { }`` are globs and a backslash
before one of them, or before a backslash, makes it plain; a destination is never a glob, and there a backslash is a
backslash. Credentials only ever come from the connection: an address that carries one is refused, and no error shows
it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from airflow_datamove.errors import AddressError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,250}")
_SECRET = re.compile(
    r"(?:[?&;#]|%3f|%26)(sig|sas|sv|se|sp|key|access_?key|account_?key|sharedaccesssignature|password|passwd|pwd|token|access_token|secret|api_?key|"
    r"x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid|signature)=",
    re.IGNORECASE,
)
_USER = re.compile(r"://([^@]*)@")
_LONGEST = 8192
_COLLAPSING = {"file", "hdfs", "sftp"}
_FORM = "Write scheme://connection_id@authority/path, for example gs://acme_gcp@bucket/folder/"


@dataclass(frozen=True, slots=True)
class Address:
    """One place in one store, as written by the user.

    ``path`` begins with ``/`` (an empty one is ``/``), keeps its trailing slash, and in a source is still a glob.
    """

    scheme: str
    connection_id: str
    authority: str
    path: str

    @classmethod
    def parse(cls, text: object) -> Address:
        """Reads an address.

        :raises AddressError: if it is not one, carries a credential, or has ``.`` or ``..`` among its segments. The
            error never repeats what may be a secret.
        """
        if not isinstance(text, str) or not text.strip():
            raise AddressError("an address is missing", remedy=_FORM)
        if len(text) > _LONGEST:
            raise AddressError(f"an address of {len(text)} characters is too long", remedy=f"At most {_LONGEST}")
        match = _SCHEME.match(text)
        if carries_credential(text):
            scheme = f"{match[1].lower()}:// " if match else ""
            raise AddressError(f"the {scheme}address carries a credential", remedy=_NO_SECRETS)
        if match is None:
            raise AddressError(f"{_short(text)} has no scheme", remedy=_FORM)
        scheme = match[1].lower()
        authority, slash, path = text[match.end() :].partition("/")
        user, _, authority = authority.rpartition("@")
        if user and not _CONNECTION_ID.fullmatch(user):
            raise AddressError(f"the {scheme}:// address names a connection that cannot be", remedy=_FORM)
        if "\0" in text or not _is_text(text):
            raise AddressError(f"the {scheme}:// address holds what is no character", remedy=_FORM)
        if scheme == "file" and (user or authority):
            raise AddressError(f"{_short(text)} names a host", remedy="Write three slashes: file:///srv/data")
        path = slash + path or "/"
        if scheme in _COLLAPSING:
            path = re.sub("//+", "/", path)
        if any(segment in (".", "..") for segment in path.split("/")):
            raise AddressError(f"{_short(text)} holds '.' or '..'", remedy="Write the path without it")
        return cls(scheme, user, authority, path)

    @property
    def is_directory(self) -> bool:
        """True if the address ends with a slash, and so can only mean a directory."""
        return self.path.endswith("/")

    @property
    def name(self) -> str:
        """The last segment of the path, without a trailing slash."""
        return self.path.rstrip("/").rpartition("/")[2]

    def with_path(self, path: str) -> Address:
        """The same place in the same store, at another path."""
        return replace(self, path=path)

    def __str__(self) -> str:
        at = f"{self.connection_id}@" if self.connection_id else ""
        return f"{self.scheme}://{at}{self.authority}{self.path}"


_NO_SECRETS = "Put it into the Airflow connection and write scheme://connection_id@authority/path"


def carries_credential(text: str) -> bool:
    """True if a text holds, anywhere, what looks like an address with a password, a key, a token or a SAS in it."""
    if _SECRET.search(text):
        return True
    # Up to the first @: a password may hold slashes. Three slashes begin a path, in which a colon is a colon.
    return any(":" in match[1] and not match[1].startswith("/") for match in _USER.finditer(text))


def _is_text(text: str) -> bool:
    """False for half a surrogate pair, which JSON can carry and nothing can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(text: str) -> str:
    if "@" in text and ":" in text and "://" not in text:
        return "an address"
    shown = repr(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}..."
