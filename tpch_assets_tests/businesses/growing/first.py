"""As it began."""

from tpch_assets_tests.businesses.growing import business

BUSINESS = business(grown=False)
