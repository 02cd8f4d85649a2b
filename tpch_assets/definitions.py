"""The Dagster code location. It only assembles assets, checks, jobs, schedules, sensors and resources."""

import dagster as dg

from tpch_assets.orchestration.assemble import assemble
from tpch_assets.settings import current_business, current_settings

defs: dg.Definitions = assemble(current_settings(), current_business())
