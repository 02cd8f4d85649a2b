"""A shop: baskets with their items and payments, cut by a number of twenty digits, and visits, cut by their day."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

NUMBER = Column("number", "DECIMAL(20,0)", "The basket.")
KEYWORDS = ("order", "group", "user", "select", "table", "end", "key", "age", "at", "userId", "ONE")
"""Names that SQL or the engine might use for something else."""

TABLES = (
    Table(
        "baskets",
        "What customers put together.",
        (
            NUMBER,
            Column("opened", "TIMESTAMPTZ", "When it was begun."),
            *(Column(name, "VARCHAR", "A name that SQL knows.", nullable=True) for name in KEYWORDS),
            *(Column(f"flag_{index}", "TINYINT", "One of many flags.") for index in range(40)),
        ),
        key=("number",),
        arrives="every batch",
        colocated_by="number",
        group="checkout",
    ),
    Table(
        "items",
        "What lies in a basket.",
        (
            NUMBER,
            Column("position", "SMALLINT", "Counts the items from 1."),
            Column("price", "DECIMAL(12,2)", "Price of a piece."),
            Column("order", "INTEGER", "Pieces ordered."),
        ),
        key=("number", "position"),
        arrives="every batch",
        colocated_by="number",
        group="checkout",
        parent="baskets",
    ),
    Table(
        "payments",
        "What was paid.",
        (
            Column("payment", "VARCHAR", "Identifies the payment within its basket."),
            Column("basket", "DECIMAL(20,0)", "The basket."),
            Column("amount", "DECIMAL(12,2)", "The amount."),
        ),
        key=("basket", "payment"),
        arrives="every batch",
        colocated_by="basket",
        group="checkout",
        parent="baskets",
    ),
    Table(
        "visits",
        "Who came to look, by day.",
        (
            Column("day", "DATE", "The day."),
            Column("visitor", "UUID", "The visitor."),
            Column("pages", "INTEGER", "Pages seen."),
        ),
        key=("visitor", "day"),
        arrives="every batch",
        colocated_by="day",
    ),
)

BUSINESS = Business(TABLES, queries=Path(__file__).parent / "queries")
