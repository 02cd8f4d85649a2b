"""TPC-H's tables by name, as tests use them."""

from tpch_assets.schema import Table
from tpch_assets.tpch import BUSINESS
from tpch_assets.tpch.tables import MONEY as MONEY
from tpch_assets.tpch.tables import TIME as TIME

TABLES: dict[str, Table] = {table.name: table for table in BUSINESS.tables}
TABLE_NAMES = BUSINESS.names
FACTS = tuple(table.name for table in BUSINESS.facts)
DIMENSIONS = tuple(table.name for table in BUSINESS.dimensions)
(GROUP,) = BUSINESS.groups
