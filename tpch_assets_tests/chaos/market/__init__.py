"""A market for the simulator: a dimension and two facts, small enough for thousands of days."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

CUSTOMERS = Table(
    "customers",
    "Who buys.",
    (
        Column("customer", "INTEGER", "The customer."),
        Column("segment", "VARCHAR", "What the customer belongs to."),
    ),
    ("customer",),
)
SALES = Table(
    "sales",
    "What was ordered.",
    (
        Column("sale", "BIGINT", "The sale."),
        Column("customer", "INTEGER", "Who bought."),
        Column("total", "DECIMAL(9,2)", "What was to be paid."),
    ),
    ("sale",),
    "every batch",
    colocated_by="sale",
    group="sales",
)
ITEMS = Table(
    "items",
    "What was sold.",
    (
        Column("sale", "BIGINT", "The sale."),
        Column("position", "INTEGER", "Counts the items from 0."),
        Column("price", "DECIMAL(9,2)", "What it costs."),
        Column("note", "VARCHAR", "A remark.", nullable=True),
        Column("due", "TIMESTAMPTZ", "When it is to be delivered."),
    ),
    ("sale", "position"),
    "every batch",
    colocated_by="sale",
    group="sales",
)
BUSINESS = Business((CUSTOMERS, SALES, ITEMS), queries=Path(__file__).parent / "queries")
