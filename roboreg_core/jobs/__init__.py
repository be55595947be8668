"""Job engine: runs task functions in worker processes, local or on a dask cluster; independent of pruning."""
