"""Trains: departures by the time on the timetable, and dimensions with a date, a time or a boolean for a key."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

TABLES = (
    Table(
        "departures",
        "Trains that leave a station.",
        (
            Column("planned", "DATETIME", "Departure on the timetable, on the station's clock."),
            Column("station", "VARCHAR", "The station."),
            Column("left", "TIMESTAMP", "When the train left; ahead of the clock, when it is expected to."),
            Column("line", "STRING", "The line."),
            Column("electric", "BOOL", "Driven by electricity."),
            Column("passengers", "SMALLINT", "Passengers counted.", nullable=True),
        ),
        key=("planned", "station"),
        arrives="every batch",
        colocated_by="planned",
    ),
    Table(
        "signals",
        "What signals said, all over the network.",
        (
            Column("at", "TIMESTAMPTZ", "When."),
            Column("signal", "BIGINT", "Identifies the signal."),
            Column("green", "BOOLEAN", "Free to go."),
        ),
        key=("at", "signal"),
        arrives="every batch",
        colocated_by="at",
    ),
    Table(
        "calendar",
        "Kinds of days.",
        (Column("day", "DATE", "The day."), Column("kind", "VARCHAR", "Such as school or holiday.")),
        key=("day",),
        arrives="every batch",
    ),
    Table(
        "lines",
        "Lines, on rails with or without a wire.",
        (
            Column("electric", "BOOLEAN", "There is a wire."),
            Column("line", "VARCHAR", "The line."),
            Column("stops", "STRUCT(name VARCHAR, km DECIMAL(6,1))[]", "Where it stops."),
        ),
        key=("electric", "line"),
    ),
)

BUSINESS = Business(TABLES, queries=Path(__file__).parent / "queries")
