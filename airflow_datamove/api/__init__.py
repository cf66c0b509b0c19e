"""``/datamove`` in Airflow's API server: requests are put in, looked at and changed."""
