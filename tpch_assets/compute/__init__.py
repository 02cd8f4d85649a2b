"""Where work is computed: threads, processes, any Dask scheduler, or Coiled, behind one call. No Dagster."""
