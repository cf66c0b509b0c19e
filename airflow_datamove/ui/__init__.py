"""What Airflow's UI shows of ours."""
