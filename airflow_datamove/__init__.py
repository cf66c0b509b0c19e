"""airflow_datamove: multi-tenant bulk data movement for Apache Airflow.

The engine (``stores``, ``transfer``, ``distcp``, ``spec``, ``cli``) runs without Airflow; the rest turns it into
operators, sensors, triggers and generated DAGs. ARCHITECTURE.md draws the layers.
"""

__version__ = "0.1.0"
