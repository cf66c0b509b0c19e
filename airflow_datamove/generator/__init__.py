"""The pipeline compiler: from the tenants' YAML to Airflow DAGs.

``tenant_dags`` builds the DAGs of one tenant; ``bundle`` and ``stubs`` bring them to Airflow as a DAG bundle,
``drop_in`` for who has only a DAG folder. ``broken`` shows a mistake as an import error, from a file of its own: an
error inside a file would hide every DAG of that file.
"""
