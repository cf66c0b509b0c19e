"""The path rule, tried out on anyone's own stores and cluster: random cases, a model of a few lines, and what really
happens.

:mod:`model` says what must come of a case, :mod:`cases` draws them, :mod:`trial` carries one out by each route.
"""
