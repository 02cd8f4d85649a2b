"""Which chart suits which query's result: what is drawn, chosen by hand for each, and by its columns for new ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from dashboards.text import label

Kind = Literal["bars", "columns", "lines", "heatmap", "number"]
TOP = 20
SERIES = 6


@dataclass(frozen=True)
class View:
    """A chart of a result.

    `x` names categories (several are joined), `y` the figure, `by` the series of lines and groups. `y` None counts
    rows. `total` says how a day's result becomes one figure, to be followed over the days.
    """

    kind: Kind
    title: str
    x: tuple[str, ...] = ()
    y: str | None = None
    by: str | None = None
    more: tuple[str, ...] = ()
    top: int | None = None
    unit: str = ""
    total: Literal["sum", "mean", "rows"] = "sum"


VIEWS: dict[str, View] = {
    "q01_pricing_summary": View(
        "columns", "Discounted price by return flag and line status", ("l_returnflag", "l_linestatus"), "sum_disc_price"
    ),
    "q02_minimum_cost_supplier": View("bars", "Offers by nation", ("n_name",), None, total="rows"),
    "q03_shipping_priority": View("bars", "Revenue of the ten orders", ("l_orderkey",), "revenue"),
    "q04_order_priority_checking": View(
        "columns", "Orders with a late line, by priority", ("o_orderpriority",), "order_count"
    ),
    "q05_local_supplier_volume": View("bars", "Revenue by nation", ("n_name",), "revenue"),
    "q06_forecasting_revenue_change": View("number", "Revenue forgone", (), "revenue"),
    "q07_volume_shipping": View("columns", "Revenue by year and direction", ("l_year",), "revenue", by="supp_nation"),
    "q08_national_market_share": View(
        "columns", "Market share by year", ("o_year",), "mkt_share", unit="share", total="mean"
    ),
    "q09_product_type_profit": View("heatmap", "Profit by nation and year", ("o_year",), "sum_profit", by="nation"),
    "q10_returned_item_reporting": View("bars", "Revenue lost by customer", ("c_name",), "revenue", top=TOP),
    "q11_important_stock": View("bars", "Stock value of the 20 most valuable parts", ("ps_partkey",), "value", top=TOP),
    "q12_shipping_modes": View(
        "columns",
        "Late lines by shipping mode: of urgent orders, and of others",
        ("l_shipmode",),
        "high_line_count",
        more=("low_line_count",),
    ),
    "q13_customer_distribution": View("columns", "Customers by number of orders", ("c_count",), "custdist"),
    "q14_promotion_effect": View("number", "Promotions' part of revenue, in percent", (), "promo_revenue", unit="%"),
    "q15_top_supplier": View("number", "Revenue of the top supplier", (), "total_revenue", total="mean"),
    "q16_parts_supplier_relationship": View(
        "columns", "Kinds of parts by number of suppliers", ("supplier_cnt",), None, total="rows"
    ),
    "q17_small_quantity_order_revenue": View("number", "Revenue lost per year", (), "avg_yearly"),
    "q18_large_volume_customer": View(
        "bars", "Total price of the largest orders", ("o_orderkey",), "o_totalprice", top=TOP
    ),
    "q19_discounted_revenue": View("number", "Discounted revenue", (), "revenue"),
    "q20_potential_part_promotion": View("number", "Suppliers found", (), None, total="rows"),
    "q21_suppliers_who_kept_orders_waiting": View(
        "bars", "Orders kept waiting: the 20 suppliers with the most", ("s_name",), "numwait", top=TOP
    ),
    "q22_global_sales_opportunity": View("columns", "Customers by country code", ("cntrycode",), "numcust"),
    "unshipped_orders": View("bars", "Revenue of the listed orders by segment", ("segment",), "revenue"),
    "unshipped_totals": View("bars", "Revenue waiting by segment", ("segment",), "revenue"),
}


def view_of(query: str, columns: pd.DataFrame) -> View:
    """The query's chart; for a query that has none yet, one that suits its columns."""
    view = VIEWS.get(query)
    if view and {*view.x, *view.more, *filter(None, (view.y, view.by))} <= set(columns.columns):
        return view
    figures = [name for name in columns.columns if pd.api.types.is_float_dtype(columns[name])]
    figures += [name for name in columns.columns if pd.api.types.is_integer_dtype(columns[name])]
    names = [name for name in columns.columns if columns[name].dtype == object]
    if not figures or not names or len(columns) == 1:
        return View(
            "number", label(figures[0]) if figures else "Rows", (), figures[0] if figures else None, total="rows"
        )
    return View("bars", f"{label(figures[0])} by {label(names[0])}", (names[0],), figures[0], top=TOP)


def points(view: View, rows: pd.DataFrame) -> pd.DataFrame:
    """What the chart draws: columns `x`, `y` and `by`, of the result's rows."""
    if view.kind == "number":
        return pd.DataFrame({"x": [""], "y": [figure(view, rows)], "by": [""]})
    x = rows[view.x[0]].astype(str)
    for name in view.x[1:]:
        x = x + " " + rows[name].astype(str)
    by = rows[view.by].astype(str) if view.by else ""
    parts = [
        pd.DataFrame({"x": x, "y": 1.0 if name is None else rows[name].astype(float), "by": by}) for name in (view.y,)
    ]
    parts[0]["by"] = by if view.by else label(view.y or "rows")
    parts += [pd.DataFrame({"x": x, "y": rows[name].astype(float), "by": label(name)}) for name in view.more]
    found = pd.concat(parts).groupby(["x", "by"], sort=False, as_index=False).sum()
    if view.kind == "bars":
        found = found.sort_values("y", ascending=False, kind="stable")
    elif not view.x or rows[view.x[0]].dtype != object:
        found = found.assign(key=found["x"].astype(float)).sort_values(["key", "by"], kind="stable").drop(columns="key")
    return found.head(view.top) if view.top else found


def figure(view: View, rows: pd.DataFrame) -> float:
    """One figure for a whole result."""
    if view.y is None or view.total == "rows":
        return float(len(rows))
    values = rows[view.y].astype(float)
    return float(values.mean() if view.total == "mean" else values.sum())


def measure(view: View) -> Callable[[pd.DataFrame], dict[str, Any]]:
    """What is followed over the days: the figure of each series where there are few, else of the whole result."""

    def of(rows: pd.DataFrame) -> dict[str, Any]:
        if view.kind in ("columns", "bars") and view.y and not view.more and view.total == "sum":
            found = points(view, rows)
            names = found["x"] + (" " + found["by"] if view.by else "")
            if len(found) <= SERIES:
                return dict(zip(names, found["y"], strict=True))
        return {measure_name(view): figure(view, rows)}

    return of


def measure_name(view: View) -> str:
    if view.y is None or view.total == "rows":
        return "Rows"
    return {"sum": "Total", "mean": "Mean"}[view.total] if view.kind != "number" else label(view.y)
