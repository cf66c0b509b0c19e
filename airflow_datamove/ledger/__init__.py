"""The ledger: requests that wait, run and have run, in an SQL database of their own. It knows nothing of Airflow."""
