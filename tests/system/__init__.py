"""A real Airflow of four processes with real stores and a real Hadoop, driven by its REST API."""
