"""After a type became one of another kind, too."""

from tpch_assets_tests.businesses.growing import business

BUSINESS = business(grown=True, amount="DECIMAL(9,2)")
