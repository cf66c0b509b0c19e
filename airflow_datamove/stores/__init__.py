"""Storage: one small contract (``contract``), a back-end for each kind of store, found through ``registry``."""
