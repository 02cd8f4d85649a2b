"""Files of a Delta table as what an asset's argument is annotated with. No Dagster."""

from typing import Any, get_origin

import pyarrow as pa

from tpch_assets.delta import DataFile, Snapshot, read
from tpch_assets.pieces import task


def load(source: Snapshot, files: list[DataFile], wanted: Any) -> Any:
    """Files of a table as `pa.Table`, `pd.DataFrame`, `dd.DataFrame` or a list of delayed Arrow tables."""
    if wanted is pa.Table:
        return read(source, files)
    if get_origin(wanted) is list or wanted is list:
        return [task(read, source, [file]) for file in files]
    name = f"{getattr(wanted, '__module__', '')}.{getattr(wanted, '__name__', wanted)}"
    if name.startswith("pandas.") and name.endswith(".DataFrame"):
        return _pandas(source, files)
    if name.startswith("dask.") and name.endswith(".DataFrame"):
        import dask.dataframe as dd

        meta = _pandas(source, []).head(0)
        return dd.from_map(lambda group: _pandas(source, group), [[file] for file in files] or [[]], meta=meta)
    raise TypeError(f"cannot load {source.uri} as {wanted}; annotate pa.Table, pd.DataFrame, dd.DataFrame or Snapshot")


def _pandas(source: Snapshot, files: list[DataFile]) -> Any:
    import pandas as pd

    return read(source, files).to_pandas(types_mapper=pd.ArrowDtype)
