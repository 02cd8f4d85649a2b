"""Dagster's side of the budget: when the day's budget is spent, runs do not begin.

What is spent, and the reason to wait, come from `compute.budget`. That ticks skip is up to `ticks`.
"""

import dagster as dg

from tpch_assets.compute import budget
from tpch_assets.settings import current_settings

_begun: set[str] = set()  # Runs that began within the budget; they go on when it is spent meanwhile.


def check_run(context: dg.OutputContext) -> None:
    """Refuse to begin a run when the day's budget is spent; warn in its log when most of it is.

    Raises:
        dg.Failure: Nothing may be computed today; the message says why and until when.
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
