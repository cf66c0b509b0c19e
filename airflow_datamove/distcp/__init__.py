"""Copying by Hadoop DistCp: one request becomes one job whose layout, cap and outcome are known beforehand.

A request's way: :mod:`options` (is it sound?) -> :mod:`uri` -> :mod:`prepare` (compared, refused or planned) ->
:mod:`listing` and :mod:`plan` (our list, the command; :mod:`plain` for a client that cannot be given a list) ->
:mod:`client` (one job of a tag, whoever asks) -> :mod:`launcher` (here, :mod:`submit`, or on an edge node, :mod:`ssh`;
tied to its task by :mod:`tether`) -> :mod:`yarn` (the running job; :mod:`lookout` asks after all of them at once) ->
:mod:`history` (its counters) -> :mod:`outcome` (verified, reported) or :mod:`failures`. :mod:`job` ties them.
"""
