"""With a real key distribution centre: REST of a resource manager that asks for proof, and the client's own ticket.

A whole secure cluster (RPC with Kerberos, secure containers) is not run here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.rest import Access, NoAnswer, Rest
from airflow_datamove.distcp.ssh import SshLauncher
from airflow_datamove.distcp.submit import LocalLauncher
from airflow_datamove.distcp.yarn import ResourceManager
from airflow_datamove.errors import ClusterUnavailable
from tests.distcp import kdc as centre
from tests.distcp.kdc import REALM, Kdc
from tests.distcp.test_ssh import edge_of, leftovers
from tests.distcp.test_submit import COMMAND, cluster


@pytest.fixture(scope="module")
def kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    with centre.running(tmp_path_factory.mktemp("kdc")) as found:
        yield found


@pytest.fixture
def here(kdc: Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The keytab of alice, on a machine of the realm that has no ticket yet."""
    for name in ("KRB5_CONFIG", "PATH"):
        monkeypatch.setenv(name, kdc.environment[name])
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
    return kdc.keytab("alice")


def test_rest_asks_with_a_keytab_and_without_a_ticket_it_is_told(
    kdc: Kdc, here: Path, hadoop: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("gssapi", reason="airflow-datamove[kerberos] is not installed")
    pytest.importorskip("spnego")
    with centre.resource_manager(kdc, hadoop, tmp_path) as url:
        access = Access(kerberos=True, principal=f"alice@{REALM}", keytab=str(here))
        rest = Rest(["http://localhost:1", url], access)
        manager = ResourceManager(rest)
        manager.ping()
        assert manager.tagged(["nothing"]) == []
        assert rest.get("/ws/v1/cluster/info")["clusterInfo"]["state"] == "STARTED"
        assert manager.kill("application_1_1")
        with pytest.raises(NoAnswer, match="401"):
            Rest([url]).get("/ws/v1/cluster/info")
        with pytest.raises(NoAnswer, match="no proof"):
            Rest([url], Access(kerberos=True)).get("/ws/v1/cluster/info")


@pytest.mark.parametrize("remote", [False, True])
def test_the_client_has_a_ticket_of_its_own_which_goes_with_it(
    kdc: Kdc, here: Path, tmp_path: Path, ssh: dict[str, Any], remote: bool
) -> None:
    before = leftovers()
    script = f"""
        export KRB5_CONFIG={kdc.environment["KRB5_CONFIG"]}
        klist | grep Default; stat -c %a "$(dirname "${{KRB5CCNAME#FILE:}}")"; echo "user ${{HADOOP_USER_NAME:-none}}"
    """
    there = cluster(tmp_path, script)
    secure = Cluster(
        "h", there.command, (), kerberos=True, principal=f"alice@{REALM}", keytab=str(here), conf_dir="/conf"
    )
    launcher = SshLauncher(secure, edge_of(ssh)) if remote else LocalLauncher(secure)
    assert launcher.run(COMMAND).output.splitlines() == [f"Default principal: alice@{REALM}", "700", "user none"]
    assert leftovers() <= before


def test_a_key_that_is_refused_is_told(kdc: Kdc, here: Path, tmp_path: Path) -> None:
    there = cluster(tmp_path, "true")
    stranger = Cluster("h", there.command, (), kerberos=True, principal=f"bob@{REALM}", keytab=str(here))
    with pytest.raises(ClusterUnavailable, match=f"no Kerberos ticket for bob@{REALM}: kinit: "):
        LocalLauncher(stranger).run(COMMAND)
