"""Waiting without a worker: a DistCp job, a path that shall come into being."""
