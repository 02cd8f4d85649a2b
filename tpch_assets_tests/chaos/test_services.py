"""The real services: runs are killed, files land, the machine reboots, and nobody does anything about it."""

from pathlib import Path

import dagster as dg
import pytest

from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.town import UNFINISHED, Served, kill_a_run, town, wait_for

LAUNCH = """
mutation launch($wanted: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $wanted) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query status($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""
ENDED = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED")


@pytest.mark.chaos
def test_services_catch_up_by_themselves(tmp_path: Path, seed: int) -> None:
    with town(tmp_path, seed) as market, market.place.instance() as instance:
        served = Served(market)
        try:
            market.next_day()
            served.start()
            killed = [kill_a_run(instance)]
            wait_for("the web server", served.answers)
            sales = sorted({batch for batch, _ in market.life.delivered["sales"].files})
            wanted = {"assetSelection": [{"path": ["bronze", "sales"]}], "partitionNames": sales, "fromFailure": False}
            launched = served.ask(LAUNCH, wanted=wanted)["launchPartitionBackfill"]
            assert "backfillId" in launched, launched
            market.correct(feed.BATCHES[0])
            killed.append(kill_a_run(instance))
            served.reboot()

            market.next_day()
            served.start()
            wait_for("the web server", served.answers)

            def at_rest() -> bool:
                if instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1) or market.wrong():
                    return False
                found = served.ask(STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
                return found.get("status") in ENDED

            try:
                wait_for("everything to be made", at_rest, 400)
            finally:
                print(market.wrong(), served.log.read_text()[-4000:])  # noqa: T201 (pytest shows it when it fails)
            for run_id in killed:
                run = instance.get_run_by_id(run_id)
                assert run and run.status == dg.DagsterRunStatus.FAILURE, "by the next tick, or by Dagster before it"
            storage = instance.event_log_storage
            for pool in storage.get_concurrency_keys():
                info = storage.get_concurrency_info(pool)
                assert (info.active_slot_count, info.pending_step_count) == (0, 0), pool
            assert served.stop() == []
        finally:
            served.reboot()
