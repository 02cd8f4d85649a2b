"""A business whose declaration is edited; each module here is what it is after an edit."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

HERE = Path(__file__).parent
WEIGHT = Column("weight", "INTEGER", "What was carried.", nullable=True)
CITY = Column("city", "VARCHAR", "Where it is.", nullable=True)


def business(*, grown: bool, amount: str = "INTEGER") -> Business:
    """The business before or after columns and a query were added, with a type for the amount."""
    columns = (
        Column("sale", "INTEGER", "The sale."),
        Column("shop", "VARCHAR", "Where."),
        Column("amount", amount, "What was paid."),
        *((WEIGHT,) if grown else ()),
    )
    sales = Table("sales", "Sales.", columns, key=("sale",), arrives="every batch", colocated_by="sale")
    shop = Column("shop", "VARCHAR", "Its name.")
    shops = Table("shops", "Shops.", (shop, CITY) if grown else (shop,), key=("shop",))
    return Business((sales, shops), queries=HERE / ("more_queries" if grown else "queries"))
