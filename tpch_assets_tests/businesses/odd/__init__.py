"""Tables whose names are words of SQL or of Dagster, and a dimension of which no line is ever good."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

NUMBER = Column("number", "BIGINT", "The order.")

TABLES = (
    Table(
        "order",
        "Orders.",
        (
            NUMBER,
            Column("order", "INTEGER", "The order before."),
            Column("type", "INTEGER", "The type."),
            Column("user", "VARCHAR", "The user."),
        ),
        key=("number",),
        arrives="every batch",
        colocated_by="number",
    ),
    Table(
        "output",
        "What orders led to.",
        (NUMBER, Column("at", "TIMESTAMP", "When."), Column("value", "DOUBLE[]", "How much.")),
        key=("number", "at"),
        arrives="every batch",
        colocated_by="number",
        group="order",
        parent="order",
    ),
    Table(
        "type", "Types.", (Column("type", "INTEGER", "The type."), Column("in", "VARCHAR", "Its name.")), key=("type",)
    ),
    Table("user", "Users.", (Column("user", "VARCHAR", "The user."), Column("is", "DATE", "Since.")), key=("user",)),
)

BUSINESS = Business(TABLES, queries=Path(__file__).parent / "queries")
