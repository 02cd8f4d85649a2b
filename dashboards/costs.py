"""The costs panel of the pipeline page: dollars and run time per day and layer, from operations/costs. No Panel."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from dashboards.data import Store
from dashboards.states import empty
from dashboards.text import cards, escape, span, table
from tpch_assets.compute.budget import ALERT
from tpch_assets.settings import current_settings

KEY = ("operations", "costs")
LAYERS = ("raw", "bronze", "silver", "gold")
DAYS = 14


def panel(store: Store, today: date | None = None) -> str:
    """The panel as HTML: today against the budget, the last week, and a line for each of the last two weeks' days."""
    found = store.table(*KEY)
    if found is None or not found.files:
        return "<h2>Costs</h2>" + empty("No costs are recorded yet: the costs_schedule brings them every hour.")
    keys = sorted(found.by_partition(), reverse=True)[:DAYS]
    days: dict[date, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in store.rows(found, found.of(keys)).to_pylist():
        days[row["day"]][row["layer"]] = row
    return "<h2>Costs</h2>" + _figures(days, today or datetime.now(UTC).date()) + _days(days)


def _figures(days: dict[date, dict[str, dict[str, Any]]], today: date) -> str:
    spent = _dollars(days.get(today, {}).values())
    budget = current_settings().budget_dollars_per_day
    share = float(spent) / budget if budget else 0.0
    words = {True: "spent: runs wait until midnight (UTC)", False: "of the budget"}[share >= 1]
    note = f"{share:.0%} {words}, ${budget:,.2f} a day" if budget else "no budget is set"
    if ALERT <= share < 1:
        note += "; at 100 % runs wait"
    week = [row for day, rows in days.items() if today - timedelta(days=7) < day <= today for row in rows.values()]
    ran = timedelta(seconds=sum(row["run_seconds"] for row in week))
    return cards(
        [
            ("Today so far", f"${spent:,.2f}", note),
            ("Last 7 days", f"${_dollars(week):,.2f}", f"{sum(row['runs'] for row in week):,} runs, {span(ran)}"),
        ]
    )


def _days(days: dict[date, dict[str, dict[str, Any]]]) -> str:
    lines = []
    for day, rows in sorted(days.items(), reverse=True):
        ran = timedelta(seconds=sum(row["run_seconds"] for row in rows.values()))
        cells = [f"${_dollars([rows[layer]]):,.2f}" if layer in rows else "—" for layer in LAYERS]
        lines.append([escape(day.isoformat()), *cells, f"${_dollars(rows.values()):,.2f}", escape(span(ran))])
    headings = ["Day", *(layer.capitalize() for layer in LAYERS), "Total", "Run time"]
    return table(headings, lines, "Dollars by layer and day (UTC)")


def _dollars(rows: Sequence[dict[str, Any]] | Any) -> Decimal:
    return sum((row["dollars"] for row in rows), Decimal(0))
