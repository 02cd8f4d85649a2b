"""The asset graph, one module per layer: each a factory over the tables or the queries."""
