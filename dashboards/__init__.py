"""The dashboard: three Panel pages over gold and the tables' Delta logs. It reads; it never writes to the lake."""
