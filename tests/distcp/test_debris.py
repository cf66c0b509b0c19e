"""What is swept of a killed job while its destination cannot be reached. The resource manager is a script here: what a
real job leaves is `test_job.py`'s."""

from __future__ import annotations

import json
from collections.abc import Mapping

from airflow_datamove.distcp.job import DistCpJob, JobRef
from airflow_datamove.stores.connection import Connection, Connections
from tests.distcp.tree import Place
from tests.stores.function_server import Answered, Asked, function_server

STAGING = "/tmp/hadoop-yarn/staging/root/.staging/_distcp-20261122"


def test_a_destination_that_cannot_be_reached_hides_no_error_and_no_other_debris(
    hdfs: Place, ends: Connections, cluster: Mapping[str, str]
) -> None:
    with hdfs.store.create(f"{STAGING}/fileList.seq", size=1) as writer:
        writer.write(b"x")
        writer.commit()

    def answer(asked: Asked) -> Answered:
        properties = {"fs.defaultFS": cluster["namenode"], "distcp.meta.folder": STAGING}
        body: dict[str, object] = {"app": {"id": "application_1_1", "state": "RUNNING"}, "state": "KILLED"}
        if asked.target.startswith("/proxy/"):
            body = {"conf": {"property": [{"name": name, "value": value} for name, value in properties.items()]}}
        return Answered(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    with function_server(answer) as server:
        extra = {"command": "true", "resource_manager": server.url}
        job = DistCpJob(Connection("h", "hadoop", extra=extra), ends)
        job.kill(JobRef("application_1_1", "job_1_1", "t", source=str(hdfs.address), destination="hdfs://mistyped@/x"))
        assert [asked.method for asked in server.asked].count("PUT") == 1
    assert not hdfs.store.exists(STAGING)
