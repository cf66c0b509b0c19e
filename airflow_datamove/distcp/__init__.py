"""Copying by Hadoop DistCp: one request becomes one job whose layout, cap and outcome are known beforehand.

A request's way: :mod:`options` (is it sound?) -> :mod:`uri` -> :mod:`plan` (the command, pure) -> :mod:`client` (one
job of a tag, whoever asks) -> :mod:`launcher` (here, :mod:`submit`, or on an edge node, :mod:`ssh`; tied to its task by
:mod:`tether`) -> :mod:`yarn` (the running job; :mod:`lookout` asks after all of them at once) -> :mod:`history` (its
counters) -> :mod:`failures`. :mod:`job` ties them.
"""
