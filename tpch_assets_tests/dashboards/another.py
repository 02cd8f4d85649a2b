"""A business that no module of the dashboard names: sensors, their readings, and questions about them."""

from pathlib import Path

import pyarrow as pa
import pytest

from dashboards.store import business
from tpch_assets.lake.lake import Lake
from tpch_assets.schema import Business, Column, Table
from tpch_assets.schema.models import Model
from tpch_assets_tests.conftest import use
from tpch_assets_tests.dashboards.lakes import gold, put

ROOM = Column("room", "VARCHAR", "Where it hangs.")
TABLES = (
    Table("sensor", "Thermometers.", (ROOM, Column("height", "DOUBLE", "Above the floor.")), key=("room",)),
    Table(
        "reading",
        "What thermometers show.",
        (ROOM, Column("at", "TIMESTAMPTZ", "When."), Column("celsius", "DOUBLE", "How warm.")),
        key=("room", "at"),
        arrives="every batch",
        colocated_by="room",
    ),
)
WARM = """-- Warm rooms
-- How warm is each room?
-- chart: bars room celsius
-- unit celsius: °C
-- title celsius: Warmth
-- total: none
-- partial
SELECT room, max(celsius) AS celsius FROM reading GROUP BY room
-- combine
SELECT room, max(celsius) AS celsius FROM partials GROUP BY room
"""
WARMEST = """-- The warmest
-- Which reading was the warmest?
-- unit celsius: °C
-- partial
SELECT max(celsius) AS celsius, max_by(room, celsius) AS room, count(*) AS readings FROM reading
-- combine
SELECT max(celsius) AS celsius, max_by(room, celsius) AS room, CAST(sum(readings) AS BIGINT) AS readings FROM partials
"""
HIGH = """-- High ones
-- Which sensors hang high?
-- combine
SELECT room FROM sensor WHERE height > 2
"""
QUERIES = {"warm_rooms": WARM, "warmest": WARMEST, "high": HIGH}
DAYS = {"2024-01-01": 20.0, "2024-01-02": 21.5}


def use_business(
    place: pytest.MonkeyPatch,
    folder: Path,
    queries: dict[str, str],
    dashboard: str | None = None,
    models: tuple[Model, ...] = (),
) -> None:
    """Let the dashboard show this business, with some queries, instead of the one in the settings."""
    folder.mkdir()
    for name, text in queries.items():
        (folder / f"{name}.sql").write_text(text)
    other = Business(TABLES, folder, dashboard=dashboard, models=models)
    use(place, business="another.rooms")
    place.setattr(business, "current_business", lambda: other)


def fill(lake: Lake) -> None:
    """Two days of two of its answers; nothing of sensors has arrived."""
    put(lake, "bronze", "reading", "2024-01-01T0000", pa.table({"celsius": [20.5, 21.0]}))
    for day, celsius in DAYS.items():
        gold(lake, "warm_rooms", day, {"room": pa.array(["attic", "cellar"]), "celsius": pa.array([celsius, 12.0])})
        row = {"celsius": pa.array([celsius]), "room": pa.array(["attic"]), "readings": pa.array([2], pa.int64())}
        gold(lake, "warmest", day, row)
