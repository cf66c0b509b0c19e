"""What one tenant posts to reach another's data, link or DAG is refused, with its reason and without its secrets."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.api.incoming import Incoming
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.operators.routed_copy import RoutedCopy
from airflow_datamove.scheduling.admission import admit
from airflow_datamove.spec.request import read_request
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.throttle import Throttle
from airflow_datamove.ui.refuse_unsound import _unsound
from tests.attacks.corpus import GOOD, LIMITS, SECRET, attempts
from tests.conftest import sftp_connection

ATTEMPTS = list(attempts())


def test_the_corpus_is_large_and_its_good_request_is_let_in() -> None:
    assert len(ATTEMPTS) >= 150
    admit(read_request(GOOD), LIMITS, lane="normal")


@pytest.mark.parametrize(("request_", "reason"), [each[1:] for each in ATTEMPTS], ids=[each[0] for each in ATTEMPTS])
def test_it_is_refused_with_its_reason(request_: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(WrongUse) as told:
        admit(read_request(request_), LIMITS, lane="normal")

    assert reason in str(told.value)
    assert len(str(told.value)) > 10
    assert SECRET not in str(told.value)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("request_", [each[1] for each in ATTEMPTS], ids=[each[0] for each in ATTEMPTS])
def test_a_secret_in_it_does_not_reach_the_audit_log(request_: Any) -> None:
    """What Airflow's own trigger endpoint is sent is looked at before Airflow logs it."""
    body = json.dumps({"logical_date": None, "conf": request_}).encode()
    if SECRET in body.decode() and "sas" not in body.decode():
        assert _unsound(body)
        assert SECRET not in _unsound(body)


class _Lanes:
    """Knows the one tenant."""

    def limits(self, tenant: str, lane: str) -> Any:
        return LIMITS if tenant == "acme" else None


class _User:
    def get_name(self) -> str:
        return "ann"


@pytest.mark.parametrize("request_", [each[1] for each in ATTEMPTS], ids=[each[0] for each in ATTEMPTS])
def test_our_endpoint_refuses_it_too(request_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.api.incoming.may", lambda user, method, tenant, lane: tenant == "acme")
    incoming = Incoming(_Lanes(), _User())  # type: ignore[arg-type]
    posted = {"tenant": "acme", "lane": "normal", **request_} if isinstance(request_, dict) else request_
    if isinstance(request_, dict) and request_.get("tenant") not in (None, "acme"):
        posted["tenant"] = request_["tenant"]
    if isinstance(request_, dict) and request_.get("lane") == "bulk":
        return  # here the lane is the request's to choose

    incoming.read(0, posted)

    assert not incoming.accepted
    assert incoming.refused[0].refused
    assert SECRET not in incoming.refused[0].refused


@pytest.mark.parametrize("end", ["source", "destination"])
@pytest.mark.parametrize("where", ["the last directory", "a directory on the way", "a relative link", "before a glob"])
def test_no_link_leads_out_of_a_folder(tmp_path: Path, end: str, where: str) -> None:
    own, others = tmp_path / "acme", tmp_path / "globex"
    for folder in (own / "in", others / "deep"):
        folder.mkdir(parents=True)
    (others / "deep/secret").write_text("x")
    (own / "in/file").write_text("y")
    (own / "link").symlink_to("../globex" if where == "a relative link" else others)
    there = {"the last directory": f"{own}/link/", "before a glob": f"{own}/link/*/"}.get(where, f"{own}/link/deep/")
    if end == "destination" and where == "before a glob":
        there = f"{own}/link/*literal/"
    limits = _limits(f"file://{own}/")
    request = {"source": f"file://{own}/in/", "destination": f"file://{own}/out/", end: f"file://{there}"}
    admit(read_request(request), limits)  # as text it is sound

    with pytest.raises(Refused, match="is a link"):
        _copy(request, limits, EnvironmentConnections({}))

    assert sorted(path.name for path in others.rglob("*")) == ["deep", "secret"]


def test_no_link_on_an_sftp_server_leads_out_of_a_folder(sftp: dict[str, Any], tmp_path: Path) -> None:
    root = Path(sftp["root"]) if "root" in sftp else tmp_path
    own, others = root / f"acme{os.getpid()}", root / f"globex{os.getpid()}"
    for folder in (own / "in", others):
        folder.mkdir(parents=True)
    (others / "secret").write_text("x")
    (own / "link").symlink_to(others)
    prefix = f"sftp://acme_sftp@{own}/"
    limits = _limits(prefix)
    connections = EnvironmentConnections({"AIRFLOW_CONN_ACME_SFTP": json.dumps(sftp_connection(sftp))})

    for end in ("source", "destination"):
        request = {"source": f"{prefix}in/", "destination": f"{prefix}out/", end: f"{prefix}link/"}
        with pytest.raises(Refused, match="is a link"):
            _copy(request, limits, connections)


def test_links_inside_what_is_copied_are_not_followed(tmp_path: Path) -> None:
    own, others = tmp_path / "acme", tmp_path / "globex"
    for folder in (own / "in", others):
        folder.mkdir(parents=True)
    (others / "secret").write_text("x")
    (own / "in/link").symlink_to(others)
    (own / "in/secret").symlink_to(others / "secret")
    (own / "in/file").write_text("y")

    _copy({"source": f"file://{own}/in/", "destination": f"file://{own}/out/"}, _limits(f"file://{own}/"),
          EnvironmentConnections({}))  # fmt: skip

    assert [path.name for path in (own / "out").rglob("*")] == ["file"]


def _limits(prefix: str) -> Any:
    from dataclasses import replace

    return replace(LIMITS, read=(prefix,), write=(prefix,))


def _copy(request: dict[str, Any], limits: Any, connections: EnvironmentConnections) -> None:
    import threading

    copies = RoutedCopy(2**30, connections=connections, limits=limits)
    copies.copy(read_request(request), None, Throttle(None), cancelled=threading.Event())
