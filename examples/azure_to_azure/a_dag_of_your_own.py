"""Copies a day's drop from one storage account to another, by the service itself."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG

from airflow_datamove.operators.copy import SizeRoutedCopyOperator

with DAG("drop_to_lake", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False):
    SizeRoutedCopyOperator(
        task_id="copy",
        source="abfs://drop@incoming/{{ ds }}/",
        destination="abfs://lake@raw/{{ ds }}/",
        exclude=["*.tmp"],
        create=True,
        publish="together",
        receipt="abfs://lake@raw/receipts/{{ ds }}.parquet",
    )
