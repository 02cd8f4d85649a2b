"""After columns and a query were added."""

from tpch_assets_tests.businesses.growing import business

BUSINESS = business(grown=True)
