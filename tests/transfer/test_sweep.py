from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.cli.main import main
from tests.transfer.trees import make

LEFT = f".datamove-{'0' * 32}.part"


def test_a_directory_that_cannot_be_read_is_told_and_the_others_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, {f"closed/{LEFT}": b"1", f"open/{LEFT}": b"1"}, modified=1_000_000_000)
    scandir = os.scandir

    def denied(path: Any) -> Any:
        if path == str(tmp_path / "closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert main(["sweep", str(tmp_path)]) == 1
    assert f"file://{tmp_path}/closed: the system does not allow it" in capsys.readouterr().err
    assert not (tmp_path / "open" / LEFT).exists()
