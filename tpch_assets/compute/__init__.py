"""Where work is computed: threads, processes, any Dask scheduler, or Coiled, behind one call.

Modules here start clusters, follow calls on them and know their cost. They know no Dagster, no layer and no lake.
"""
