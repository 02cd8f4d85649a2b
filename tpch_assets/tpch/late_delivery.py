"""Late delivery: at order time, will a line be received after its commit date?

What becomes of a line after it was ordered is barred from the features, since a prediction cannot know it:

- `l_receiptdate` is what is predicted: a line is late if it comes after `l_commitdate`;
- `l_shipdate` and `l_shiptime` come after the order, and a receipt follows within 30 days of shipping;
- `l_returnflag` is set at the receipt;
- `l_linestatus` and `o_orderstatus` tell whether lines have been shipped;
- keys, clerks, names and comments name single things, and teach a model nothing that lasts.

TPC-H tells a line's whole life when it is ordered, so the label is there on the same day. Where labels come later, they
are NULL until then, and such rows are neither trained nor judged on.
"""

from pathlib import Path

from tpch_assets.schema.models import Derived, Model, Rule

LATE_DELIVERY = Model(
    name="late_delivery_model",
    features=Path(__file__).parent / "models" / "late_delivery.sql",
    key=("l_orderkey", "l_linenumber"),
    label="late",
    barred={
        "l_receiptdate": "it is what is predicted",
        "l_shipdate": "a line is shipped after it was ordered",
        "l_shiptime": "a line is shipped after it was ordered",
        "l_returnflag": "it is set when the line is received",
        "l_linestatus": "it tells whether the line has been shipped",
        "o_orderstatus": "it tells whether all lines have been shipped",
    },
    derived=(
        Derived("promised_days", "days between", ("l_commitdate", "o_orderdate"), "Days from order to commit date."),
        Derived("order_weekday", "weekday", ("o_orderdate",), "Weekday of the order, 0 on Mondays."),
    ),
    rule=Rule("promised_days", below=60),
    # Most columns of TPC-H say nothing about a line's way: only splits that gain much are worth it.
    parameters={"gamma": 10, "min_child_weight": 100},
)
