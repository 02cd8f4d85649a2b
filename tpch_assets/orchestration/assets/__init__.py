"""The asset graph. Each module is a factory for the assets of one layer."""

import warnings

import dagster as dg

# Dagster's documentation recommends backfill policies for range runs, but each use raises a beta warning.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
