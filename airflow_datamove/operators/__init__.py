"""The tasks: :class:`~airflow_datamove.operators.copy.SizeRoutedCopyOperator` for every copy, and
:class:`~airflow_datamove.operators.distcp.DistCpOperator` for those that are known to be large.
"""
