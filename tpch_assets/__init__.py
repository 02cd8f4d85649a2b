"""A data platform built as a graph of assets: from raw JSON to Delta Lake to daily query results."""
