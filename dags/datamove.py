"""Every healthy DAG of every tenant, for an Airflow that has only a DAG folder.

Set ``[datamove] folder`` (or ``AIRFLOW__DATAMOVE__FOLDER``) to the folder that holds ``platform.yaml`` and
``tenants/``, and copy this file and ``datamove_errors.py`` into the DAG folder.
"""

from airflow_datamove.generator.drop_in import healthy_dags

globals().update(healthy_dags(__file__))
