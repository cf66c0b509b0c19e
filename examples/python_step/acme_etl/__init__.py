"""Functions that pipelines may call."""
