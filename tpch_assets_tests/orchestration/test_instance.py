"""Runs whose process is gone or frozen are ended, so that they block nothing; all others go on."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tpch_assets.orchestration import instance as ours
from tpch_assets.orchestration.instance import BORN_TAG, LEAST, OWNER_TAG, UNKNOWN, claim, end_lost, owner, reap
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph

NOTHING = dg.GraphDefinition(name="nothing").to_job()
SECOND = timedelta(seconds=1)


def _started(instance: dg.DagsterInstance, tags: dict[str, str] | None = None, job: Any = NOTHING) -> dg.DagsterRun:
    return instance.create_run_for_job(job, tags=tags or {}, status=dg.DagsterRunStatus.STARTED)


def _status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    found = instance.get_run_by_id(run.run_id)
    return found.status.value if found else "none"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing, as one that is frozen."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        yield child
        child.kill()


def _tags(process: subprocess.Popen[bytes]) -> dict[str, str]:
    host = owner().rpartition(":")[0]
    return {OWNER_TAG: f"{host}:{process.pid}", BORN_TAG: ours._born(process.pid)}


def test_a_run_of_a_process_that_is_gone_is_failed(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes]
) -> None:
    run = _started(instance, _tags(process))
    mine = _started(instance)
    claim(instance, mine.run_id)
    assert end_lost(instance, datetime.now(UTC)) == []
    process.kill()
    process.wait()
    (said,) = end_lost(instance, datetime.now(UTC))
    assert run.run_id in said and "The process that executed this run is gone" in said
    assert (_status(instance, run), _status(instance, mine)) == ("FAILURE", "STARTED")


@pytest.mark.parametrize("born", ["00000000-another-boot 1234", ""], ids=["after a reboot", "in another container"])
def test_a_process_that_has_the_number_of_a_former_one_is_not_taken_for_it(
    instance: dg.DagsterInstance, born: str
) -> None:
    boot = ours._born(1).split()[0]
    run = _started(instance, {OWNER_TAG: owner(), BORN_TAG: born or f"{boot} 1"})
    assert reap(instance) == 1
    assert _status(instance, run) == "FAILURE"


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_end(instance: dg.DagsterInstance) -> None:
    run = _started(instance)

    def ends_meanwhile(found: dg.DagsterRun) -> bool:
        instance.report_run_canceled(found)
        return True

    assert ours._fail(instance, ends_meanwhile, "gone") == []
    assert _status(instance, run) == "CANCELED"


def test_a_silent_run_is_killed_and_failed(instance: dg.DagsterInstance, process: subprocess.Popen[bytes]) -> None:
    run, begun = _started(instance, _tags(process)), datetime.now(UTC)
    assert end_lost(instance, begun + UNKNOWN - 10 * SECOND) == []
    (said,) = end_lost(instance, begun + UNKNOWN + SECOND)
    assert "has said nothing for more than 60 minutes" in said
    assert process.wait(timeout=30) == -9
    assert _status(instance, run) == "FAILURE"


def test_a_silent_run_is_ended_after_three_times_the_usual_time(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert NOTHING.execute_in_process(instance=instance).success
    run, begun = _started(instance), datetime.now(UTC)
    assert end_lost(instance, begun + LEAST - 10 * SECOND) == []
    (record,) = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    assert record.start_time and record.end_time
    usual = timedelta(seconds=record.end_time - record.start_time)
    monkeypatch.setattr(ours, "LEAST", timedelta(0))
    assert ours.patience(instance, "nothing") == 3 * usual
    assert ours.patience(instance, "another") == UNKNOWN
    monkeypatch.undo()
    assert len(end_lost(instance, begun + LEAST + SECOND)) == 1
    assert _status(instance, run) == "FAILURE"


def test_a_run_that_says_something_goes_on(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "LEAST", SECOND / 2)
    monkeypatch.setattr(ours, "UNKNOWN", SECOND / 2)
    run = _started(instance)
    time.sleep(0.6)
    instance.report_engine_event("12 of 40 shards done", run)
    (entry,) = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    news = datetime.fromtimestamp(entry.timestamp, UTC)
    assert end_lost(instance, news + SECOND / 4) == []
    assert len(end_lost(instance, news + SECOND)) == 1


def test_reports_that_repeat_themselves_are_no_news(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "LEAST", SECOND / 2)
    monkeypatch.setattr(ours, "UNKNOWN", SECOND / 2)
    texts = ("0 of 2 pieces done", "1 of 2 pieces done, 7 rows/s", *["1 of 2 pieces done, 5 rows/s"] * 3)
    ended: list[list[str]] = []

    @dg.op
    def works(context: dg.OpExecutionContext) -> None:
        for text in texts:
            context.log.info(text)
            time.sleep(0.2)
        entries = context.instance.get_records_for_run(context.run_id, ascending=False).records
        times = {e.event_log_entry.user_message: e.timestamp for e in entries}
        first_said = datetime.fromtimestamp(times["1 of 2 pieces done, 7 rows/s"], UTC)
        for seconds in (0.4, 0.6):
            ended.append(end_lost(context.instance, first_said + seconds * SECOND))

    dg.GraphDefinition(name="working", node_defs=[works]).to_job().execute_in_process(
        instance=instance, raise_on_error=False
    )
    assert [len(said) for said in ended] == [0, 1]


def test_a_run_left_by_a_reboot_holds_up_no_tick(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.deliver("region", days.key(0), "a.json", [{"r_regionkey": 1, "r_name": "EUROPE", "r_comment": ""}])
    with graph(place, generate=False) as loaded:
        job = loaded.defs.resolve_job_def("bronze_job")
        left = _started(loaded.instance, {OWNER_TAG: owner(), BORN_TAG: "another-boot 1"}, job)
        requests = loaded.sensor("bronze_sensor").run_requests
        assert days.asset_names(requests) == {"bronze/region"}
        assert _status(loaded.instance, left) == "FAILURE"
        (result,) = loaded.run(requests)
        tags = loaded.instance.get_run_by_id(result.run_id).tags  # type: ignore[union-attr]
        assert (tags[OWNER_TAG], tags[BORN_TAG]) == (owner(), ours._born(int(owner().rpartition(":")[2])))
