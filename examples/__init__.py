"""Examples, one idea a folder."""
