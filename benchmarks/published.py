"""Figures that TPC publishes for TPC-H: tables' rows and, per query, how many rows it returns and what the first says.

Values of a first row are rounded to two decimals, as published. Source: TPC-H specification and its answer set at scale
factor 1; at scale factor 10 its row counts and the answer of Q6.
"""

from dataclasses import dataclass

Row = dict[str, int | float | str]


@dataclass(frozen=True)
class Answer:
    """What is published of one answer.

    Attributes:
        first: The answer's first rows, in order; not all of their columns.
        tolerance: How far a number may be from the published one.
    """

    rows: int
    first: tuple[Row, ...]
    tolerance: float = 0.0


ROWS = {
    1: {"orders": 1_500_000, "lineitem": 6_001_215, "customer": 150_000, "partsupp": 800_000},
    10: {"orders": 15_000_000, "lineitem": 59_986_052, "customer": 1_500_000, "partsupp": 8_000_000},
}


def _pricing(flag: str, status: str, quantity: int, base: float, discounted: float, charge: float, count: int) -> Row:
    """A row of Q1."""
    group: Row = {"l_returnflag": flag, "l_linestatus": status, "sum_qty": quantity, "count_order": count}
    return {**group, "sum_base_price": base, "sum_disc_price": discounted, "sum_charge": charge}


ANSWERS: dict[int, dict[str, Answer]] = {
    1: {
        "q01": Answer(
            4,
            (
                _pricing("A", "F", 37734107, 56586554400.73, 53758257134.87, 55909065222.83, 1478493),
                _pricing("N", "F", 991417, 1487504710.38, 1413082168.05, 1469649223.19, 38854),
                _pricing("N", "O", 74476040, 111701729697.74, 106118230307.61, 110367043872.50, 2920374),
                _pricing("R", "F", 37719753, 56568041380.90, 53741292684.60, 55889619119.83, 1478870),
            ),
        ),
        "q02": Answer(100, ({"s_acctbal": 9938.53, "s_name": "Supplier#000005359", "p_partkey": 185358},)),
        "q03": Answer(10, ({"l_orderkey": 2456423, "revenue": 406181.01},)),
        "q04": Answer(5, ({"o_orderpriority": "1-URGENT", "order_count": 10594},)),
        "q05": Answer(5, ({"n_name": "INDONESIA", "revenue": 55502041.17},)),
        "q06": Answer(1, ({"revenue": 123141078.23},)),
        "q07": Answer(4, ({"supp_nation": "FRANCE", "l_year": 1995, "revenue": 54639732.73},)),
        "q08": Answer(2, ({"o_year": 1995, "mkt_share": 0.03}, {"o_year": 1996, "mkt_share": 0.04})),
        "q09": Answer(175, ({"nation": "ALGERIA", "o_year": 1998, "sum_profit": 27136900.18},)),
        "q10": Answer(20, ({"c_custkey": 57040, "revenue": 734235.25, "c_acctbal": 632.87},)),
        "q11": Answer(1048, ({"ps_partkey": 129760, "value": 17538456.86},)),
        "q12": Answer(2, ({"l_shipmode": "MAIL", "high_line_count": 6202, "low_line_count": 9324},)),
        "q13": Answer(42, ({"c_count": 0, "custdist": 50005},)),
        "q14": Answer(1, ({"promo_revenue": 16.38},)),
        "q15": Answer(1, ({"s_suppkey": 8449, "total_revenue": 1772627.21},)),
        "q16": Answer(18314, ({"p_brand": "Brand#41", "p_size": 3, "supplier_cnt": 28},)),
        # The published figure rounds the average of each part's quantities; TPC-H allows a difference of 100 in a sum.
        "q17": Answer(1, ({"avg_yearly": 348406.02},), tolerance=0.05),
        "q18": Answer(57, ({"c_custkey": 128120, "o_orderkey": 4722021, "o_totalprice": 544089.09},)),
        "q19": Answer(1, ({"revenue": 3083843.06},)),
        "q20": Answer(186, ({"s_name": "Supplier#000000020"},)),
        "q21": Answer(100, ({"s_name": "Supplier#000002829", "numwait": 20},)),
        "q22": Answer(7, ({"cntrycode": "13", "numcust": 888, "totacctbal": 6737713.99},)),
    },
    10: {"q06": Answer(1, ({"revenue": 1230113636.01},))},
}
