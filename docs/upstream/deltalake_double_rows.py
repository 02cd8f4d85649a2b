"""`optimize.compact()` from a handle that is behind another one's commits too, and every row is there twice."""

import tempfile

import pyarrow as pa
from deltalake import DeltaTable, __version__, write_deltalake

with tempfile.TemporaryDirectory() as path:
    for value in range(10):
        write_deltalake(path, pa.table({"value": [value]}), mode="append")
    first, second = DeltaTable(path), DeltaTable(path)
    first.optimize.compact()
    try:
        second.optimize.compact()  # Rewrites files that the first one's commit has removed.
    except Exception as error:  # noqa: BLE001
        print(f"deltalake {__version__} refuses it: {type(error).__name__}: {error}")  # noqa: T201
    rows = pa.RecordBatchReader.from_stream(DeltaTable(path).get_add_actions()).read_all()["num_records"].to_pylist()
    print(f"deltalake {__version__}: {sum(rows)} rows of 10")  # noqa: T201
