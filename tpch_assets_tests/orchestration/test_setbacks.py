"""A batch that cannot be read is found, set aside and tried again; every other batch gets through."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets.orchestration.instance import BORN_TAG, OWNER_TAG, owner
from tpch_assets.orchestration.setbacks import FIRST, LONGEST, Failure, attempts
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.orchestration.messages import Messages

COUNT, POISONED = 16, 5
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _region(number: int) -> dict[str, object]:
    return {"r_regionkey": number, "r_name": "EUROPE", "r_comment": ""}


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """Sixteen batches; reading a file of one of them fails, whoever tries."""
    days.without_retries(monkeypatch)
    place = Place(tmp_path)
    for number in range(COUNT):
        place.deliver("region", days.key(number), "a.json", [_region(number)])
    Path(place.lake.uri, "raw/region", days.key(POISONED), "b.json").symlink_to("/proc/self/mem")
    with graph(place, generate=False) as found:
        yield found


def _batches(loaded: Graph) -> set[str]:
    return set(days.rows_of(loaded.lake, "bronze", "region")["_batch"].to_pylist())


def _round(loaded: Graph) -> list[tuple[str, str]]:
    """One tick of the sensor and its runs; gives the ranges it asked for."""
    requests = loaded.sensor("bronze_sensor").run_requests
    loaded.run(requests, raise_on_error=False)
    return sorted(days.stretch(request) for request in requests)


def test_a_poisoned_batch_is_found_and_set_aside_and_all_others_get_through(loaded: Graph) -> None:
    assert _round(loaded) == [(days.key(0), days.key(15))]
    assert _round(loaded) == [(days.key(first), days.key(first + 3)) for first in (0, 4, 8, 12)]
    assert _round(loaded) == [(days.key(number), days.key(number)) for number in (4, 5, 6, 7)]
    good = set(days.keys(0, COUNT)) - {days.key(POISONED)}
    assert _batches(loaded) == good

    messages = Messages()
    tick = loaded.sensor("bronze_sensor", log=messages)
    (text,) = messages.texts
    assert text in tick.skip_message
    assert text.startswith(f"raw/region/{days.key(POISONED)} is set aside: bronze failed on it alone 1 times")
    assert "Input/output error" in text and "tried again at" in text

    loaded.place.deliver("region", days.key(20), "a.json", [_region(20)])
    assert _round(loaded) == [(days.key(20), days.key(20))], "a later batch does not wait"

    bad = Path(loaded.lake.uri, "raw/region", days.key(POISONED), "b.json")
    bad.unlink()
    loaded.place.deliver("region", days.key(POISONED), "b.json", [_region(99)])
    assert _round(loaded) == [(days.key(POISONED), days.key(POISONED))], "a file that was delivered again is not judged"
    assert _batches(loaded) == {*days.keys(0, COUNT), days.key(20)}
    assert str(loaded.sensor("bronze_sensor").skip_message).startswith("Bronze contains every raw file. ")


def _failed(batch: str, *minutes_ago: float) -> list[Failure]:
    return [Failure("run", NOW - timedelta(minutes=ago), batch, batch, frozenset({"region"})) for ago in minutes_ago]


@pytest.mark.parametrize("times", [1, 2, 3, 4, 5, 30])
def test_a_batch_that_fails_alone_is_tried_at_growing_intervals(times: int) -> None:
    batch = "2026-01-01T0015"
    failures = _failed(batch, *(100 * n for n in range(times)))
    wait = min(FIRST * 2 ** (times - 1), LONGEST)
    for now, waits in ((NOW + wait - timedelta(seconds=1), True), (NOW + wait, False)):
        found = attempts({"region": [batch], "nation": [batch]}, failures, now, lambda *_: NOW - timedelta(days=2))
        assert [aside.batch for aside in found.aside] == [batch] * waits
        assert found.by_size.get(1, {}) == ({} if waits else {"region": [batch]})
        assert found.by_size[96] == {"nation": [batch]}, "another table's batch is not judged"


def test_failures_of_former_content_do_not_count() -> None:
    batch = "2026-01-01T0015"
    found = attempts({"region": [batch]}, _failed(batch, 1, 2), NOW, lambda *_: NOW - timedelta(seconds=30))
    assert found.by_size == {96: {"region": [batch]}} and not found.aside


def test_a_batch_whose_run_was_killed_is_asked_for_at_once_and_waits_only_if_that_happens_again() -> None:
    batch = "2026-01-01T0015"
    for minutes_ago, waits in (((1,), False), ((1, 3), True)):
        found = attempts(
            {"region": [batch]},
            _failed(batch, *minutes_ago),
            NOW,
            lambda *_: NOW - timedelta(days=2),
            lambda run_id: run_id == "run",
        )
        assert [aside.batch for aside in found.aside] == [batch] * waits
        assert found.by_size == ({} if waits else {1: {"region": [batch]}})


def test_after_a_reboot_the_batch_at_work_is_asked_for_at_the_next_tick(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.deliver("region", days.key(0), "a.json", [_region(0)])
    with graph(place, generate=False) as loaded:
        first = loaded.sensor("bronze_sensor")
        (request,) = first.run_requests
        job = loaded.defs.resolve_job_def("bronze_job")
        tags = {**request.tags, OWNER_TAG: owner(), BORN_TAG: "another-boot 1"}
        loaded.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
        # The batch is of ten days ago, where a scan looks every ten minutes if nothing has failed.
        second = loaded.sensor("bronze_sensor", first.cursor)
        assert [days.stretch(one) for one in second.run_requests] == [(days.key(0), days.key(0))]
        loaded.run(second.run_requests)
        assert _batches(loaded) == {days.key(0)}
        assert loaded.sensor("bronze_sensor", second.cursor).run_requests == []
