"""Tables whose names are words of SQL or of Dagster, one of which no line is ever good, and some that never come."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

NUMBER = Column("number", "BIGINT", "The order.")

PLACE = Column("place", "STRUCT(x FLOAT, names VARCHAR[])[]", "Where.", nullable=True)

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
        (NUMBER, Column("at", "TIMESTAMP", "When."), Column("value", "DOUBLE[]", "How much."), PLACE),
        key=("number", "at"),
        arrives="every batch",
        colocated_by="number",
        group="order",
        parent="order",
    ),
    Table(
        "type", "Types.", (Column("type", "INTEGER", "The type."), Column("in", "VARCHAR", "Its name.")), key=("type",)
    ),
    Table(
        "refund",
        "What went back; never yet.",
        (NUMBER, PLACE),
        key=("number",),
        arrives="every batch",
        colocated_by="number",
        group="order",
        parent="order",
    ),
    Table("strike", "Never.", (NUMBER,), key=("number",), arrives="every batch", colocated_by="number"),
    Table("holiday", "Never.", (NUMBER,), key=("number",)),
    Table("user", "Users.", (Column("user", "VARCHAR", "The user."), Column("is", "DATE", "Since.")), key=("user",)),
)

BUSINESS = Business(TABLES, queries=Path(__file__).parent / "queries")
