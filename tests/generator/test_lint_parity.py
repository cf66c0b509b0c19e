"""Whatever lint finds nothing wrong with, Airflow builds, validates and stores: random pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from airflow_datamove.generator.tenant_dags import dags_of
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import read_folder

ROOTS = ["hdfs://h@/", "gs://g@lake/", "s3://s@b/", "file:///", "abfs://a@c/", "sftp://s@/"]
TAILS = ["x/", "x", "{{ ds }}/", "{{ item }}/", "a*/", "[b]/", "a b/", "ü/", "x#y/", "x?y=z/", "%20/", "it's/", '"/']
TAILS += ["{{ dag_run.run_after | ds }}/", "{{ params.p }}/", "\\*/", "q" * 1500 + "/", "day={{ ts_nodash }}.csv"]
addresses = st.builds(
    "{}{}{}".format, st.sampled_from(ROOTS), st.sampled_from(["", "a/", "b/c/"]), st.sampled_from(TAILS)
)
words = st.sampled_from(["", "x", "{{ conn.x }}", "a,b", "é", "x.md", "'", "{{ item }}"])
copies = st.fixed_dictionaries(
    {"source": addresses, "destination": addresses},
    optional={
        "include": st.lists(words, max_size=2),
        "priority": st.sampled_from([0, 99]),
        "lane": st.sampled_from(["bulk", "normal", "urgent"]),
        "client": words,
        "mirror": st.booleans(),
        "receipt": addresses,
        "route": st.sampled_from(["auto", "worker", "distcp"]),
        "min_age": st.sampled_from(["1h", "0"]),
    },
)
calls = st.fixed_dictionaries(
    {"function": st.sampled_from(["acme.a:b", "os:system"])},
    optional={
        "args": st.dictionaries(st.sampled_from(["x", "task_id"]), st.one_of(words, st.none(), st.lists(words))),
        "writes": st.lists(addresses, max_size=2),
    },
)
each = st.one_of(
    st.lists(st.one_of(words, st.integers(), st.booleans()), max_size=3),
    st.lists(st.fixed_dictionaries({"name": words}), max_size=2),
    st.fixed_dictionaries({"list": addresses}, optional={"most": st.sampled_from([1, 5000]), "at_once": st.just(2)}),
)
options: dict[str, st.SearchStrategy[Any]] = {
    "retries": st.sampled_from([0, 100]),
    "retry_delay": st.sampled_from(["1s", "365d"]),
    "timeout": st.sampled_from(["1s", "365d"]),
}
steps = st.one_of(st.fixed_dictionaries({"copy": copies}), st.fixed_dictionaries({"python": calls})).flatmap(
    lambda step: st.fixed_dictionaries(
        {key: st.just(value) for key, value in step.items()},
        optional={**options, "for_each": each, "after": st.lists(st.sampled_from(["a", "b"])), "docs": words},
    )
)
params = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "date", "date-time"]),
        "default": st.sampled_from(["", "x", "2026-01-01", "2026-01-01T00:00:00Z", 3, 1.5, False, "{{ ds }}"]),
        "enum": st.lists(st.sampled_from(["x", 3]), max_size=2),
        "minimum": st.sampled_from([0, 1.5]),
        "pattern": st.sampled_from(["", "a+", "("]),
    },
)
zones = ["UTC", "Asia/Kathmandu", "America/St_Johns", "EST5EDT", "Etc/GMT+12", "Nowhere/Else"]
schedules = ["@daily", "@once", "@yearly", "0 2 * * *", "0 0 29 2 *", "0 0 * * mon#1", "0 0 l * *", "0 0 31 2 *", "x"]
pipelines = st.fixed_dictionaries(
    {"steps": st.dictionaries(st.sampled_from(["a", "b", "c_large", "done"]), steps, min_size=1, max_size=3)},
    optional={
        **options,
        "schedule": st.sampled_from(schedules),
        "timezone": st.sampled_from(zones),
        "after": st.one_of(st.lists(st.one_of(st.just("q"), addresses)), st.builds(lambda a: {"any": [a]}, addresses)),
        "interval": st.sampled_from(["1d", "0", "365d"]),
        "start": st.sampled_from(
            ["2026-01-01", "2026-03-29T02:30", "1970-01-01", "2200-12-31", "20260101", "0001-01-01"]
        ),
        "end": st.sampled_from(["2026-01-01", "9999-12-31"]),
        "catchup": st.booleans(),
        "params": st.dictionaries(st.sampled_from(["p", "datamove"]), params, max_size=2),
        "docs": words,
        "description": words,
        "owner": st.sampled_from(["a@b.example", "a b, c"]),
        "tags": st.lists(words, max_size=2),
        "when": st.lists(st.fixed_dictionaries({"exists": addresses}), max_size=2),
    },
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parity")
    (root / "tenants/acme").mkdir(parents=True)
    (root / "platform.yaml").write_text("links: {net: {capacity: 1 GiB/s}}\npython_allowed: [acme.*]\n")
    tenant = {"owner": "a@b.example", "link": "net", "read": ROOTS, "write": ROOTS}
    (root / "tenants/acme/tenant.yaml").write_text(yaml.safe_dump(tenant))
    return root


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipeline=pipelines)
def test_what_lint_lets_through_airflow_takes(home: Path, pipeline: dict[str, Any]) -> None:
    (home / "tenants/acme/p.pipeline.yaml").write_text(yaml.safe_dump(pipeline, allow_unicode=True))
    (home / "tenants/acme/q.pipeline.yaml").write_text("steps: {a: {python: 'acme.a:b'}}\n")
    folder = check_folder(read_folder(home))
    linted = [str(mistake) for mistake in folder.mistakes]
    assert all("p.pipeline.yaml" in mistake for mistake in linted)
    assert ("p" in folder.tenants["acme"].pipelines) == (not linted)
    event("sound" if not linted else "with mistakes")
    dags = dags_of(folder, file="x.py")
    assert [str(mistake) for mistake in folder.mistakes] == linted
    for dag in dags.values():
        dag.validate()
        DagSerialization.from_dict(DagSerialization.to_dict(dag))
