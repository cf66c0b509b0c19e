"""What a folder says for the pipelines below it, and how it narrows what they may do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.scheduling.limits import limits_of
from airflow_datamove.scheduling.pipeline_rules import narrowed
from airflow_datamove.spec.folder import Folder, PipelineFile, read_folder

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "defaults"
COPY = "steps:\n  a:\n    copy: {source: 'hdfs://onprem@/data/acme/x/', destination: 'gs://acme_gcp@acme-lake/%s/'%s}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "home")
    return tmp_path / "home"


def checked(home: Path) -> Folder:
    return check_folder(read_folder(home))


def pipeline(folder: Folder, name: str) -> PipelineFile:
    return folder.tenants["acme"].pipelines[name]


def test_what_is_nearer_wins_and_mappings_are_joined(home: Path) -> None:
    folder = checked(home)
    stock, ledger = pipeline(folder, "stock").pipeline, pipeline(folder, "ledger").pipeline
    assert (stock.schedule, stock.timezone, stock.retries, stock.owner) == ("0 3 * * *", "Europe/Berlin", 2, None)
    assert (ledger.schedule, ledger.timezone, ledger.owner) == ("0 6 * * 1-5", "Europe/Berlin", "finance@acme.example")
    assert (stock.steps["stock"].body.client, stock.steps["stock"].body.lane) == ("acme-nightly", "bulk")
    assert (ledger.steps["ledger"].body.client, ledger.steps["ledger"].body.lane) == ("acme-nightly", "normal")


def test_limits_narrow_and_nothing_below_widens_them(home: Path) -> None:
    folder = checked(home)
    tenant, platform = folder.tenants["acme"].tenant, folder.platform
    assert platform is not None
    limits = narrowed(limits_of("acme", tenant, platform), pipeline(folder, "ledger").limits)
    assert (limits.write, limits.max_slots, limits.read) == (
        ("gs://acme_gcp@acme-lake/finance/",),
        1,
        tuple(tenant.read),
    )
    (home / "tenants/acme/finance/deep").mkdir()
    (home / "tenants/acme/finance/deep/_defaults.yaml").write_text(
        "limits: {write: ['gs://acme_gcp@acme-lake/'], max_slots: 4}\n"
    )
    (home / "tenants/acme/finance/deep/out.pipeline.yaml").write_text(COPY % ("stock", ""))
    found = {mistake.file: str(mistake) for mistake in checked(home).mistakes}
    assert "Limits only narrow" in found["tenants/acme/finance/deep/_defaults.yaml"]
    assert "Allowed: gs://acme_gcp@acme-lake/finance/" in found["tenants/acme/finance/deep/out.pipeline.yaml"]


def test_a_folders_limits_hold_for_slots_and_lanes(home: Path) -> None:
    (home / "tenants/acme/finance/more.pipeline.yaml").write_text(COPY % ("finance/more", ", slots: 2"))
    [mistake] = checked(home).mistakes
    assert "2 slots are more than max_slots" in str(mistake)


def test_a_mistake_in_defaults_stops_what_lies_below_alone(home: Path) -> None:
    (home / "tenants/acme/finance/_defaults.yaml").write_text("ownr: x\n")
    folder = checked(home)
    assert [str(mistake).partition(". ")[0] for mistake in folder.mistakes] == [
        "tenants/acme/finance/_defaults.yaml:1:1: unknown field 'ownr'"
    ]
    assert set(folder.tenants["acme"].pipelines) == {"stock"}


def test_who_follows_others_takes_no_schedule_from_its_folder(home: Path) -> None:
    (home / "tenants/acme/later.pipeline.yaml").write_text("after: stock\n" + COPY % ("later", ""))
    folder = checked(home)
    assert folder.mistakes == []
    assert pipeline(folder, "later").pipeline.schedule is None


def test_a_single_pipeline_is_read_with_its_defaults(home: Path) -> None:
    folder = check_folder(read_folder(home, tenant="acme", pipeline="ledger"))
    assert set(folder.tenants["acme"].pipelines) == {"ledger"}
    assert pipeline(folder, "ledger").pipeline.retries == 2


def test_nothing_is_inherited_across_tenants(home: Path) -> None:
    shutil.copytree(home / "tenants/acme", home / "tenants/globex")
    (home / "tenants/globex/_defaults.yaml").unlink()
    stock = check_folder(read_folder(home)).tenants["globex"].pipelines["stock"].pipeline
    assert (stock.retries, stock.timezone, stock.schedule) == (None, "UTC", None)
