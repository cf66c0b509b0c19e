"""A Kerberos key distribution centre on loopback (Debian's krb5-kdc), and a daemon of Hadoop that asks for tickets."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.servers.port import choose_ports
from tests.servers.server import get

REALM = "DATAMOVE.TEST"
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"


@dataclass(frozen=True)
class Kdc:
    """One that runs."""

    home: Path
    environment: Mapping[str, str]

    def keytab(self, *principals: str) -> Path:
        """A file with the keys of principals, which are made."""
        path = self.home / f"{principals[0].replace('/', '_')}.keytab"
        for principal in principals:
            for query in (f"addprinc -randkey {principal}", f"ktadd -k {path} {principal}"):
                self.run("kadmin.local", "-q", query)
        return path

    def run(self, *words: str) -> str:
        """What one of Kerberos's programs says."""
        outcome = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=True, timeout=60)
        return outcome.stdout


@contextmanager
def running(home: Path) -> Iterator[Kdc]:
    """Makes a realm and serves it until the end of the block."""
    port = choose_ports(["kdc"], {}, running=False)["kdc"]
    (home / "krb5.conf").write_text(f"""
[libdefaults]
 default_realm = {REALM}
 rdns = false
 dns_canonicalize_hostname = false
 dns_lookup_kdc = false
 udp_preference_limit = 1
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
""")
    (home / "kdc.conf").write_text(f"""
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {REALM} = {{
  database_name = {home}/principal
  key_stash_file = {home}/stash
  acl_file = {home}/acl
 }}
""")
    environment = {
        "PATH": _PATH,
        "KRB5_CONFIG": str(home / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(home / "kdc.conf"),
        "LC_ALL": "C.UTF-8",
    }
    kdc = Kdc(home, environment)
    kdc.run("kdb5_util", "create", "-s", "-P", "nobody needs it")
    with (home / "kdc.log").open("wb") as log:
        process = subprocess.Popen(["krb5kdc", "-n"], env=environment, stdout=log, stderr=log)
        try:
            yield kdc
        finally:
            process.kill()
            process.wait()


@contextmanager
def resource_manager(kdc: Kdc, hadoop: Mapping[str, str], home: Path) -> Iterator[str]:
    """A resource manager of its own, without nodes, whose pages and REST are for those who prove who they are.

    :return: its URL.
    """
    conf = home / "conf"
    shutil.copytree(hadoop["conf_dir"], conf)
    keytab = kdc.keytab("HTTP/localhost")
    (home / "signature").write_text("signature of the cookies")
    names = ("", ".scheduler", ".resource-tracker", ".admin", ".webapp")
    ports = choose_ports([f"rm{name}" for name in names], {}, running=False)
    addresses = {f"yarn.resourcemanager{name}.address": f"localhost:{ports[f'rm{name}']}" for name in names}
    _override(conf / "yarn-site.xml", {**addresses, "yarn.resourcemanager.recovery.enabled": "false"})
    web = "hadoop.http.authentication"
    _override(
        conf / "core-site.xml",
        {
            "hadoop.http.filter.initializers": "org.apache.hadoop.security.AuthenticationFilterInitializer",
            f"{web}.type": "kerberos",
            f"{web}.kerberos.principal": f"HTTP/localhost@{REALM}",
            f"{web}.kerberos.keytab": str(keytab),
            f"{web}.signature.secret.file": str(home / "signature"),
            f"{web}.simple.anonymous.allowed": "false",
        },
    )
    command = ["java", "-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["--add-opens=java.base/java.lang=ALL-UNNAMED", "-Djava.net.preferIPv4Stack=true"]
    command += [f"-Djava.security.krb5.conf={kdc.environment['KRB5_CONFIG']}", "-cp", f"{conf}:{hadoop['lib']}/*"]
    with (home / "rm.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"], stdout=log, stderr=log
        )
        url = f"http://localhost:{ports['rm.webapp']}"
        try:
            _wait(url, process, home / "rm.log")
            yield url
        finally:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            get(f"{url}/ws/v1/cluster/info")
        except OSError as error:
            if "401" in str(error):
                return
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.3)


def _override(file: Path, properties: Mapping[str, str]) -> None:
    site = ElementTree.parse(file)
    root = site.getroot()
    for entry in [each for each in root if each.findtext("name") in properties]:
        root.remove(entry)
    for name, value in properties.items():
        added = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(added, "name").text = name
        ElementTree.SubElement(added, "value").text = value
    site.write(file)
