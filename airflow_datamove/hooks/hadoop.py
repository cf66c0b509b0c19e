"""The connection type ``hadoop``: a cluster that runs DistCp."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.job import DistCpJob
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.provider_info import HADOOP_FIELDS


class HadoopHook(BaseHook):
    """A Hadoop cluster: its client, its resource manager, its history server.

    :param hadoop_conn_id: connection of type ``hadoop``.
    """

    conn_name_attr = "hadoop_conn_id"
    default_conn_name = "hadoop_default"
    conn_type = "hadoop"
    hook_name = "Hadoop (DistCp on YARN)"

    def __init__(self, hadoop_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.hadoop_conn_id = hadoop_conn_id

    def get_conn(self) -> DistCpJob:
        """DistCp on this cluster."""
        connections = AirflowConnections()
        return DistCpJob(connections.get(self.hadoop_conn_id), connections)

    def application_url(self, application_id: str) -> str:
        """The page of an application in YARN's own UI."""
        manager = Cluster.of(AirflowConnections().get(self.hadoop_conn_id)).resource_managers[0]
        return f"{manager}/cluster/app/{application_id}"

    def test_connection(self) -> tuple[bool, str]:
        """Asks the resource manager, and looks for the client."""
        try:
            self.get_conn().check()
        except Exception as error:
            return False, str(error)
        return True, "The resource manager answers and the client is there"

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Only the user name is asked for, besides the fields of our own."""
        return HADOOP_FIELDS
