"""The market's answers, told from the delivered lines alone. It imports nothing of the engine."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tpch_assets_tests.chaos.checker import Delivered, Row, Rules, decimal, integer, text


def _time(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


CUSTOMERS = Rules({"customer": integer(32), "segment": text}, ("customer",))
SALES = Rules({"sale": integer(64), "customer": integer(32), "total": decimal(9, 2)}, ("sale",))
ITEMS = Rules(
    {"sale": integer(64), "position": integer(32), "price": decimal(9, 2), "note": text, "due": _time},
    ("sale", "position"),
    frozenset({"note"}),
)
WEIGHED = Rules({**ITEMS.columns, "weight": integer(32)}, ITEMS.key, ITEMS.nullable | {"weight"})
"""The items once they have a column more."""
RULES = {"customers": CUSTOMERS, "sales": SALES, "items": ITEMS}


def answers(delivered: Mapping[str, Delivered], day: str) -> dict[str, list[Row]]:
    """What the queries answer as of a day: of all sales that had come by its end, as they are now."""
    end = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%dT%H%M}"
    known = {row["sale"] for name in ("sales", "items") for row in delivered[name].rows(end)}
    customers, sales, items = (delivered[name].latest().values() for name in RULES)
    sold = [row for row in sales if row["sale"] in known]
    there = [row for row in items if row["sale"] in known]
    return {
        "revenue": _revenue(customers, sold, there),
        "totals": [{"sales": len(sold), "total": sum((Decimal(row["total"]) for row in sold), Decimal(0))}],
        "open_items": _open(there, datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)),
    }


def _revenue(customers: Any, sales: list[Row], items: list[Row]) -> list[Row]:
    segments = {row["customer"]: row["segment"] for row in customers}
    buyers = {row["sale"]: row["customer"] for row in sales}
    found: dict[str, list[Decimal]] = {}
    for row in items:
        if (segment := segments.get(buyers.get(row["sale"]))) is not None:
            found.setdefault(segment, []).append(Decimal(row["price"]))
    return [{"segment": name, "items": len(found[name]), "revenue": sum(found[name])} for name in sorted(found)]


def in_all(revenue: list[Row]) -> list[Row]:
    """Revenue whatever the segment."""
    return [{name: sum(row[name] for row in revenue) for name in ("items", "revenue")}]


def _open(items: list[Row], end: datetime) -> list[Row]:
    late = [row for row in items if datetime.fromisoformat(row["due"]) >= end]
    names = ("sale", "position", "price")
    return sorted(({name: row[name] for name in names} for row in late), key=lambda row: (row["sale"], row["position"]))
