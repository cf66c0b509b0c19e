"""SFTP, version 3, over one channel of an SSH connection: :class:`Session`.

paramiko speaks it too, but its reading ahead waits a hundredth of a second whenever enough is under way, its listings
fail whole over one name that is no UTF-8, and it does not tell what else the server can do.
https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from paramiko import Channel

OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
REMOVE, MKDIR, RMDIR, STAT, RENAME, READLINK = 13, 14, 15, 17, 18, 19
_INIT, _VERSION, _STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED = 1, 2, 101, 102, 103, 104, 105, 200
FOR_READING, FOR_WRITING, AT_END, MADE, EMPTIED, NEW = 1, 2, 4, 8, 16, 32
"""How a file is opened: ``MADE`` if it is not there, ``EMPTIED`` if it is, ``NEW``: it must not be there."""
# https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL?annotate=HEAD, section 4
_POSIX_RENAME, _FSYNC, _LIMITS = b"posix-rename@openssh.com", b"fsync@openssh.com", b"limits@openssh.com"
_PIECE, _LARGE_PIECE = 2**15, 2**17
"""Bytes of one request: what every server takes, and what takes half the time where the server says that it may be."""
_LONGEST = 2**20

END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 1, 2, 3, 4, 8


class Status(Exception):
    """The server refuses.

    :param code: one of section 7 of the draft.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or f"status {code}")
        self.code = code


class Broken(Exception):
    """The connection is gone, or what came over it is no SFTP."""


class Attributes(NamedTuple):
    """What the server says of a file."""

    size: int
    mode: int
    modified: int
    """Whole seconds since the epoch; there are no finer ones in this version."""


class Session:
    """One channel, used by one thread at a time. Requests may be sent before earlier ones are answered.

    Names are bytes, as the server has them.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = 0
        self._buffer = b""
        self._answers: dict[int, tuple[int, bytes]] = {}
        self._given_up: set[int] = set()
        self._write(struct.pack(">IBI", 5, _INIT, 3))
        kind, body = self._packet()
        if kind != _VERSION:
            raise Broken("does not speak SFTP")
        self.extensions = dict(_pairs(body[4:]))
        """What else the server can do: name to version."""
        self.piece = self._largest_piece()
        """Bytes that one READ or WRITE may have."""

    def send(self, kind: int, *arguments: bytes | int, tail: bytes = b"") -> int:
        """Sends a request; its number asks for the answer.

        :param arguments: strings, and numbers of 32 bits.
        :param tail: what comes after, as it goes over the wire.
        """
        self._number = (self._number + 1) & 0xFFFFFFFF
        body = b"".join(
            struct.pack(">I", each) if isinstance(each, int) else struct.pack(">I", len(each)) + each
            for each in arguments
        )
        size = 5 + len(body) + len(tail)
        self._write(b"".join((struct.pack(">IBI", size, kind, self._number), body, tail)))
        return self._number

    def answer(self, number: int) -> tuple[int, bytes]:
        """The answer to a request: its kind and its body.

        :raises Status: if it is one, and not that of success.
        """
        while number not in self._answers:
            kind, body = self._packet()
            (came,) = struct.unpack_from(">I", body)
            if came in self._given_up:
                self._given_up.discard(came)
            else:
                self._answers[came] = (kind, body[4:])
        kind, body = self._answers.pop(number)
        if kind == _STATUS:
            (code,) = struct.unpack_from(">I", body)
            if code:
                text = bytes(_string(body, 4)[0]) if len(body) >= 8 else b""
                raise Status(code, text.decode(errors="replace"))
        return kind, body

    def ask(self, kind: int, *arguments: bytes | int, tail: bytes = b"") -> tuple[int, bytes]:
        """Sends a request and waits for its answer."""
        return self.answer(self.send(kind, *arguments, tail=tail))

    def give_up(self, number: int) -> None:
        """Wants no answer to a request."""
        if self._answers.pop(number, None) is None:
            self._given_up.add(number)

    def open(self, path: bytes, flags: int) -> bytes:
        """Opens a file; its handle, which is good on this channel alone."""
        return self._handle(self.ask(OPEN, path, flags, 0))

    def attributes(self, kind: int, name: bytes) -> Attributes:
        """What the server says of a path (STAT, LSTAT) or of a handle (FSTAT)."""
        return self.attributes_of(self.send(kind, name))

    def attributes_of(self, number: int) -> Attributes:
        """The answer to a request for attributes."""
        kind, body = self.answer(number)
        if kind != _ATTRS:
            raise Broken("does not speak SFTP")
        return _attributes(body, 0)[0]

    def data_of(self, number: int) -> bytes:
        """The answer to a request for bytes; ``b""`` at the end."""
        try:
            kind, body = self.answer(number)
        except Status as status:
            if status.code == END:
                return b""
            raise
        if kind != _DATA:
            raise Broken("does not speak SFTP")
        return bytes(_string(body, 0)[0])

    def list(self, path: bytes) -> Iterator[tuple[bytes, Attributes]]:
        """The names in a directory with their attributes, links not followed; in no order."""
        handle = self._handle(self.ask(OPENDIR, path))
        try:
            while True:
                try:
                    kind, body = self.ask(READDIR, handle)
                except Status as status:
                    if status.code == END:
                        return
                    raise
                if kind != _NAME:
                    raise Broken("does not speak SFTP")
                (count,) = struct.unpack_from(">I", body)
                at = 4
                for _ in range(count):
                    name, at = _string(body, at)
                    _, at = _string(body, at)
                    found, at = _attributes(body, at)
                    if name not in (b".", b".."):
                        yield name, found
        finally:
            self.give_up(self.send(CLOSE, handle))

    def rename_over(self, old: bytes, new: bytes) -> None:
        """Renames, in one act over what may be there, where the server can.

        Where it cannot, what is there is removed first: for a moment there is nothing, and if all ends just then, the
        old file is lost.
        """
        if _POSIX_RENAME in self.extensions:
            self.ask(_EXTENDED, _POSIX_RENAME, old, new)
            return
        try:
            self.ask(RENAME, old, new)
        except Status as status:
            if status.code != FAILURE:
                raise
            self.ask(REMOVE, new)
            self.ask(RENAME, old, new)

    def send_fsync(self, handle: bytes) -> int | None:
        """Asks that what was written be on the disk; ``None`` where the server cannot."""
        return self.send(_EXTENDED, _FSYNC, handle) if _FSYNC in self.extensions else None

    @property
    def alive(self) -> bool:
        """False once the connection is known to be gone."""
        transport = self._channel.get_transport()
        return not self._channel.closed and transport is not None and transport.is_active()

    def close(self) -> None:
        """Ends the channel."""
        self._channel.close()

    def _largest_piece(self) -> int:
        if _LIMITS not in self.extensions:
            return _PIECE
        try:
            _, body = self.ask(_EXTENDED, _LIMITS)
            _, read, written = struct.unpack_from(">QQQ", body)
        except (Status, struct.error):
            return _PIECE
        return min(_LARGE_PIECE, read or _LARGE_PIECE, written or _LARGE_PIECE)

    def _handle(self, answer: tuple[int, bytes]) -> bytes:
        kind, body = answer
        if kind != _HANDLE:
            raise Broken("does not speak SFTP")
        return bytes(_string(body, 0)[0])

    def _write(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            try:
                count = self._channel.send(data[at : at + _PIECE])
            except TimeoutError:
                raise Broken("did not answer in time") from None
            except OSError:
                raise Broken("hung up") from None
            if count == 0:
                raise Broken("hung up")
            at += count

    def _packet(self) -> tuple[int, bytes]:
        (size,) = struct.unpack(">I", self._exactly(4))
        if not 1 <= size <= _LONGEST:
            raise Broken("does not speak SFTP")
        body = self._exactly(size)
        return body[0], body[1:]

    def _exactly(self, size: int) -> bytes:
        if len(self._buffer) < size:
            pieces, have = [self._buffer], len(self._buffer)
            while have < size:
                try:
                    piece = self._channel.recv(max(size - have, _PIECE))
                except TimeoutError:
                    raise Broken("did not answer in time") from None
                except OSError:
                    raise Broken("hung up") from None
                if not piece:
                    raise Broken("hung up")
                pieces.append(piece)
                have += len(piece)
            self._buffer = b"".join(pieces)
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found


def times(modified: int) -> bytes:
    """The attributes of a request that sets when a file was last read and modified."""
    return struct.pack(">III", 8, modified, modified)


def position(offset: int) -> bytes:
    """A place in a file, as READ and WRITE have it."""
    return struct.pack(">Q", offset)


def _string(body: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">I", body, at)
    end = at + 4 + size
    if end > len(body):
        raise Broken("does not speak SFTP")
    return body[at + 4 : end], end


def _attributes(body: bytes, at: int) -> tuple[Attributes, int]:
    (flags,) = struct.unpack_from(">I", body, at)
    at += 4
    size = mode = modified = 0
    if flags & 1:
        (size,) = struct.unpack_from(">Q", body, at)
        at += 8
    if flags & 2:
        at += 8
    if flags & 4:
        (mode,) = struct.unpack_from(">I", body, at)
        at += 4
    if flags & 8:
        (modified,) = struct.unpack_from(">I", body, at + 4)
        at += 8
    if flags & 0x80000000:
        (count,) = struct.unpack_from(">I", body, at)
        at += 4
        for _ in range(2 * count):
            _, at = _string(body, at)
    return Attributes(size, mode, modified), at


def _pairs(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        name, at = _string(body, at)
        value, at = _string(body, at)
        yield name, value
