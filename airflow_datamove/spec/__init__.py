"""The specification: what a platform team and its tenants write, read into checked models.

``platform.yaml`` -> :class:`~airflow_datamove.spec.platform.Platform`, ``tenants/<tenant>/tenant.yaml`` ->
:class:`~airflow_datamove.spec.tenant.Tenant`, ``<name>.pipeline.yaml`` ->
:class:`~airflow_datamove.spec.pipeline.Pipeline`, the conf of a copy run ->
:class:`~airflow_datamove.spec.request.CopyRequest`. ``folder`` reads them all, and never lets one
mistake hide the rest.
"""
