"""The business of this project, TPC-H: tables, generator, queries, Python answers, a model; not how they are processed.

Another business is a package like this one, with a `BUSINESS` of its own, named by the setting `TPCH_BUSINESS`.
"""

from pathlib import Path

from tpch_assets.schema import Business
from tpch_assets.tpch.baskets import customer_baskets
from tpch_assets.tpch.generator import Generator
from tpch_assets.tpch.late_delivery import LATE_DELIVERY
from tpch_assets.tpch.tables import TABLES

BUSINESS = Business(
    TABLES,
    queries=Path(__file__).parent / "queries",
    source=Generator(),
    answers=(customer_baskets,),
    models=(LATE_DELIVERY,),
    dashboard="dashboards.tpch",
)
