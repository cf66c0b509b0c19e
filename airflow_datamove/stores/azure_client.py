"""One container of Azure Blob Storage by its REST interface ("Blob service REST API" of the vendor): signed requests,
and errors in our words."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from email.utils import formatdate
from urllib.parse import quote

from airflow_datamove.stores.azure_answers import NAME, failure
from airflow_datamove.stores.azure_credential import decoded_query
from airflow_datamove.stores.azure_login import AzureAccount
from airflow_datamove.stores.contract import Pace, no_pace
from airflow_datamove.stores.http_client import Answer, HttpClient, Stream
from airflow_datamove.stores.http_connection import Headers

VERSION = "2021-12-02"
"""Of the service's interface: old enough for every account, and it has all that is used here."""
_COPY_SECONDS = 600.0
_NOTHING: Mapping[str, str] = {}


class ContainerClient:
    """Safe to use from several threads."""

    def __init__(self, account: AzureAccount, container: str) -> None:
        self.account, self.container = account, container
        self._http = HttpClient(account.url, NAME)
        self._patient = HttpClient(account.url, NAME, tls=self._http.tls, answer_seconds=_COPY_SECONDS)
        self._root = f"{account.path}/{quote(container, safe='$')}"

    def blob(self, key: str) -> str:
        """The path of a blob's URL, encoded."""
        return f"{self._root}/{quote(key)}"

    def call(
        self,
        method: str,
        where: str,
        told: str,
        *,
        query: Mapping[str, str] = _NOTHING,
        headers: Headers = _NOTHING,
        body: bytes | memoryview = b"",
        pace: Pace = no_pace,
        accept: Container[int] = (),
    ) -> Answer:
        """Sends a request; doing it twice must be as good as once.

        :param where: the path of the URL, from :meth:`blob`; ``""``: the container; ``/``: the service.
        :param told: what an error calls it.
        :param accept: statuses besides those of success that are no error.
        """
        target, signed = self._signed(method, where, query, headers, len(body))
        # The service answers when it has copied, which takes it longer than anything else.
        http = self._patient if "x-ms-copy-source" in headers else self._http
        answer = http.request(method, target, signed, body, pace=pace)
        if answer.status >= 300 and answer.status not in accept:
            raise failure(answer, told)
        return answer

    def stream(self, where: str, headers: Headers) -> Stream:
        """Gets a blob; every status is the caller's to judge."""
        target, signed = self._signed("GET", where, _NOTHING, headers, 0)
        return self._http.stream("GET", target, signed)

    def interrupt(self) -> None:
        """Breaks off every request."""
        self._http.interrupt()
        self._patient.interrupt()

    def close(self) -> None:
        """Gives back the connections."""
        self._http.close()
        self._patient.close()

    def _signed(
        self, method: str, where: str, query: Mapping[str, str], headers: Headers, size: int
    ) -> tuple[str, Callable[[], Headers]]:
        """The target of a request, and its headers anew at each try, because a signature holds the time."""
        path = self._root if where == "" else f"{self.account.path}/" if where == "/" else where
        credential = self.account.credential
        written = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        asked = query
        if sas := credential.query():
            written = f"{written}&{sas}" if written else sas
            asked = {**query, **decoded_query(sas)}

        def sign() -> Headers:
            found = {**headers, "x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
            if text := credential.authorization(method, path, asked, found, size):
                found["authorization"] = text
            return found

        return f"{path}?{written}" if written else path, sign
