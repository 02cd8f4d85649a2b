"""Fails a run before it computes anything if the day's budget is spent.

`compute.budget` provides the figures and the reason. `ticks` makes schedules and sensors skip.
"""

import dagster as dg

from tpch_assets.compute import budget
from tpch_assets.settings import current_settings

_begun: set[str] = set()  # Runs that started within the budget. They continue if it is spent meanwhile.


def check_run(context: dg.OutputContext) -> None:
    """Fail if the day's budget is spent. Warn in the run's log if most of it is.

    Raises:
        dg.Failure: The budget is spent. The message says how much, and until when runs wait.
    """
    if context.run_id in _begun:
        return
    settings = current_settings()
    if reason := budget.reason_to_wait(settings):
        raise dg.Failure(f"Nothing was computed. {reason}", allow_retries=False)
    found = budget.spending(settings)
    if found and found.state == "alert":
        context.log.warning(f"{found}; at 100 % runs wait")
    _begun.add(context.run_id)
