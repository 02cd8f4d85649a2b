"""The costs panel of the pipeline page, as HTML.

Reading costs does not belong here, but in `store.costs`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from dashboards.pages.markup import cards, escape, sentence, table
from dashboards.pages.text import span
from dashboards.store.costs import Cost, Costs, costs_by_day
from dashboards.store.health import LAYERS
from dashboards.store.store import Store
from tpch_assets.compute.budget import ALERT
from tpch_assets.settings import current_settings


def panel(store: Store, today: date | None = None) -> str:
    """Today against the budget, the last week, and a line for each of the newest days."""
    days = costs_by_day(store)
    if days is None:
        return "<h2>Costs</h2>" + sentence("No costs are recorded yet. The costs_schedule records them every hour.")
    return "<h2>Costs</h2>" + _figures(days, today or datetime.now(UTC).date()) + _days(days)


def _figures(days: Costs, today: date) -> str:
    spent = _dollars(days.get(today, {}).values())
    budget = current_settings().budget_dollars_per_day
    share = float(spent) / budget if budget else 0.0
    words = "spent: runs wait until midnight (UTC)" if share >= 1 else "of the budget"
    note = f"{share:.0%} {words}, ${budget:,.2f} a day" if budget else "no budget is set"
    if ALERT <= share < 1:
        note += "; at 100 % runs wait"
    week = [cost for day, costs in days.items() if today - timedelta(days=7) < day <= today for cost in costs.values()]
    runs, ran = sum(cost["runs"] for cost in week), timedelta(seconds=sum(cost["run_seconds"] for cost in week))
    return cards(
        [
            ("Today so far", f"${spent:,.2f}", note),
            ("Last 7 days", f"${_dollars(week):,.2f}", f"{runs:,} runs, {span(ran)}"),
        ]
    )


def _days(days: Costs) -> str:
    lines = []
    for day, costs in sorted(days.items(), reverse=True):
        ran = timedelta(seconds=sum(cost["run_seconds"] for cost in costs.values()))
        cells = [f"${costs[layer]['dollars']:,.2f}" if layer in costs else "—" for layer in LAYERS]
        lines.append([escape(day.isoformat()), *cells, f"${_dollars(costs.values()):,.2f}", escape(span(ran))])
    headings = ["Day", *(layer.capitalize() for layer in LAYERS), "Total", "Run time"]
    return table(headings, lines, "Dollars by layer and day (UTC)")


def _dollars(costs: Iterable[Cost]) -> Decimal:
    return sum((cost["dollars"] for cost in costs), Decimal(0))
