"""A data platform as a graph of assets: raw JSON to Delta Lake to daily query results."""
