"""Copying by Hadoop DistCp: one request becomes one job whose layout, cap and outcome are known beforehand.

A request's way: :mod:`options` (is it sound?) -> :mod:`prepare` (compares the two ends, refuses what cannot be) ->
:mod:`listing` (what DistCp is to copy) with :mod:`plan` (the command, pure), or :mod:`plain` (a command without our
list) -> :mod:`submit` (the client) -> :mod:`yarn` (the running job) -> :mod:`history` (its counters) -> :mod:`outcome`
or :mod:`failures`. :mod:`job` ties them.
"""
