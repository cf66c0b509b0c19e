from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    AlreadyExists,
    NotFound,
    PermissionDenied,
    SourceChanged,
    StoreUnavailable,
    WrongUse,
)
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Kind, Reader, Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.stores.sftp import _SftpStore
from airflow_datamove.stores.temporary import named_path
from tests.conftest import sftp_connection
from tests.stores.contract import Place, StoreContract
from tests.stores.dead_server import silent_port, unused_port
from tests.stores.parts import Parts, whole
from tests.stores.parts_contract import PartsContract
from tests.stores.places import get, put


def opened(facts: dict[str, Any], **instead: Any) -> Store:
    value = sftp_connection(facts)
    value |= {"extra": value["extra"] | instead.pop("extra", {})} | instead
    return open_store(Address.parse("sftp://x@/"), EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(value)}))


@contextmanager
def sftp_place(facts: dict[str, Any]) -> Iterator[tuple[Store, str]]:
    with opened(facts) as store:
        path = f"{facts['root']}/{uuid.uuid4().hex[:12]}"
        store.make_directory(path)
        yield store, path


@pytest.fixture
def place(sftp: dict[str, Any]) -> Iterator[Place]:
    with sftp_place(sftp) as place:
        yield place


def rest(reader: Reader) -> int:
    """Reads up to the end."""
    return sum(map(len, iter(lambda: reader.read(2**16), b"")))


class TestSftp(StoreContract):
    """SFTP tells whole seconds: a file that another one of its length replaces within one looks the same."""

    def test_a_read_of_a_version_that_is_gone_is_source_changed(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"old!")
        version = store.stat(f"{top}/f").version
        time.sleep(1.1)
        put(store, f"{top}/f", b"new!")
        with pytest.raises(SourceChanged):
            get(store, f"{top}/f", version=version)

    def everything(self, store: Store, top: str) -> list[str]:
        return sorted(os.listdir(top))


class TestSftpParts(PartsContract):
    def test_put_replaces_and_the_version_changes(self, place: Place) -> None:
        store, top = place
        first = store.put(f"{top}/a/b/f", memoryview(b"one")).entry
        second = store.put(f"{top}/a/b/f", memoryview(b"another")).entry
        assert get(store, f"{top}/a/b/f") == b"another"
        assert first.version != second.version
        with pytest.raises(SourceChanged):
            get(store, f"{top}/a/b/f", version=first.version)


def test_symlinks_and_pipes_are_special_and_never_followed(place: Place) -> None:
    store, top = place
    put(store, f"{top}/real/secret", b"secret")
    os.symlink(f"{top}/real", f"{top}/to-directory")
    os.symlink(f"{top}/real/secret", f"{top}/to-file")
    os.symlink(f"{top}/nowhere", f"{top}/broken")
    os.mkfifo(f"{top}/pipe")
    kinds = {entry.name: entry.kind for entry in store.list(top)}
    special = dict.fromkeys(["broken", "pipe", "to-directory", "to-file"], Kind.SPECIAL)
    assert kinds == {"real": Kind.DIRECTORY, **special}
    assert len(list(store.walk(top))) == 6
    for name in special:
        with pytest.raises(NotFound):
            get(store, f"{top}/{name}")
    with pytest.raises(NotFound):
        list(store.list(f"{top}/to-directory"))
    put(store, f"{top}/to-file", b"new")
    store.delete(f"{top}/to-directory")
    assert get(store, f"{top}/real/secret") == b"secret"
    assert get(store, f"{top}/to-file") == b"new"
    put(store, f"{top}/through/f", b"1")
    os.symlink(f"{top}/through", f"{top}/way")
    put(store, f"{top}/way/g/h", b"2")
    assert get(store, f"{top}/through/g/h") == b"2"


def test_a_name_that_is_no_unicode_is_listed_read_and_written(place: Place) -> None:
    store, top = place
    name = os.fsdecode(b"caf\xe9")
    with open(f"{top}/{name}", "wb") as file:
        file.write(b"1")
    assert [entry.name for entry in store.list(top)] == [name]
    assert get(store, f"{top}/{name}") == b"1"
    put(store, f"{top}/{name}-2", b"2")
    assert sorted(os.listdir(os.fsencode(top))) == [b"caf\xe9", b"caf\xe9-2"]


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_source_changed(place: Place) -> None:
    store, top = place
    for name, change in (("grows", 5 * 2**20), ("shrinks", 3 * 2**20)):
        path = f"{top}/{name}"
        put(store, path, b"x" * (4 * 2**20), modified=1)
        with store.open(path, version=store.stat(path).version) as reader:
            reader.read(4)
            os.truncate(path, change)
            with pytest.raises(SourceChanged):
                rest(reader)
        with store.open(path) as again:
            assert again.read(1) == b"x"


def test_more_channels_than_a_server_gives_are_spread_over_connections(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"x" * 100)
    readers = [store.open(f"{top}/f") for _ in range(20)]
    assert [reader.read(200) for reader in readers] == [b"x" * 100] * 20
    for reader in readers:
        reader.close()
    assert len(cast(_SftpStore, store)._sessions._logins) == 3


def test_a_reader_that_is_closed_early_leaves_the_store_usable(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"x" * (8 * 2**20))
    for _ in range(3):
        with store.open(f"{top}/f") as reader:
            reader.read(10)
    assert len(get(store, f"{top}/f")) == 8 * 2**20


def test_a_refusal_of_a_write_is_an_error_and_leaves_nothing(place: Place) -> None:
    store, top = place
    store.make_directory(f"{top}/f")
    with pytest.raises(AlreadyExists):
        put(store, f"{top}/f", b"1")
    put(store, f"{top}/g", b"1")
    with pytest.raises(AlreadyExists):
        put(store, f"{top}/g/below", b"1")
    assert sorted(os.listdir(top)) == ["f", "g"]


def test_a_part_that_comes_after_another_try_published_makes_no_new_file(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    orphan, retry = parts.begin(), parts.begin()
    orphan.held()
    retry.held()
    parts.put(retry, range(parts.count))
    made = retry.commit(parts.whole_crc)
    retry.close()
    parts.put(orphan, (2,))
    assert orphan.commit(parts.whole_crc) == made
    orphan.close()
    assert os.listdir(top) == ["f"]
    assert get(store, parts.path) == parts.data


def test_a_journal_that_outlived_its_file_is_not_believed(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    upload.held()
    parts.put(upload, range(parts.count))
    upload.close()
    os.unlink(named_path(parts.path, parts.identity, "part"))
    assert dict(parts.begin().held()) == {}
    whole(parts)
    assert get(store, parts.path) == parts.data


def test_parts_that_the_file_does_not_reach_are_not_held(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    upload.held()
    parts.put(upload, range(parts.count))
    upload.close()
    os.truncate(named_path(parts.path, parts.identity, "part"), parts.part_size + 1)
    with open(named_path(parts.path, parts.identity, "done"), "ab") as journal:
        journal.write(b"\x00\x00")
    again = parts.begin()
    assert dict(again.held()) == {0: parts.crc(0)}
    again.abort()
    assert os.listdir(top) == []


def test_what_a_dead_try_left_is_found_and_removed(place: Place) -> None:
    store, top = place
    upload = Parts(store, f"{top}/d/f").begin()
    upload.close()
    left = list(store.leftovers(top))
    assert len(left) == 2
    for entry in left * 2:
        store.delete_leftover(entry)
    assert os.listdir(f"{top}/d") == []


def test_an_interrupted_store_fails_at_once(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"1" * 2**20)
    reader = store.open(f"{top}/f")
    store.interrupt()
    with pytest.raises(StoreUnavailable):
        rest(reader)
    with pytest.raises(StoreUnavailable, match="given up"):
        store.stat(f"{top}/f")


def test_a_connection_that_broke_is_made_anew(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"1")
    for login in cast(_SftpStore, store)._sessions._logins:
        login.client.close()
    assert get(store, f"{top}/f") == b"1"


def test_a_server_that_renames_over_nothing(place: Place) -> None:
    store, top = place
    sessions = cast(_SftpStore, store)._sessions
    session = sessions.borrow(top)
    session.extensions.clear()
    sessions.give_back(session)
    for content in (b"1", b"two"):
        put(store, f"{top}/f", content)
        assert get(store, f"{top}/f") == content
    assert os.listdir(top) == ["f"]


def test_a_server_that_gives_less_than_it_is_asked_for(place: Place) -> None:
    store, top = place
    data = random.Random(1).randbytes(3 * 2**20 + 5)
    put(store, f"{top}/f", data)
    sessions = cast(_SftpStore, store)._sessions
    session = sessions.borrow(top)
    session.piece = 2**19
    sessions.give_back(session)
    assert get(store, f"{top}/f") == data
    assert get(store, f"{top}/f", offset=7, length=2**20) == data[7 : 7 + 2**20]


@pytest.mark.parametrize(
    ("extra", "error", "words"),
    [
        ({"host_key": ""}, PermissionDenied, "a host key that nothing names"),
        ({"host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSqSkN6OlATZBhodgWo+mfCR+Dabj+rI/qS3zVloMcR"},
         PermissionDenied, "another host key"),
        ({"host_key": "ssh-ed25519 no-key"}, WrongUse, "host_key cannot be read"),
        ({"key_file": "/not/there"}, WrongUse, "key_file cannot be read"),
        ({"key_file": "", "private_key": "-----BEGIN s3cret"}, WrongUse, "private key cannot be read"),
        ({"key_file": ""}, PermissionDenied, "does not let this connection in"),
        ({"timeout": "soon"}, WrongUse, "no number"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_and_no_secret(
    sftp: dict[str, Any], extra: dict[str, str], error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    with opened(sftp, extra=extra, password="s3cret") as store, pytest.raises(error, match=words) as caught:
        store.stat("/")
    assert "s3cret" not in str(caught.value)


def test_a_key_as_text_and_a_server_that_anybody_may_be(sftp: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    with open(sftp["key_file"], encoding="ascii") as file:
        extra = {"key_file": "", "private_key": file.read(), "host_key": "", "no_host_key_check": "true"}
    with opened(sftp, extra=extra) as store:
        assert store.stat("/").kind is Kind.DIRECTORY


def test_known_hosts_are_believed(sftp: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    known = tmp_path / ".ssh" / "known_hosts"
    known.write_text(f"[{sftp['host']}]:{sftp['port']} {sftp['host_key']}\n")
    with opened(sftp, extra={"host_key": ""}) as store:
        assert store.stat("/").kind is Kind.DIRECTORY
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSqSkN6OlATZBhodgWo+mfCR+Dabj+rI/qS3zVloMcR"
    known.write_text(f"[{sftp['host']}]:{sftp['port']} {other}\n")
    with opened(sftp, extra={"host_key": ""}) as store, pytest.raises(PermissionDenied, match="another host key"):
        store.stat("/")
    with opened(sftp, extra={"host_key": "", "allow_host_key_change": True}) as store:
        assert store.stat("/").kind is Kind.DIRECTORY
    wrong = {"host_key": other, "allow_host_key_change": True, "no_host_key_check": True}
    with opened(sftp, extra=wrong) as store, pytest.raises(PermissionDenied, match="another host key"):
        store.stat("/")
    known.write_text("")
    changed = {"host_key": "", "allow_host_key_change": True}
    with opened(sftp, extra=changed) as store, pytest.raises(PermissionDenied, match="nothing names"):
        store.stat("/")


def test_a_server_that_is_away_is_told_soon(sftp: dict[str, Any]) -> None:
    started = time.monotonic()
    with opened(sftp, port=unused_port()) as store, pytest.raises(StoreUnavailable, match="cannot be reached"):
        store.stat("/f")
    with silent_port() as port, opened(sftp, port=port, extra={"timeout": 1}) as store, pytest.raises(StoreUnavailable):
        store.stat("/f")
    assert time.monotonic() - started < 20
