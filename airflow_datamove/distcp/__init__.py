"""Copying by Hadoop DistCp: one request becomes one job whose layout, cap and outcome are known beforehand.

A request's way: :mod:`options` (is it sound?) -> :mod:`uri` -> :mod:`plan` (the command, pure) -> :mod:`submit` (the
client) -> :mod:`yarn` (the running job) -> :mod:`history` (its counters) -> :mod:`failures`. :mod:`job` ties them.
"""
