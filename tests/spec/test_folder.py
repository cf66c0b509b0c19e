"""The whole folder: one file's mistake never hides another file's healthy pipeline."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import Folder, read_folder

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
ORDERS = "tenants/acme/orders.pipeline.yaml"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(QUICKSTART / "platform.yaml", tmp_path)
    shutil.copytree(QUICKSTART / "tenants", tmp_path / "tenants")
    return tmp_path


def checked(home: Path) -> Folder:
    return check_folder(read_folder(home))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def names(folder: Folder) -> set[str]:
    return {f"{tenant.name}.{pipeline}" for tenant in folder.tenants.values() for pipeline in tenant.pipelines}


def test_the_quickstart_is_sound(home: Path) -> None:
    folder = checked(home)
    assert folder.mistakes == []
    assert names(folder) == {"acme.orders", "globex.suppliers"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("source: hdfs", "sorce: hdfs", "8:7: unknown field 'sorce'. Did you mean 'source'"),
        (
            "hdfs://onprem@/data/acme/orders/{{ ds }}/\n",
            "hdfs://onprem@/data/globex/\n",
            ":8:7: source .* lies outside",
        ),
        ("{{ ds }}/\n      dest", "{{ ds /\n      dest", "orders.pipeline.yaml:"),
        ("{{ ds }}/\n      dest", "{{ ds | }}/\n      dest", "a template cannot be read"),
        ("gs://acme_gcp@acme-lake", "gs://acme_gcp@other-lake", ":9:7: destination .* lies outside"),
        ("priority: 50", "priority: 1000", ":11:7: priority"),
        ("priority: 50", "priority: high", ":11:7: priority"),
        ("client: billing", "slots: 9", ":12:7: 9 slots are more than max_slots"),
        ('"0 2 * * *"', "sometimes", ":2:1: schedule: 'sometimes' is not a schedule"),
        ('"0 2 * * *"', '"0 2 * * * *"', "is not a schedule"),
        ("steps:", "stepps:", "unknown field 'stepps'. Did you mean 'steps'"),
        ("  orders:\n", "  Bad Name:\n", "cannot be a name"),
        ("    copy:", "    move:", "unknown field 'move'"),
        ("{{ ds }}/\n      dest", "{{ conn.x.password }}/\n      dest", "a template may not name 'conn'"),
        ("{{ ds }}/\n      dest", "{{ var.value.x }}/\n      dest", "a template may not name 'var'"),
        ("{{ ds }}/\n      dest", "{{ ds.__class__ }}/\n      dest", "a template may not look at '__class__'"),
        ("{{ ds }}/\n      dest", "{% for x in ds %}{% endfor %}/\n      dest", "a template may not"),
        (
            "{{ ds }}/\n      dest",
            "{% raw %}{{ conn }}{% endraw %}/\n      dest",
            "may not hold statements or comments",
        ),
        ("{{ ds }}/\n      dest", "{{ dag_run.conf }}/\n      dest", "nothing of 'dag_run' but run_after"),
        ("client: billing", "client: '{{ ds }}'", ":12:7: client: a template has no place here"),
        ("  orders:\n    copy", "  when_1:\n    copy", "a step cannot be called 'when_1'"),
        ("  orders:\n    copy", "  a_distcp:\n    copy", "a step cannot be called 'a_distcp'"),
        ('"0 2 * * *"', '"@continuous"', "is not a schedule"),
        ('"0 2 * * *"', '"0 0 31 2 *"', "never comes"),
        ("{{ ds }}/_SUCCESS", "{{ ds }}/*\n    timeout: 5", "cannot be a glob"),
        ("{{ ds }}/_SUCCESS", "{{ ds }}/_SUCCESS\n    timeout: 99999999999999999999", "timeout: input should be less"),
        ("- exists: hdfs://onprem@/data/acme/", "- exists: hdfs://onprem@/secret/", ":4:5: exists .* lies outside"),
        ("description: Nightly", "description: [Nightly", "is not YAML"),
    ],
)
def test_a_broken_pipeline_names_its_line_and_spares_all_others(home: Path, old: str, new: str, words: str) -> None:
    change(home / ORDERS, old, new)
    (home / "tenants/acme/second.pipeline.yaml").write_text((QUICKSTART / ORDERS).read_text())
    folder = checked(home)
    assert {mistake.file for mistake in folder.mistakes} == {ORDERS}
    assert names(folder) == {"acme.second", "globex.suppliers"}
    assert any(re.search(words, mistake.full()) for mistake in folder.mistakes), [str(m) for m in folder.mistakes]


def test_a_lane_above_the_tenants_highest_is_refused(home: Path) -> None:
    change(home / "tenants/globex/suppliers.pipeline.yaml", "client: purchasing", "lane: urgent")
    [mistake] = checked(home).mistakes
    assert "the lane 'urgent' is above max_lane of tenant 'globex'. Allowed: bulk, normal" in str(mistake)


def test_two_pipelines_with_one_name(home: Path) -> None:
    (home / "tenants/acme/sub").mkdir()
    shutil.copy(home / ORDERS, home / "tenants/acme/sub/orders.pipeline.yaml")
    folder = checked(home)
    [mistake] = folder.mistakes
    assert "there is a pipeline 'orders' already" in str(mistake)
    assert "acme.orders" in names(folder)


@pytest.mark.parametrize(
    ("change_to", "words"),
    [
        (("link: interconnect", "link: interconect"), "there is no link 'interconect'.*Did you mean 'interconnect'"),
        (("max_slots: 8", "max_slots: 800"), "800 slots are more than a pool"),
        (('read:  ["hdfs://onprem@/data/acme/"]', 'read: ["hdfs://onprem@/data/acme"]'), "is not a folder"),
        (('read:  ["hdfs://onprem@/data/acme/"]', 'read: ["hdfs://onprem@/data/*/"]'), "is a template or a glob"),
        (('read:  ["hdfs://onprem@/data/acme/"]', 'read: ["hdfs://u:p@/data/"]'), "carries a credential"),
        (("owner: data@acme.example", "ownr: data@acme.example"), "unknown field 'ownr'. Did you mean 'owner'"),
        (("max_lane: urgent", "max_lane: top"), "max_lane: input should be"),
    ],
)
def test_a_broken_tenant_stops_its_own_pipelines_alone(home: Path, change_to: tuple[str, str], words: str) -> None:
    change(home / "tenants/acme/tenant.yaml", *change_to)
    folder = checked(home)
    assert names(folder) == {"globex.suppliers"}
    assert {mistake.file for mistake in folder.mistakes} == {"tenants/acme/tenant.yaml"}
    assert any(re.search(words, str(mistake)) for mistake in folder.mistakes), [str(m) for m in folder.mistakes]


def test_a_missing_tenant_file_and_a_stray_file_are_mistakes(home: Path) -> None:
    (home / "tenants/empty").mkdir()
    (home / "tenants/acme/notes.yaml").write_text("a: 1")
    (home / "tenants/Bad Tenant").mkdir()
    found = {mistake.file: str(mistake) for mistake in checked(home).mistakes}
    assert "is missing" in found["tenants/empty/tenant.yaml"]
    assert "Name it <name>.pipeline.yaml" in found["tenants/acme/notes.yaml"]
    assert "cannot be a name" in found["tenants/Bad Tenant"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("capacity: 1 GiB/s", "capacity: 1 GiB", "capacity: '1 GiB' is not a rate"),
        ("capacity: 1 GiB/s", "capacity: 50 Mb/s", "may mean bits or bytes"),
        ("capacity: 1 GiB/s", "capacity: 500", "'500' has no unit"),
        ("capacity: 1 GiB/s", "capacity: 64 MiB/s", "holds fewer than 3 slots"),
        ("distcp: 75%", "distcp: 175%", "between 0% and 100%"),
        ("threshold: 32 MiB", "threshold: much", "threshold: 'much' is not a size"),
        ("  interconnect:", "  Inter Connect:", "cannot be a name"),
    ],
)
def test_a_broken_platform_names_its_line(home: Path, old: str, new: str, words: str) -> None:
    change(home / "platform.yaml", old, new)
    folder = checked(home)
    assert any(words in str(mistake) for mistake in folder.mistakes), [str(m) for m in folder.mistakes]
    assert folder.tenants == {}


def test_only_what_is_asked_for_is_read(home: Path) -> None:
    (home / "tenants/globex/suppliers.pipeline.yaml").write_text("not: [yaml")
    folder = check_folder(read_folder(home, tenant="acme", pipeline="orders"))
    assert folder.mistakes == []
    assert names(folder) == {"acme.orders"}


def test_a_pipeline_may_use_any_lane_up_to_the_tenants_highest(home: Path) -> None:
    for lane in ("bulk", "normal", "urgent"):
        text = (QUICKSTART / ORDERS).read_text().replace("client: billing", f"lane: {lane}")
        (home / f"tenants/acme/{lane}.pipeline.yaml").write_text(text)
    folder = checked(home)
    assert folder.mistakes == []
    assert {"acme.bulk", "acme.normal", "acme.urgent"} <= names(folder)


def test_no_excerpt_shows_a_credential(home: Path) -> None:
    change(home / ORDERS, "source: hdfs://onprem@/", "source: hdfs://user:hunter2@host/{{ ds | }}")
    change(home / ORDERS, "priority: 50", "priority: x\n      password: hunter2")
    mistakes = checked(home).mistakes
    assert {mistake.place.line for mistake in mistakes} >= {8, 11, 12}
    for mistake in mistakes:
        assert "hunter2" not in mistake.full()


def test_a_property_that_no_job_may_have_is_a_mistake_of_the_platform(home: Path) -> None:
    change(
        home / "platform.yaml",
        "connection: cluster",
        "connection: cluster\n  properties: {fs.azure.account.key: hunter2}",
    )
    [mistake] = checked(home).mistakes
    assert "platform.yaml:9:3" in str(mistake)
    assert "fs.azure.account.key is not allowed" in str(mistake)
    assert "hunter2" not in mistake.full()
