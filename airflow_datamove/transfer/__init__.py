"""The data plane: listing -> path_rule -> route -> plan -> copy (throttle, verify) -> mirror; progress.

One request's way is the order of these modules. ``copy.copy`` does all of it for the worker's route.
"""
