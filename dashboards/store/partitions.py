"""What the partitions of a table hold: rows, bytes and files of each, compaction, and rejected lines.

Whether a table is late does not belong here, but in `health`.
"""

from collections.abc import Iterable
from datetime import datetime

import pandas as pd

from dashboards.store import business
from dashboards.store.store import Store
from tpch_assets.calendar import batches_of, parse

Size = tuple[datetime, int | None, int, int]
"""Begin, rows (None if unknown), bytes and files of a partition."""

REJECT_COLUMNS = ["_batch", "_file", "_line", "_reason", "_text"]


def per_partition(store: Store, layer: str, name: str) -> pd.DataFrame:
    """The size of each partition: columns time (its begin), rows, size, files."""
    if layer == "raw":
        raw = store.raw.get(name)
        return _frame((parse(key), None, size, files) for key, (files, size) in (raw.sizes if raw else {}).items())
    table = store.table(layer, name)
    parts = table.by_partition() if table else {}
    return _frame(
        (parse(key), sum(file.rows for file in files), sum(file.size for file in files), len(files))
        for key, files in parts.items()
        if key != "latest"
    )


def compaction(store: Store, name: str) -> tuple[int, int] | None:
    """Files of a table before and after compaction: those in bronze, and the silver files made of them."""
    bronze, silver = store.table("bronze", name), store.table("silver", name)
    if bronze is None or silver is None or not silver.files:
        return None
    if name not in business.facts():
        return len(bronze.files), len(silver.files)
    batches = {batch for window in silver.by_partition() for batch in batches_of(window)}
    return len(bronze.of(batches)), len(silver.files)


def rejected_lines(store: Store, name: str, limit: int = 500) -> tuple[pd.DataFrame, int]:
    """The newest rejected lines of a table, at most `limit`, and the number of all."""
    found = store.table("bronze", f"{name}_rejects")
    if found is None or not found.rows:
        return pd.DataFrame(columns=REJECT_COLUMNS), 0
    chosen, rows = [], 0
    for file in sorted(found.files, key=lambda file: file.path, reverse=True):
        chosen.append(file)
        rows += file.rows
        if rows >= limit:
            break
    lines = store.rows(found, chosen).select(REJECT_COLUMNS).slice(0, limit)
    return lines.to_pandas().astype({name: object for name in REJECT_COLUMNS if name != "_line"}), found.rows


def _frame(found: Iterable[Size]) -> pd.DataFrame:
    rows = pd.DataFrame(sorted(found), columns=["time", "rows", "size", "files"])
    rows["time"] = pd.to_datetime(rows["time"], utc=True).dt.tz_localize(None)
    return rows
