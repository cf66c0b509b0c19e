"""Telling the bodies of HTTP from the heads, as the bytes of a connection pass: :class:`Bodies`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tests.faults.orders import Way

_LONGEST_HEAD = 2**16


class Bodies:
    """Finds the bodies of HTTP/1.1 messages in one direction of a connection."""

    def __init__(self, way: Way, asked: deque[bytes]) -> None:
        self._way, self._asked = way, asked
        self._state = "head"
        self._line = bytearray()
        self._left = 0
        self._place = 0

    def spans(self, data: bytearray) -> list[tuple[int, int, int]]:
        """Return the parts of `data` that are bodies: begin, end, and the place of the begin in its body."""
        found = []
        at = 0
        while at < len(data):
            if self._state in ("body", "chunk", "skip"):
                end = min(len(data), at + self._left)
                if self._state != "skip":
                    found.append((at, end, self._place))
                    self._place += end - at
                self._left -= end - at
                at = end
                if self._left == 0:
                    self._next()
            elif self._state == "rest":
                found.append((at, len(data), self._place))
                self._place += len(data) - at
                at = len(data)
            elif self._state == "blind":
                at = len(data)
            else:
                at = self._text(data, at)
        return found

    def _next(self) -> None:
        if self._state == "chunk":
            self._state, self._left = "skip", len("\r\n")
        else:
            self._state = "size" if self._state == "skip" else "head"

    def _text(self, data: bytearray, at: int) -> int:
        """Read on in a head, a chunk's size or a trailer, and return where it went on to."""
        mark = b"\r\n\r\n" if self._state == "head" else b"\r\n"
        before = len(self._line)
        self._line += data[at:]
        found = self._line.find(mark, max(0, before - len(mark)))
        if found < 0:
            if len(self._line) > _LONGEST_HEAD:
                self._state = "blind"
            return len(data)
        text = bytes(self._line[:found])
        self._line.clear()
        try:
            self._understand(text)
        except (ValueError, IndexError):
            self._state = "blind"
        return at + found + len(mark) - before

    def _understand(self, text: bytes) -> None:
        if self._state == "trailer":
            self._state = "trailer" if text else "head"
        elif self._state == "size":
            self._left = int(text.partition(b";")[0], 16)
            self._state = "chunk" if self._left else "trailer"
        else:
            first, *lines = text.split(b"\r\n")
            headers = {
                name.strip().lower(): value.strip().lower() for name, _, value in (x.partition(b":") for x in lines)
            }
            self._begin(first.split(), headers)

    def _begin(self, words: Sequence[bytes], headers: dict[bytes, bytes]) -> None:
        """See from a message's head which body follows."""
        self._place = 0
        chunked = headers.get(b"transfer-encoding", b"").endswith(b"chunked")
        length = headers.get(b"content-length")
        if self._way is Way.UP:
            self._asked.append(words[0])
            empty = length is None and not chunked
        else:
            status = int(words[1])
            method = self._asked.popleft() if status >= 200 and self._asked else b""
            empty = status < 200 or status in (204, 304) or method == b"HEAD"
        if empty or (length == b"0" and not chunked):
            self._state = "head"
        elif chunked:
            self._state = "size"
        elif length is None:
            self._state = "rest"
        else:
            self._state, self._left = "body", int(length)
