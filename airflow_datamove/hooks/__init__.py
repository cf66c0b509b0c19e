"""Airflow's connections, as the engine wants them."""
