from typing import Any

import pytest

from airflow_datamove.distcp.counters import Counters
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.distcp.yarn import apps_of, job_id

APP = {"id": "application_17_0002", "state": "RUNNING", "finalStatus": "UNDEFINED", "applicationTags": "A,b"}


@pytest.mark.parametrize(
    "answer",
    [None, {}, [], "", {"apps": {}}, {"apps": None}, {"apps": ""}, {"apps": {"app": []}}, {"apps": {"app": None}}],
)
def test_no_applications_in_every_version_s_way(answer: Any) -> None:
    assert apps_of(answer) == []


def test_one_application_or_several() -> None:
    for answer in ({"apps": {"app": APP}}, {"apps": {"app": [APP]}}):
        (app,) = apps_of(answer)
        assert app.id == "application_17_0002"
        assert app.tags == ("a", "b")
        assert app.job_id == "job_17_0002"
        assert not app.ended


def test_the_oldest_comes_first_whatever_the_ids_length() -> None:
    ids = ["application_17_10000", "application_9_0003", "application_17_9999"]
    found = apps_of({"apps": {"app": [{**APP, "id": each} for each in ids]}})
    assert [app.id for app in found] == ["application_9_0003", "application_17_9999", "application_17_10000"]


def test_the_one_that_was_submitted_first_is_the_oldest_whatever_its_id() -> None:
    early, late = {**APP, "id": "application_17_2", "startedTime": 1000}, {**APP, "startedTime": 1001}
    late["id"] = "application_17_1"
    assert [app.id for app in apps_of({"apps": {"app": [late, early]}})] == ["application_17_2", "application_17_1"]


def test_job_id() -> None:
    assert job_id("application_1_2") == "job_1_2"
    assert job_id("") == ""


@pytest.mark.parametrize("many", [True, False])
def test_counters(many: bool) -> None:
    one = {"name": "COPY", "totalCounterValue": 7}
    group = {
        "counterGroupName": "org.apache.hadoop.tools.mapred.CopyMapper$Counter",
        "counter": [one] if many else one,
    }
    counters = Counters({"jobCounters": {"id": "job_1_2", "counterGroup": [group] if many else group}})
    assert counters
    assert counters.copied("COPY") == 7
    assert counters.copied("FAIL") == 0
    assert counters.written("gs") == 0


@pytest.mark.parametrize("answer", [None, {}, {"jobCounters": None}, {"jobCounters": {"id": "x"}}, "<html>"])
def test_no_counters(answer: Any) -> None:
    assert not Counters(answer)


def test_records_travel_as_json() -> None:
    import json

    ref = JobRef("application_1_2", "job_1_2", "t", 1.5, ("hdfs", "gs"), "gs://c@b/x", 3, 4, 5, True)
    assert JobRef.from_dict(json.loads(json.dumps({**ref.to_dict(), "newer": 1}))) == ref
    progress = JobProgress("RUNNING", "UNDEFINED", 5, 10, 2, 50.0, "d")
    assert JobProgress.from_dict(json.loads(json.dumps({**progress.to_dict(), "newer": 1}))) == progress
    assert not progress.succeeded
    assert JobProgress("FINISHED", "SUCCEEDED", finished=True).succeeded
    assert not JobProgress("FINISHED", "FAILED", finished=True).succeeded
