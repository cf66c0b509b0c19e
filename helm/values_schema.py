"""Writes ``helm/datamove/values.schema.json``: ``python -m helm.values_schema``.

What the values say of the platform and of tenants is held to the very schemas of ``airflow_datamove.spec``, so that
`helm lint` and `helm install` refuse what `datamove lint` would. A test keeps the file and the schemas together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.tenant import Tenant

FILE = Path(__file__).resolve().parent / "datamove" / "values.schema.json"

_NAME = "^[a-z0-9][a-z0-9_-]{0,62}$"
_PATH = {"type": "string", "pattern": "^/[^\\s:]*$"}
_TEXT = {"type": "string"}
_WORD = {"type": "string", "minLength": 1}
_FREE = {"type": "object"}
_LIST = {"type": "array", "items": {"type": "object"}}
_SECONDS = {"type": "integer", "minimum": 1}
_QUANTITY = {"type": "string", "pattern": "^\\d+(\\.\\d+)?(m|[kMGTPE]|[KMGTPE]i)?$"}


def values_schema() -> dict[str, Any]:
    """The JSON schema of the chart's values (draft 7, which is what Helm reads)."""
    definitions: dict[str, Any] = {}
    tenant = _hoisted(Tenant.model_json_schema(), definitions)
    platform = _hoisted(Platform.model_json_schema(), definitions)
    definitions |= {"Tenant": tenant, "Platform": platform}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart datamove",
        **_closed(
            {
                "global": _described("Of a chart that this one is part of; not used", _FREE),
                "nameOverride": _described("Instead of the chart's name", _TEXT),
                "fullnameOverride": _described("Instead of the release's and the chart's name", _TEXT),
                "image": _closed(
                    {
                        "repository": _described("Airflow with airflow-datamove in it", _WORD),
                        "tag": _described("By default the chart's appVersion", _TEXT),
                        "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
                    }
                ),
                "imagePullSecrets": _LIST,
                "mountPath": _described("Where the YAML is mounted, in every pod", _PATH),
                "platform": {
                    "description": "platform.yaml; empty: it is in files/",
                    "type": "object",
                    "if": {"minProperties": 1},
                    "then": {"$ref": "#/$defs/Platform"},
                },
                "tenants": {
                    "description": "By name; beside those in files/",
                    "type": "object",
                    "propertyNames": {"pattern": _NAME},
                    "additionalProperties": _closed(
                        {
                            "tenant": {"$ref": "#/$defs/Tenant"},
                            "pipelines": {
                                "description": "Name -> the text of the pipeline, whose steps have an order",
                                "type": "object",
                                "propertyNames": {"pattern": _NAME},
                                "additionalProperties": _WORD,
                            },
                        },
                        required=["tenant"],
                    ),
                },
                "airflow": _closed(
                    {
                        "home": _described("AIRFLOW_HOME", _PATH),
                        "configMap": _described("ConfigMap with airflow.cfg; empty: environment alone", _TEXT),
                        "databaseSecret": _described(
                            "Secret with the address of Airflow's database",
                            _closed({"name": _WORD, "key": _WORD}, required=["name", "key"]),
                        ),
                        "otherBundles": _described("DAG bundles beside the tenants' own", _LIST),
                        "refreshInterval": _described("Seconds between two looks at the YAML", _SECONDS),
                    }
                ),
                "pools": _closed(
                    {
                        "enabled": {"type": "boolean"},
                        "backoffLimit": {"type": "integer", "minimum": 0},
                        "activeDeadlineSeconds": _SECONDS,
                        "resources": _FREE,
                    }
                ),
                "podTemplates": _closed(
                    {
                        "enabled": _described("Only the KubernetesExecutor needs them", {"type": "boolean"}),
                        "mountPath": _described("Where Airflow's components see them", _PATH),
                        "serviceAccountName": _TEXT,
                        "tmpSize": _described("Room for /tmp, and for the log", _QUANTITY),
                        "env": _LIST,
                        "envFrom": _LIST,
                        "volumes": _LIST,
                        "volumeMounts": _LIST,
                        "nodeSelector": {"type": "object", "additionalProperties": _TEXT},
                        "tolerations": _LIST,
                    }
                ),
                "podSecurityContext": _FREE,
                "securityContext": _FREE,
            }
        ),
        "$defs": definitions,
    }


def _hoisted(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema without its own definitions, which join the others."""
    for name, definition in schema.pop("$defs", {}).items():
        if definitions.setdefault(name, definition) != definition:
            raise ValueError(f"two definitions are called {name}")
    return schema


def _closed(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": required} if required else schema


def _described(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **schema}


def text() -> str:
    """The content of the file."""
    return json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
