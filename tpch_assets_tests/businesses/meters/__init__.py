"""Electricity meters: one fact and nothing else."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

READINGS = Table(
    "readings",
    "What meters show.",
    (
        Column("meter", "VARCHAR(60)", "Identifies the meter, by a long name of its own."),
        Column("at", "TIMESTAMPTZ", "When it was read."),
        Column("value", "NUMERIC(20,4)", "Kilowatt hours."),
        Column("by", "TEXT", "Who read it.", nullable=True),
    ),
    key=("meter", "at"),
    arrives="every batch",
    colocated_by="meter",
)

BUSINESS = Business((READINGS,), queries=Path(__file__).parent / "queries")
