"""The asset graph, one module per layer: each a factory over the tables or the queries."""

import warnings

import dagster as dg

# Dagster's backfill policies are what its own documentation says to use for range runs, yet each use warns.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
