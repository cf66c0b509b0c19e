"""Proving to a server of Hadoop who asks: HTTP's ``Negotiate`` (RFC 4559) with Kerberos once, then Hadoop's cookie.

Hadoop answers a proof with the cookie ``hadoop.auth``, which is good for hours (``AuthenticationFilter`` of
hadoop-auth, ``hadoop.http.authentication.token.validity``), so that thousands of calls need one proof. Each name node
signs cookies of its own. Data nodes need neither: what redirects to them holds a delegation token.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_datamove.errors import PermissionDenied, WrongUse
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.http_connection import Headers

_COOKIE = re.compile(r'hadoop\.auth=("[^"]*"|[^;,\s]*)')
_OFFERED = re.compile(r"Negotiate(?:\s+([A-Za-z0-9+/=]+))?", re.IGNORECASE)
_T = TypeVar("_T")


class Proof:
    """Who asks one server. Safe to use from several threads.

    :param host: the server, without its port: its service principal is ``HTTP/<host>``.
    :param headers: that go with each request besides.
    :param principal: who asks; empty: the ticket cache's default.
    :param keytab: a file with the principal's key, with which tickets are got anew; empty: the ticket cache serves.
    """

    def __init__(self, host: str, headers: Headers, *, kerberos: bool, principal: str = "", keytab: str = "") -> None:
        self._host, self._headers = host, headers
        self._kerberos, self._principal, self._keytab = kerberos, principal, keytab
        self._lock = threading.Lock()
        self._cookie = ""

    def ask(self, send: Callable[[Headers], _T], answer_of: Callable[[_T], Answer]) -> _T:
        """Sends a request, and once more with a proof if the server asks for one.

        :param send: sends it with these headers.
        :raises PermissionDenied: if there is no ticket, or the server cannot prove who it is.
        """
        cookie = self._cookie
        found = send(self._with(cookie))
        answer = answer_of(found)
        if not self._kerberos:
            return found
        if answer.status != 401 or not _OFFERED.search(answer.headers.get("www-authenticate", "")):
            self._keep(answer)
            return found
        with self._lock:
            if self._cookie == cookie:
                return self._prove(send, answer_of)
        # Another thread has got one meanwhile.
        return send(self._with(self._cookie))

    def headers(self) -> Headers:
        """What goes with a request that the server has asked for, by a redirect to itself."""
        return self._with(self._cookie)

    def _prove(self, send: Callable[[Headers], _T], answer_of: Callable[[_T], Answer]) -> _T:
        context = self._context()
        token = _step(context, None)
        proof = {"authorization": f"Negotiate {b64encode(token or b'').decode('ascii')}"}
        found = send({**self._with(""), **proof})
        answer = answer_of(found)
        if answer.status < 400:
            offered = _OFFERED.search(answer.headers.get("www-authenticate", ""))
            if offered is None or not offered[1]:
                raise PermissionDenied(f"{self._host} does not prove who it is")
            _step(context, b64decode(offered[1]))
            self._keep(answer)
        return found

    def _context(self) -> Any:
        try:
            import spnego  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise WrongUse(
                "Kerberos needs more than is installed", remedy="Install airflow-datamove[kerberos]"
            ) from None
        try:
            return spnego.client(
                username=self._who(spnego),
                hostname=self._host,
                service="HTTP",
                protocol="kerberos",
                context_req=spnego.ContextReq.mutual_auth | spnego.ContextReq.sequence_detect,
            )
        except ImportError:
            raise WrongUse(
                "Kerberos needs more than is installed", remedy="Install airflow-datamove[kerberos]"
            ) from None
        except Exception as error:
            raise _no_ticket(error) from None

    def _who(self, spnego: Any) -> Any:
        return spnego.KerberosKeytab(self._keytab, self._principal) if self._keytab else self._principal or None

    def _with(self, cookie: str) -> Headers:
        if not cookie:
            return self._headers
        theirs = self._headers.get("cookie")
        return {**self._headers, "cookie": f"{theirs}; {cookie}" if theirs else cookie}

    def _keep(self, answer: Answer) -> None:
        match = _COOKIE.search(answer.headers.get("set-cookie", ""))
        if match is not None and match[1].strip('"'):
            self._cookie = match[0]


def _step(context: Any, token: bytes | None) -> bytes | None:
    try:
        found: bytes | None = context.step(token)
    except Exception as error:  # spnego's own, gssapi's: many kinds
        raise _no_ticket(error) from None
    return found


def _no_ticket(error: Exception) -> PermissionDenied:
    return PermissionDenied(
        f"Kerberos gives no proof for the server ({type(error).__name__})",
        remedy="Look at the ticket (klist), which `airflow kerberos` or kinit must renew",
    )
