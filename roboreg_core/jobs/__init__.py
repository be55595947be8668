"""The engine that runs functions in worker processes, here or on a dask cluster. Knows no word of the domain."""
