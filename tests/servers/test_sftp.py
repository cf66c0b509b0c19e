"""What the tests of the SFTP back-end rely on: one key comes in, the host is known, and only files are served."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tests.conftest import sftp_connection


def connect(connection: dict[str, Any], **instead: Any) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    kind, key = connection["extra"]["host_key"].split()[:2]
    known = f"[{connection['host']}]:{connection['port']}"
    client.get_host_keys().add(known, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(key)))
    login = {"username": connection["login"], "key_filename": connection["extra"]["key_file"], **instead}
    client.connect(connection["host"], connection["port"], allow_agent=False, look_for_keys=False, **login)
    return client


def test_files_are_written_renamed_and_read(sftp: dict[str, Any]) -> None:
    with connect(sftp_connection(sftp)) as client, client.open_sftp() as files:
        root = sftp["root"]
        files.putfo(io.BytesIO(b"bytes"), f"{root}/.new")
        files.posix_rename(f"{root}/.new", f"{root}/file")
        files.posix_rename(f"{root}/file", f"{root}/file 2")
        assert (Path(root) / "file 2").read_bytes() == b"bytes"
        files.remove(f"{root}/file 2")


def test_no_password_comes_in(sftp: dict[str, Any]) -> None:
    with pytest.raises(paramiko.BadAuthenticationType):
        connect(sftp_connection(sftp), key_filename=None, password="any")


def test_there_is_no_shell(sftp: dict[str, Any]) -> None:
    with connect(sftp_connection(sftp)) as client:
        _, output, _ = client.exec_command("echo a shell")
        assert b"a shell" not in output.channel.recv(100)
