"""``datamove render`` and ``datamove new``: pictures of pipelines, and starts that lint finds nothing wrong with."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from airflow_datamove.cli.main import main

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
GRAPH = """\
schedule: "0 2 * * *"
timezone: Europe/Berlin
when:
  - exists: hdfs://onprem@/data/acme/_SUCCESS
steps:
  fetch:
    copy:
      source: hdfs://onprem@/data/acme/in/
      destination: gs://acme_gcp@acme-lake/raw/{{ ds }}/
  each:
    for_each: [eu, us]
    copy:
      source: hdfs://onprem@/data/acme/<{{ item }}>/
      destination: gs://acme_gcp@acme-lake/{{ item }}/
  late:
    after: [fetch]
    copy:
      source: hdfs://onprem@/data/acme/in/
      destination: abfs://acme_blob@drop/late/
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(QUICKSTART / "platform.yaml", tmp_path)
    shutil.copytree(QUICKSTART / "tenants", tmp_path / "tenants")
    (tmp_path / "tenants/acme/graph.pipeline.yaml").write_text(GRAPH)
    return tmp_path


def test_the_graph_as_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "acme/graph", "--folder", str(home / "tenants")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "acme.graph",
        "@ at 0 2 * * * (Europe/Berlin)",
        "? when_1 hdfs://onprem@/data/acme/_SUCCESS",
        "* fetch copy: hdfs://onprem@/data/acme/in/ -> gs://acme_gcp@acme-lake/raw/{{ ds }}/ <- when_1",
        "* each copy, for 2 items: hdfs://onprem@/data/acme/<{{ item }}>/ -> gs://acme_gcp@acme-lake/{{ item }}/ "
        "<- when_1",
        "* late copy: hdfs://onprem@/data/acme/in/ -> abfs://acme_blob@drop/late/ <- fetch",
        "= asset acme.graph",
        "= asset gs://acme_gcp@acme-lake/raw",
        "= asset gs://acme_gcp@acme-lake/eu",
        "= asset gs://acme_gcp@acme-lake/us",
        "= asset abfs://acme_blob@drop/late",
    ]


def test_the_graph_as_an_image(home: Path, tmp_path: Path) -> None:
    image = tmp_path / "graph.svg"
    assert main(["render", "acme/graph", "--folder", str(home), "--svg", str(image)]) == 0
    root = ElementTree.parse(image).getroot()
    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"acme.graph", "fetch (copy)", "late (copy)", "when_1"} <= texts
    arrows = [each for each in root.iter("{http://www.w3.org/2000/svg}path") if each.get("marker-end")]
    assert len(arrows) == 1 + 3 + 5 * 2  # start -> when_1; to each step; the two last steps to five assets


def test_what_is_not_sound_cannot_be_drawn(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tenants/acme/graph.pipeline.yaml").write_text("steps: 3")
    assert main(["render", "acme/graph", "--folder", str(home)]) == 2
    assert "tenants/acme/graph.pipeline.yaml:1:1" in capsys.readouterr().err
    assert main(["render", "acme/none", "--folder", str(home)]) == 2
    assert main(["render", "acme", "--folder", str(home)]) == 2


def test_a_new_tenant_and_its_first_pipeline_are_sound(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "tenant", "initech", "--owner", "it@initech.example", "--folder", str(home)]) == 0
    assert capsys.readouterr().out == "tenants/initech/tenant.yaml\n"
    assert main(["lint", str(home)]) == 0
    assert main(["new", "pipeline", "initech/first", "--folder", str(home)]) == 2
    assert "may not read or not write anything yet" in capsys.readouterr().err
    file = home / "tenants/initech/tenant.yaml"
    text = file.read_text().replace("read: []\n  # -", "read:\n  -").replace("write: []\n  # -", "write:\n  -")
    file.write_text(text)
    assert main(["new", "pipeline", "initech/first", "--folder", str(home)]) == 0
    assert main(["lint", str(home)]) == 0
    assert main(["render", "initech/first", "--folder", str(home)]) == 0


def test_nothing_is_overwritten(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (home / "tenants/acme/tenant.yaml").read_text()
    assert main(["new", "tenant", "acme", "--folder", str(home)]) == 2
    assert main(["new", "pipeline", "acme/orders", "--folder", str(home)]) == 2
    assert main(["new", "pipeline", "nobody/x", "--folder", str(home)]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert (home / "tenants/acme/tenant.yaml").read_text() == before
