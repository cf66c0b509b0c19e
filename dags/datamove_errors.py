"""What is wrong in the tenants' YAML, as an import error of this Airflow DAG file; see ``datamove.py``.

It is a file of its own because an import error hides every DAG of its file.
"""

from airflow_datamove.generator.drop_in import error_dags

globals().update(error_dags())
