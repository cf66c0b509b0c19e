"""Pre-conditions."""
