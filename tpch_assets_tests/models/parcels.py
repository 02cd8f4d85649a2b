"""Parcels: a small business with one model, and days of silver made by hand, as true or as planted as a test wants.

A parcel is under way for 1 to 40 days, by chance alone; what was promised is 5 to 30 days. So few promised days tell
that it comes late, and nothing else does.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tpch_assets.calendar import parse, window_key
from tpch_assets.compute.database import arrow_schema
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import DAY, WINDOW
from tpch_assets.models.declared import BoundModel, broken_models, load_models
from tpch_assets.models.plan import Outcome, train_day
from tpch_assets.schema import Business, Column, Table
from tpch_assets.schema.models import Derived, Limits, Model, Rule
from tpch_assets.silver.inputs import inputs_digest
from tpch_assets.silver.shard_name import ShardName

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 150  # Per window.
CARRIERS = ("AIR", "RAIL", "ROAD", "SEA")
Columns = dict[str, Any]
Change = Callable[[Columns, np.random.Generator], None]

PARCEL = Table(
    "parcel",
    "What was sent.",
    (
        Column("p_id", "BIGINT", "Identifies the parcel."),
        Column("p_carrier", "BIGINT", "Who carries it."),
        Column("p_weight", "DECIMAL(9,3)", "Kilograms."),
        Column("p_price", "DOUBLE", "Euros.", nullable=True),
        Column("p_note", "VARCHAR", "Where to leave it.", nullable=True),
        Column("p_ordered", "DATE", "When it was ordered."),
        Column("p_promised", "DATE", "When it was promised for."),
        Column("p_received", "DATE", "When it came.", nullable=True),
    ),
    key=("p_id",),
    arrives="every batch",
    colocated_by="p_id",
)
CARRIER = Table(
    "carrier",
    "Who carries.",
    (Column("c_id", "BIGINT", "Identifies the carrier."), Column("c_name", "VARCHAR", "Name.")),
    key=("c_id",),
)
MODEL = Model(
    name="late_parcels",
    features=Path(__file__).parent / "late_parcels.sql",
    key=("p_id",),
    label="late",
    barred={"p_received": "it is what is predicted"},
    derived=(
        Derived("promised_days", "days between", ("p_promised", "p_ordered"), "Days promised."),
        Derived("weekday", "weekday", ("p_ordered",), "Weekday of the order."),
    ),
    rule=Rule("promised_days", below=18),
    rounds=20,
)
SMALL = Limits(least_rows=100)
"""Limits that a window of rows can keep."""


def business(model: Model = MODEL) -> Business:
    """Parcels with this model."""
    return Business((CARRIER, PARCEL), queries=Path(__file__).parent / "no_queries", models=(model,))


def bound(model: Model = MODEL) -> tuple[BoundModel, Business]:
    """The model, bound to parcels."""
    made = business(model)
    assert not broken_models(made), broken_models(made)
    return load_models(made)[model.name], made


def changed(**fields: Any) -> Model:
    """The model, otherwise declared."""
    return replace(MODEL, **fields)


def with_features(folder: Path, edit: Callable[[str], str], **fields: Any) -> Model:
    """The model with an edited features file."""
    path = folder / "late_parcels.sql"
    path.write_text(edit(MODEL.features.read_text()))
    return changed(features=path, **fields)


def day(number: int) -> str:
    """The key of a day, from 0."""
    return str((START + number * DAY).date())


def windows(number: int) -> list[str]:
    """The keys of a day's windows."""
    return [window_key(START + number * DAY + i * WINDOW) for i in range(DAY // WINDOW)]


def carriers(lake: Lake, names: tuple[str, ...] = CARRIERS) -> None:
    """Make the dimension."""
    _store(lake, "carrier", "all", "{content}.parquet", {"c_id": list(range(len(names))), "c_name": list(names)})


def deliver(lake: Lake, number: int, change: Change | None = None, of: list[str] | None = None) -> None:
    """Make a day of silver, or some of its windows, changed as a test wants."""
    for window in windows(number) if of is None else of:
        rows = parcels(window)
        if change is not None:
            change(rows, np.random.default_rng(1))
        _store(lake, "parcel", window, str(ShardName(inputs_digest(()), 0, 1)), rows)


def hash_of(window: str) -> int:
    """A number for a window."""
    return (parse(window) - START) // WINDOW + 1


def parcels(window: str, count: int = ROWS) -> Columns:
    """The parcels of a window, by column."""
    random = np.random.default_rng(hash_of(window))
    first, today = hash_of(window) * 1_000_000, parse(window).date()
    promised, way = random.integers(5, 31, count), random.integers(1, 41, count)
    return {
        "p_id": [first + i for i in range(count)],
        "p_carrier": random.integers(0, len(CARRIERS), count).tolist(),
        "p_weight": [round(float(x), 3) for x in random.lognormal(1, 1, count)],
        "p_price": [None if i % 10 == 0 else float(x) for i, x in enumerate(random.normal(20, 5, count))],
        "p_note": [(None, "door", "shed")[x] for x in random.integers(0, 3, count)],
        "p_ordered": [today] * count,
        "p_promised": [today + timedelta(days=int(x)) for x in promised],
        "p_received": [today + timedelta(days=int(x)) for x in way],
    }


def _store(lake: Lake, table: str, partition: str, name: str, rows: Columns) -> None:
    found = {one.name: one for one in (PARCEL, CARRIER)}[table]
    schema = arrow_schema(found.stored_columns)
    arrays = [_array(rows[field.name], field.type) for field in schema]
    made = pa.Table.from_arrays(arrays, schema=schema)
    uri = lake.table("silver", table)
    commit(lake, uri, [write_file(lake, uri, partition, name, partial(pq.write_table, made))], {partition})


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    return (
        pa.array(values, pa.float64()).cast(type_, safe=False)
        if pa.types.is_decimal(type_)
        else pa.array(values, type_)
    )


def lake_of(lake: Lake, days: int) -> Lake:
    """A lake with some true days."""
    carriers(lake)
    for number in range(days):
        deliver(lake, number)
    return lake


def run(lake: Lake, number: int, model: Model = MODEL, machine_rows: int = 10**9, **more: Any) -> Outcome:
    """Train the version of a day."""
    one, made = bound(model)
    return train_day(one, made, lake, day(number), machine_rows=machine_rows, **more)


BUSINESS = business()
"""What TPCH_BUSINESS=tpch_assets_tests.models.parcels loads."""
