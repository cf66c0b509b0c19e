"""DistCp from end to end: :class:`DistCpJob` for who waits elsewhere, :func:`run_to_end` for who waits here."""

from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.prepare import Prepared
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.distcp.run import run_to_end

__all__ = ["DistCpJob", "DistCpRequest", "JobProgress", "JobRef", "Prepared", "run_to_end"]
