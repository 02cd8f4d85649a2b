"""How the answers of TPC-H look: a chart for each query, and how to label its columns.

Defaults for other queries are in `charts.looks`.
"""

from dashboards.charts.looks import Look
from dashboards.charts.views import TOP, View

VIEWS: dict[str, View] = {
    "q01_pricing_summary": View(
        "columns", "Discounted price by flag and status", ("l_returnflag", "l_linestatus"), "sum_disc_price"
    ),
    "q02_minimum_cost_supplier": View("bars", "Offers by nation", ("n_name",), None, total="rows", rows="Offers"),
    "q03_shipping_priority": View("bars", "Revenue of the ten orders", ("l_orderkey",), "revenue"),
    "q04_order_priority_checking": View(
        "columns", "Orders with a late line, by priority", ("o_orderpriority",), "order_count"
    ),
    "q05_local_supplier_volume": View("bars", "Revenue by nation", ("n_name",), "revenue"),
    "q06_forecasting_revenue_change": View("number", "Revenue forgone", (), "revenue"),
    "q07_volume_shipping": View("columns", "Revenue by year and direction", ("l_year",), "revenue", by="supp_nation"),
    "q08_national_market_share": View("columns", "Market share by year", ("o_year",), "mkt_share", total="mean"),
    "q09_product_type_profit": View("heatmap", "Profit by nation and year", ("o_year",), "sum_profit", by="nation"),
    "q10_returned_item_reporting": View("bars", "Revenue lost by customer", ("c_name",), "revenue", top=TOP),
    "q11_important_stock": View("bars", "Stock value of the 20 most valuable parts", ("ps_partkey",), "value", top=TOP),
    "q12_shipping_modes": View(
        "columns",
        "Late lines by shipping mode and urgency",
        ("l_shipmode",),
        "high_line_count",
        more=("low_line_count",),
    ),
    "q13_customer_distribution": View("columns", "Customers by number of orders", ("c_count",), "custdist"),
    "q14_promotion_effect": View("number", "Promotions' part of revenue", (), "promo_revenue"),
    "q15_top_supplier": View("number", "Revenue of the top supplier", (), "total_revenue", total="mean"),
    "q16_parts_supplier_relationship": View(
        "columns", "Kinds of parts by number of suppliers", ("supplier_cnt",), None, total="rows", rows="Kinds of parts"
    ),
    "q17_small_quantity_order_revenue": View("number", "Revenue lost per year", (), "avg_yearly"),
    "q18_large_volume_customer": View(
        "bars", "Total price of the largest orders", ("o_orderkey",), "o_totalprice", top=TOP
    ),
    "q19_discounted_revenue": View("number", "Discounted revenue", (), "revenue"),
    "q20_potential_part_promotion": View("number", "Suppliers found", (), None, total="rows", rows="Suppliers"),
    "q21_suppliers_who_kept_orders_waiting": View(
        "bars", "Orders kept waiting, by supplier", ("s_name",), "numwait", top=TOP
    ),
    "q22_global_sales_opportunity": View("columns", "Customers by country code", ("cntrycode",), "numcust"),
    "unshipped_orders": View("bars", "Revenue of the listed orders by segment", ("segment",), "revenue"),
    "customer_baskets": View("bars", "Revenue by segment", ("segment",), "revenue"),
    "unshipped_totals": View("bars", "Revenue waiting by segment", ("segment",), "revenue"),
}

TITLES = {
    **dict.fromkeys(("o_orderkey", "l_orderkey"), "Order key"),
    **dict.fromkeys(("c_custkey", "o_custkey"), "Customer key"),
    **dict.fromkeys(("p_partkey", "l_partkey", "ps_partkey"), "Part key"),
    **dict.fromkeys(("s_suppkey", "l_suppkey", "ps_suppkey"), "Supplier key"),
    **dict.fromkeys(("n_nationkey", "c_nationkey", "s_nationkey"), "Nation key"),
    **dict.fromkeys(("r_regionkey", "n_regionkey"), "Region key"),
    "o_orderstatus": "Order status",
    "o_totalprice": "Total price",
    "o_orderdate": "Order date",
    "o_orderpriority": "Order priority",
    "o_shippriority": "Ship priority",
    "o_ordertime": "Order time",
    "l_linenumber": "Line number",
    "l_extendedprice": "Extended price",
    "l_returnflag": "Return flag",
    "l_linestatus": "Line status",
    "l_shipdate": "Ship date",
    "l_commitdate": "Commit date",
    "l_receiptdate": "Receipt date",
    "l_shipinstruct": "Ship instructions",
    "l_shipmode": "Ship mode",
    "l_shiptime": "Ship time",
    "p_mfgr": "Manufacturer",
    "p_retailprice": "Retail price",
    "s_acctbal": "Supplier's balance",
    "c_acctbal": "Customer's balance",
    "c_mktsegment": "Market segment",
    "ps_availqty": "Available quantity",
    "ps_supplycost": "Supply cost",
}
"""Headings of the tables' own columns, whose names run words together."""

LOOK = Look(
    VIEWS,
    titles=TITLES,
    prefixes=("c_", "l_", "n_", "o_", "p_", "ps_", "r_", "s_"),
    identifiers=(*Look.identifiers, "size", "c_count"),
)
