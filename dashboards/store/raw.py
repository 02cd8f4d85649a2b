"""Follows the raw files of each table.

Raw folders have no version, so this lists them; it never opens a file.
"""

from collections.abc import Sequence

from dashboards.store.state import Raw
from tpch_assets.calendar import is_batch
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCHES_PER_DAY
from tpch_assets.raw import files as raw_files

BATCHES_KEPT = 3 * BATCHES_PER_DAY  # As many days as the timeline shows.
FULL_LISTING_EVERY = 180  # Listings: once an hour. A late folder may be anywhere.


class RawFiles:
    """The raw files of each table, as last listed."""

    def __init__(self, lake: Lake, tables: Sequence[str]) -> None:
        self._lake, self._tables = lake, tables
        self._listings = 0
        self._known: dict[str, Raw] = {}

    def refresh(self) -> dict[str, Raw]:
        """List all folders now and then, otherwise only the newest known ones and those behind them."""
        found = {name: raw for name in self._tables if (raw := self._list(name, self._known.get(name)))}
        self._known = found
        self._listings += 1
        return found

    def _list(self, name: str, known: Raw | None) -> Raw | None:
        if known and self._listings % FULL_LISTING_EVERY:
            since = sorted(known.sizes)[-2:][0]
            older = known.batches - sum(batch >= since for batch in known.sizes)
            sizes = {batch: size for batch, size in known.sizes.items() if batch < since}
        else:
            batches = [batch for batch in raw_files.batches(self._lake, name) if is_batch(batch)]
            since, older, sizes = (batches or [""])[-BATCHES_KEPT:][0], max(len(batches) - BATCHES_KEPT, 0), {}
        found = {
            batch: (len(files), sum(file.size for file in files))
            for batch, files in raw_files.deliveries(self._lake, name, since)
            if is_batch(batch)
        }
        if known and not found:  # Somebody replaced the lake.
            return self._list(name, None)
        newest = sorted((sizes | found).items())[-BATCHES_KEPT:]
        return Raw(older + len(found), newest[-1][0], dict(newest)) if newest else None
