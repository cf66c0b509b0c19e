"""The tests mirror the package; `servers` starts what they run against, `system` drives a real Airflow."""

import os
from pathlib import Path

# Airflow makes a home as soon as it is imported; a person's own must not be touched.
os.environ["AIRFLOW_HOME"] = str(Path(__file__).resolve().parents[1] / ".stack" / "test" / "unit-airflow")
