"""The body of a request that is sent bit by bit, as it comes: :class:`Sending`."""

from __future__ import annotations

from contextlib import suppress

from airflow_datamove.stores.http_client import Answer, HttpClient
from airflow_datamove.stores.http_connection import Connection, Cut, Headers


class Sending:
    """A ``PUT`` of an announced length on a connection of its own. It cannot be repeated, because nobody keeps what was
    sent.

    :param size: bytes of the whole body.
    :raises StoreUnavailable: if the server cannot be reached.
    """

    def __init__(self, client: HttpClient, target: str, headers: Headers, size: int) -> None:
        self._client = client
        self._answer: Answer | None = None
        self._connection: Connection | None = None
        try:
            self._connection = client._connection(fresh=True)
            lines = client._headers(headers, size, "PUT")
            self._connection.send_head("PUT", target, lines)
        except Cut as cut:
            self.abort()
            raise client.away(str(cut)) from None

    def write(self, data: bytes | memoryview) -> Answer | None:
        """Sends bytes; gives the server's answer if it refuses them.

        :raises StoreUnavailable: if it has hung up without one.
        """
        if self._connection is None:
            return self._answer
        try:
            self._connection.send(data)
        except Cut as cut:
            # The server may have said why before it hung up.
            with suppress(Cut):
                self._receive()
            self.abort()
            if self._answer is None or self._answer.status < 400:
                raise self._client.away(str(cut)) from None
            return self._answer
        return None

    def finish(self) -> Answer:
        """The server's answer to all of it.

        :raises StoreUnavailable: if there is none.
        """
        try:
            if self._answer is None:
                self._receive()
        except Cut as cut:
            raise self._client.away(str(cut)) from None
        finally:
            self.abort()
        assert self._answer is not None
        return self._answer

    def abort(self) -> None:
        """Hangs up. Harmless when repeated."""
        connection, self._connection = self._connection, None
        self._client._drop(connection)

    def _receive(self) -> None:
        connection = self._connection
        if connection is None:
            raise Cut("has hung up")
        status, found = connection.receive_head()
        self._answer = Answer(status, found, connection.receive_body("PUT", status, found))
