"""The eight tables of TPC-H: columns, types and keys. Parsers, schemas, checks and pages derive from here.

Queries and the generator belong beside this module, not in it.
"""

from tpch_assets.schema import Column, Table


def _columns(prefix: str, *columns: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(f"{prefix}_{name}", type_, description) for name, type_, description in columns)


MONEY = "DECIMAL(15,2)"
TIME = "TIMESTAMP WITH TIME ZONE"

TABLES: tuple[Table, ...] = (
    Table(
        "region",
        "The five regions of the world.",
        _columns(
            "r",
            ("regionkey", "BIGINT", "Identifies the region."),
            ("name", "VARCHAR", "Region name, in capitals."),
            ("comment", "VARCHAR", "Free text."),
        ),
        key=("r_regionkey",),
    ),
    Table(
        "nation",
        "The nations and the region each lies in.",
        _columns(
            "n",
            ("nationkey", "BIGINT", "Identifies the nation."),
            ("name", "VARCHAR", "Nation name, in capitals."),
            ("regionkey", "BIGINT", "The nation's region."),
            ("comment", "VARCHAR", "Free text."),
        ),
        key=("n_nationkey",),
        references={"region": ("n_regionkey",)},
    ),
    Table(
        "supplier",
        "Who delivers parts; updated a slice at a time by every batch.",
        _columns(
            "s",
            ("suppkey", "BIGINT", "Identifies the supplier."),
            ("name", "VARCHAR", "Supplier name."),
            ("address", "VARCHAR", "Street address."),
            ("nationkey", "BIGINT", "The supplier's nation."),
            ("phone", "VARCHAR", "Phone number, country code first."),
            ("acctbal", MONEY, "Account balance."),
            ("comment", "VARCHAR", "Free text."),
        ),
        key=("s_suppkey",),
        references={"nation": ("s_nationkey",)},
        arrives="every batch",
    ),
    Table(
        "customer",
        "Who orders.",
        _columns(
            "c",
            ("custkey", "BIGINT", "Identifies the customer."),
            ("name", "VARCHAR", "Customer name."),
            ("address", "VARCHAR", "Street address."),
            ("nationkey", "BIGINT", "The customer's nation."),
            ("phone", "VARCHAR", "Phone number, country code first."),
            ("acctbal", MONEY, "Account balance."),
            ("mktsegment", "VARCHAR", "Market segment, such as BUILDING."),
            ("comment", "VARCHAR", "Free text."),
        ),
        key=("c_custkey",),
        references={"nation": ("c_nationkey",)},
    ),
    Table(
        "part",
        "What can be ordered.",
        _columns(
            "p",
            ("partkey", "BIGINT", "Identifies the part."),
            ("name", "VARCHAR", "Part name: five colours."),
            ("mfgr", "VARCHAR", "Manufacturer."),
            ("brand", "VARCHAR", "Brand."),
            ("type", "VARCHAR", "Type, such as PROMO BRUSHED STEEL."),
            ("size", "INTEGER", "Size, 1 to 50."),
            ("container", "VARCHAR", "Container, such as MED BOX."),
            ("retailprice", MONEY, "Retail price."),
            ("comment", "VARCHAR", "Free text."),
        ),
        key=("p_partkey",),
    ),
    Table(
        "partsupp",
        "Which supplier offers which part, at what cost and in what quantity.",
        _columns(
            "ps",
            ("partkey", "BIGINT", "The part."),
            ("suppkey", "BIGINT", "The supplier."),
            ("availqty", "INTEGER", "Quantity available."),
            ("supplycost", MONEY, "Cost per piece."),
            ("comment", "VARCHAR", "Free text."),
        ),
        key=("ps_partkey", "ps_suppkey"),
        references={"part": ("ps_partkey",), "supplier": ("ps_suppkey",)},
    ),
    Table(
        "orders",
        "What customers ordered.",
        _columns(
            "o",
            ("orderkey", "BIGINT", "Identifies the order."),
            ("custkey", "BIGINT", "The customer."),
            ("orderstatus", "VARCHAR", "F (filled), O (open) or P (in part)."),
            ("totalprice", MONEY, "Price of all lines, with tax and discount."),
            ("orderdate", "DATE", "Date of the order, as TPC-H defines it."),
            ("orderpriority", "VARCHAR", "Priority, 1-URGENT to 5-LOW."),
            ("clerk", "VARCHAR", "The clerk."),
            ("shippriority", "INTEGER", "Shipping priority; always 0 in TPC-H."),
            ("comment", "VARCHAR", "Free text."),
            ("ordertime", TIME, "Event time: when the order was placed (UTC)."),
        ),
        key=("o_orderkey",),
        arrives="every batch",
        colocated_by="o_orderkey",
        group="orders",
        references={"customer": ("o_custkey",)},
    ),
    Table(
        "lineitem",
        "The lines of each order.",
        _columns(
            "l",
            ("orderkey", "BIGINT", "The order."),
            ("partkey", "BIGINT", "The part."),
            ("suppkey", "BIGINT", "The supplier."),
            ("linenumber", "INTEGER", "Counts the order's lines from 1."),
            ("quantity", MONEY, "Pieces ordered."),
            ("extendedprice", MONEY, "Price of the line before discount and tax."),
            ("discount", MONEY, "Discount, a fraction of the price."),
            ("tax", MONEY, "Tax, a fraction of the discounted price."),
            ("returnflag", "VARCHAR", "R (returned), A (accepted) or N (neither)."),
            ("linestatus", "VARCHAR", "F (filled) or O (open)."),
            ("shipdate", "DATE", "Date of shipping, as TPC-H defines it."),
            ("commitdate", "DATE", "Date promised."),
            ("receiptdate", "DATE", "Date received."),
            ("shipinstruct", "VARCHAR", "Shipping instructions."),
            ("shipmode", "VARCHAR", "Mode of shipping, such as AIR."),
            ("comment", "VARCHAR", "Free text."),
            ("shiptime", TIME, "Event time: when the line is shipped (UTC)."),
        ),
        key=("l_orderkey", "l_linenumber"),
        arrives="every batch",
        colocated_by="l_orderkey",
        group="orders",
        parent="orders",
        covers_parent=True,
        references={
            "part": ("l_partkey",),
            "supplier": ("l_suppkey",),
            "partsupp": ("l_partkey", "l_suppkey"),
        },
    ),
)
