"""Two tenants, one link, one cluster: what `make up` and `make demo` run."""
