"""The tenants' folder as an Airflow DAG bundle: :class:`TenantsBundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle

from airflow_datamove.generator.drop_in import configured_folder
from airflow_datamove.generator.stubs import ready_stubs, write_stubs


class TenantsBundle(BaseDagBundle):
    """DAGs of every tenant of a folder, with each mistake as an import error of its own.

    In ``[dag_processor] dag_bundle_config_list``::

        [{"name": "datamove", "classpath": "airflow_datamove.generator.bundle.TenantsBundle",
          "kwargs": {"path": "/opt/airflow/datamove", "refresh_interval": 5}}]

    :param path: the folder that holds ``platform.yaml`` and ``tenants/``; by default ``[datamove] folder``.
    """

    supports_versioning = False

    def __init__(self, *, path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._source = Path(path) if path else configured_folder()

    @property
    def path(self) -> Path:
        """Where the generated DAG files are."""
        return self.base_dir / "dags"

    def initialize(self) -> None:
        """Called before the bundle is used, on workers before each task: a new tenant's file must be there for its
        first task, and what it costs must not grow with the pipelines.
        """
        ready_stubs(self._source, self.path, self.lock)
        super().initialize()

    def refresh(self) -> None:
        """Called by the DAG processor every few seconds: brings the files up to date with the YAML. It costs a look at
        each file's time, and the reading of the tenants in which something has changed.
        """
        with self.lock():
            write_stubs(self._source, self.path)

    def get_current_version(self) -> None:
        """A folder has no versions."""
        return None
