"""A git repository of tenants as an Airflow DAG bundle: :class:`GitTenantsBundle`."""

from __future__ import annotations

import shutil
from pathlib import Path

from airflow.providers.git.bundles.git import GitDagBundle

from airflow_datamove.generator.stubs import ready_stubs, write_stubs


class GitTenantsBundle(GitDagBundle):
    """DAGs of every tenant of a git repository, which holds ``platform.yaml`` and ``tenants/``, in ``subdir`` if not at
    its top. Airflow's own bundle fetches it; its parameters and connection are those of
    :class:`~airflow.providers.git.bundles.git.GitDagBundle`, and so are its versions: a run goes on with the commit
    that it has begun with, on whatever worker.

    In ``[dag_processor] dag_bundle_config_list``::

        [{"name": "datamove", "classpath": "airflow_datamove.generator.git_bundle.GitTenantsBundle",
          "kwargs": {"git_conn_id": "tenants_git", "tracking_ref": "main", "refresh_interval": 30}}]
    """

    @property
    def path(self) -> Path:
        """Where the generated DAG files are: outside the checkout, where a commit could put Python of its own."""
        return self._stubs_of(self.version or "tracking")

    def initialize(self) -> None:
        """Called before the bundle is used, on workers before each task."""
        self.path.mkdir(parents=True, exist_ok=True)
        super().initialize()
        ready_stubs(super().path, self.path, self.lock)

    def refresh(self) -> None:
        """Fetches what is new, and brings the generated files up to date with it."""
        super().refresh()
        with self.lock():
            write_stubs(super().path, self.path)
            self._forget_old()

    def _stubs_of(self, version: str) -> Path:
        return self.base_dir / "stubs" / version

    def _forget_old(self) -> None:
        """Removes the files of versions whose checkout Airflow has removed."""
        for each in (self.base_dir / "stubs").iterdir():
            if each.name != "tracking" and not (self.versions_dir / each.name).exists():
                shutil.rmtree(each, ignore_errors=True)
