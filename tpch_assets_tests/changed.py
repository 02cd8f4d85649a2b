"""What a changed copy of the package does, told as JSON: run by `test_one_line.py` in a process of its own.

`python -m tpch_assets_tests.changed <function> <folder>` with the copy first in PYTHONPATH.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph

TRAINS: dict[str, object] = {"business": "tpch_assets_tests.businesses.trains", "generate": False}


def cadence(folder: Path) -> dict[str, Any]:
    """Schedules, partitions and descriptions."""
    with graph(Place(folder)) as loaded:
        keys, raw = _partitions(loaded, "raw"), loaded.defs.resolve_assets_def(dg.AssetKey(["raw", "orders"]))
        return {
            "cron": loaded.defs.resolve_schedule_def("raw_schedule").cron_schedule,
            "seconds": loaded.defs.resolve_sensor_def("freshness_sensor").minimum_interval_seconds,
            "schedule": loaded.defs.resolve_schedule_def("raw_schedule").description,
            "asset": raw.descriptions_by_key[raw.key],
            "keys": keys[:3],
            "counts": {layer: len(_partitions(loaded, layer)) for layer in ("raw", "bronze", "silver", "gold")},
        }


def _partitions(loaded: Graph, layer: str) -> list[str]:
    """The first day's partitions."""
    name = "q01_pricing_summary" if layer == "gold" else "orders"
    definition = loaded.defs.resolve_assets_def(dg.AssetKey([layer, name])).partitions_def
    assert definition is not None
    return list(definition.get_partition_keys(current_time=days.START + timedelta(days=1)))


def stream(folder: Path) -> dict[str, Any]:
    """Rows of a day of TPC-H, and whether a batch made alone is the one made with its day."""
    from tpch_assets.compute.database import cursor
    from tpch_assets.layers import BATCH, BATCHES_PER_DAY
    from tpch_assets.tpch import BUSINESS

    source = BUSINESS.source
    assert source is not None

    def rows(name: str, number: int, *, many: bool) -> str:
        return source.rows(BUSINESS.table(name), number, days.START + number * BATCH, 0.001, many=many)

    found: dict[str, Any] = {}
    with cursor() as con:
        for name, key in (("orders", "o_orderkey"), ("lineitem", "l_orderkey, l_linenumber")):
            con.execute(f"CREATE TEMP TABLE {name} AS {rows(name, 0, many=True)}")
            for number in range(1, BATCHES_PER_DAY):
                con.execute(f"INSERT INTO {name} {rows(name, number, many=True)}")
            found[name] = con.execute(f"SELECT count(*), count(DISTINCT ({key})) FROM {name}").fetchone()
        found["lines alone"] = con.execute(
            "SELECT count(*) FROM lineitem ANTI JOIN orders ON l_orderkey = o_orderkey"
        ).fetchone()
        found["same"] = all(
            con.execute(rows(name, 7, many=True)).fetchall() == con.execute(rows(name, 7, many=False)).fetchall()
            for name in ("orders", "lineitem")
        )
        found["suppliers"] = sum(
            len(con.execute(rows("supplier", number, many=True)).fetchall()) for number in range(1, BATCHES_PER_DAY)
        )
    return found


def keep(folder: Path) -> dict[str, Any]:
    """Which of several rows with one key stays, in a fact and in a dimension, over two merges."""
    place = Place(folder)
    _deliver(place, 3, "m.json", "m")
    _deliver(place, 3, "n.json", "n")
    with graph(place, **TRAINS) as loaded:
        loaded.settle()
        found: dict[str, Any] = {"before": _kept(place)}
        _deliver(place, 3, "a.json", "a")
        _deliver(place, 4, "z.json", "z")
        loaded.settle()
        found["after"] = _kept(place)
        for name in ("departures", "calendar"):
            assets = loaded.defs.resolve_assets_def(dg.AssetKey(["silver", name]))
            found[name] = assets.descriptions_by_key[dg.AssetKey(["silver", name])]
    return found


def codecs(folder: Path) -> dict[str, Any]:
    """The compression of each layer's files."""
    place = Place(folder)
    for window in range(4):
        _deliver(place, 24 * window, "a.json", "a")
    with graph(place, **TRAINS) as loaded:
        loaded.settle()
    found: dict[str, set[str]] = {}
    for layer in ("bronze", "silver", "gold", "partials"):
        for path in Path(place.lake.uri, layer).rglob("*.parquet"):
            groups = pq.read_metadata(path)
            if "_delta_log" not in path.parts and groups.num_rows:
                found.setdefault(layer, set()).add(groups.row_group(0).column(0).compression)
    return {layer: sorted(names) for layer, names in found.items()}


def _deliver(place: Place, batch: int, name: str, word: str) -> None:
    """A departure and a day of the calendar that carry a word, twice in their files: first in capitals."""
    departure = {"planned": "2026-01-01T00:00:00", "station": "A", "left": "2026-01-01T00:00:01", "electric": True}
    place.deliver("departures", days.key(batch), name, [{**departure, "line": text} for text in (word.upper(), word)])
    kinds = [{"day": "2026-01-01", "kind": text} for text in (word.upper(), word)]
    place.deliver("calendar", days.key(batch), name, kinds)
    place.deliver("lines", days.key(batch), name, [{"electric": True, "line": word, "stops": []}])


def _kept(place: Place) -> list[str]:
    (departure,) = days.rows_of(place.lake, "silver", "departures").to_pylist()
    (day,) = days.rows_of(place.lake, "silver", "calendar").to_pylist()
    return [departure["line"], day["kind"]]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))  # noqa: T201
