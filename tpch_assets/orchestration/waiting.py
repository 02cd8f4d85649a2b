"""Fails a run before it computes anything if the day's budget is spent, or the lake was begun with other settings.

`lake.record` and `compute.budget` provide the reasons. `ticks` makes schedules and sensors skip or fail.
"""

import logging

import dagster as dg

from tpch_assets.compute import budget
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.settings import current_business, current_settings

_begun: set[str] = set()  # Runs that started within the budget. They continue if it is spent meanwhile.


def check_lake(lake: Lake) -> None:
    """Fail if the lake was begun with other settings. The first run of all records what it is begun with.

    Raises:
        dg.Failure: It was. The message names both values, and what to do.
    """
    try:
        record.agree(lake, current_settings(), current_business())
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def check_run(run_id: str, log: logging.Logger) -> None:
    """Fail if the day's budget is spent. Warn in the run's log if most of it is.

    Raises:
        dg.Failure: The budget is spent. The message says how much, and until when runs wait.
    """
    if run_id in _begun:
        return
    settings = current_settings()
    if reason := budget.reason_to_wait(settings):
        raise dg.Failure(f"Nothing was computed. {reason}", allow_retries=False)
    found = budget.spending(settings)
    if found and found.state == "alert":
        log.warning(f"{found}; at 100 % runs wait")
    _begun.add(run_id)
