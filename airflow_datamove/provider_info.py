"""What Airflow's provider registry is told about this package (entry point ``apache_airflow_provider``)."""

from __future__ import annotations

from typing import Any

from airflow_datamove import __version__

HADOOP_FIELDS: dict[str, Any] = {
    "hidden-fields": ["host", "port", "schema", "password", "extra"],
    "relabeling": {"login": "Hadoop user"},
    "placeholders": {"login": "airflow"},
}
_TEXT = ["string", "null"]


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, by Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-datamove",
        "name": "Datamove",
        "description": "Multi-tenant bulk data movement: small copies by the worker, large ones by Hadoop DistCp.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": "Datamove", "external-doc-url": "https://hadoop.apache.org/", "tags": ["service"]}
        ],
        "operators": [
            {
                "integration-name": "Datamove",
                "python-modules": ["airflow_datamove.operators.copy", "airflow_datamove.operators.distcp"],
            }
        ],
        "sensors": [{"integration-name": "Datamove", "python-modules": ["airflow_datamove.sensors.exists"]}],
        "hooks": [
            {
                "integration-name": "Datamove",
                "python-modules": ["airflow_datamove.hooks.hadoop", "airflow_datamove.hooks.ledger"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Datamove",
                "python-modules": ["airflow_datamove.triggers.distcp", "airflow_datamove.triggers.exists"],
            }
        ],
        "connection-types": [
            {
                "hook-class-name": "airflow_datamove.hooks.hadoop.HadoopHook",
                "hook-name": "Hadoop (DistCp on YARN)",
                "connection-type": "hadoop",
                "ui-field-behaviour": HADOOP_FIELDS,
                "conn-fields": {
                    "resource_manager": _field("Resource manager URLs", "http://rm1:8088,http://rm2:8088"),
                    "history_server": _field("JobHistory server URL", "http://history:19888"),
                    "command": _field("Hadoop client on the worker", "/opt/hadoop/bin/hadoop"),
                    "class_path": _field("Or its class path, for java -cp", "/etc/hadoop/conf:/opt/hadoop/lib/*"),
                    "conf_dir": _field("HADOOP_CONF_DIR of the client", "/etc/hadoop/conf"),
                    "listing": _field(
                        "Who lists the source",
                        "planned",
                        "planned (the usual): this provider, and the client gets the list; plain: DistCp itself, for a "
                        "client that cannot be given a class of ours",
                        among=("planned", "plain"),
                    ),
                    "ssh_conn_id": _field(
                        "Or on an edge node: its SSH connection",
                        "hadoop_edge",
                        "The client runs there, and its command, class path and conf_dir are paths of that machine",
                    ),
                    "principal": _field(
                        "Kerberos principal, in a secure cluster",
                        "datamove@EXAMPLE.COM",
                        "Who asks; it needs a keytab, or a ticket cache that somebody else renews",
                    ),
                    "keytab": _field(
                        "Its keytab, on the worker and the triggerer",
                        "/etc/security/datamove.keytab",
                        "The path of the file with the principal's key, on each of these machines",
                    ),
                    "kerberos": _field(
                        "Kerberos without a keytab",
                        "true",
                        "true: somebody else (airflow kerberos) renews the ticket cache of workers and triggerers",
                        among=("true", "false"),
                    ),
                    "verify": _field("Certificates to believe, or false", "/etc/ssl/certs/cluster.pem"),
                    "queue": _field("YARN queue", "default"),
                },
            }
        ],
        "extra-links": ["airflow_datamove.operators.yarn_link.YarnApplicationLink"],
        "config": {
            "datamove": {
                "description": "Where the tenants' YAML is, for the drop-in DAG files.",
                "options": {
                    "folder": {
                        "description": "The folder that holds platform.yaml and tenants/.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/datamove",
                        "default": "",
                    },
                    "ledger_conn_id": {
                        "description": "Connection of type postgres, mysql or sqlite: the database of requests. If "
                        "there is none of this id, requests are kept in an SQLite file in Airflow's home.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "datamove_ledger",
                    },
                    "pod_templates": {
                        "description": "Folder with a pod template <tenant>.yaml for each tenant, for the "
                        "KubernetesExecutor. Empty: every task gets the executor's own template.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/pod_templates",
                        "default": "",
                    },
                },
            }
        },
    }


def _field(label: str, example: str, help: str = "", among: tuple[str, ...] = ()) -> dict[str, Any]:
    """A field of a connection's form; what it is for, and all that it may be, if that is little."""
    description = f"{help}. For example {example}" if help else f"For example {example}"
    schema = {"type": _TEXT, "enum": [None, *among]} if among else {"type": _TEXT}
    return {"label": label, "description": description, "schema": schema}
