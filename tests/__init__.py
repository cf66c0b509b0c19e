"""The tests mirror the package; `servers` starts what they run against, `system` drives a real Airflow."""
