"""What is asked at every tick costs what has changed, whatever the history."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tpch_assets.calendar import day_key, end_of_day, window_key
from tpch_assets.gold.history import FormerDigests, shards_digest, shards_digests
from tpch_assets.lake import listing
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots
from tpch_assets.layers import DAY, WINDOW
from tpch_assets.schema import Group
from tpch_assets.silver import built
from tpch_assets.silver.built import not_built, remember
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.shards import content_of
from tpch_assets_tests.conftest import START, Bronze
from tpch_assets_tests.silver.test_shards import FIRST, SECOND, THIRD, Flow, batch_in
from tpch_assets_tests.tpch_tables import FACTS, GROUP

__all__ = ["Bronze"]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The windows that were looked at."""
    found: list[str] = []
    real = built._is_built

    def noted(group: Group, tables: built.Tables, window: str, files: list[str]) -> bool:
        found.append(window)
        return real(group, tables, window, files)

    monkeypatch.setattr(built, "_is_built", noted)
    return found


def test_only_windows_that_changed_are_looked_at(bronze: Bronze, looked: list[str]) -> None:
    flow = Flow(bronze)
    for window in (FIRST, SECOND, THIRD):
        flow.orders(batch_in(window), int(window[8:10]) * 100 + int(window[11:13]))
    flow.build_stale()
    looked.clear()
    assert not_built(flow.lake, GROUP) == []
    assert looked == []
    flow.orders(batch_in(SECOND, 1), 77)
    assert not_built(flow.lake, GROUP) == not_built(flow.lake, GROUP) == [SECOND]
    assert looked == [SECOND]
    flow.build([SECOND])
    assert not_built(flow.lake, GROUP) == []
    assert looked == [SECOND, SECOND]


def as_another_process(lake: Lake) -> list[str]:
    """What is not built, told by a process that knows nothing yet."""
    built._known.clear()
    listing._known.clear()
    return not_built(lake, GROUP)


def two_windows(bronze: Bronze) -> Flow:
    """A lake of which a process has noted what it knows: the second window is stale."""
    flow = Flow(bronze)
    for window in (FIRST, SECOND):
        flow.orders(batch_in(window), int(window[8:10]) * 100 + int(window[11:13]))
    flow.build_stale()
    flow.orders(batch_in(SECOND, 1), 77)
    remember(flow.lake, GROUP)
    return flow


def test_another_process_looks_at_what_changed_since_one_noted_what_it_knows(bronze: Bronze, looked: list[str]) -> None:
    flow = two_windows(bronze)
    looked.clear()
    assert as_another_process(flow.lake) == [SECOND]
    assert looked == []
    flow.orders(batch_in(THIRD), 999)
    assert as_another_process(flow.lake) == [SECOND, THIRD]
    assert looked == [THIRD]
    flow.build([SECOND])
    looked.clear()
    listing._known.clear()
    built._known.clear()
    listing.listed(flow.lake, flow.lake.table("bronze", "orders"))  # Somebody else has asked for it before.
    assert not_built(flow.lake, GROUP) == [THIRD]
    assert set(looked) == {SECOND, THIRD}


def _damaged(flow: Flow, note: Path) -> None:
    note.write_bytes(note.read_bytes()[:-9])


def _of_other_code(flow: Flow, note: Path) -> None:
    note.write_text(json.dumps({**json.loads(note.read_text()), "how": "another", "stale": []}))


def _of_a_log_that_was_restored(flow: Flow, note: Path) -> None:
    """The newest commit is lost, and another one takes its number."""
    max(Path(flow.lake.table("bronze", "orders"), "_delta_log").glob("*.json")).unlink()
    flow.orders(batch_in(FIRST, 2), 55)


@pytest.mark.parametrize(
    "harm", [_damaged, _of_other_code, _of_a_log_that_was_restored], ids=lambda harm: harm.__name__
)
def test_a_note_that_does_not_fit_the_lake_is_not_trusted(
    bronze: Bronze, looked: list[str], harm: Callable[[Flow, Path], None]
) -> None:
    flow = two_windows(bronze)
    (note,) = Path(flow.lake.path("silver", built.FOLDER)).iterdir()
    harm(flow, note)
    looked.clear()
    assert as_another_process(flow.lake) == ([FIRST] if harm is _of_a_log_that_was_restored else [SECOND])
    assert set(looked) == {FIRST, SECOND}
    assert flow.lake.table("silver", built.FOLDER) not in flow.lake.tables()


def _silver(days: int, skip: int = -1) -> Snapshots:
    windows = [window_key(START + i * WINDOW) for i in range(4 * days) if i != skip]
    return {
        name: Snapshot(
            Lake("/lake"),
            f"/lake/silver/{name}",
            1,
            tuple(
                DataFile(f"{w}/{ShardName('ab', i, 2, '', f'{name[0]}{w}{i}'.replace('-', ''))}", 1, 1)
                for i in (1, 0)
                for w in windows
            ),
        )
        for name in FACTS
    }


def test_each_day_is_named_by_the_shards_up_to_it() -> None:
    days = [day_key(START + i * DAY) for i in range(9)]
    whole, without, longer = _silver(9), _silver(9, skip=4 * 4), _silver(12)
    found = shards_digests(GROUP, whole, days)
    assert found == {day: shards_digest(GROUP, whole, day) for day in days}
    assert len(set(found.values())) == 9
    assert shards_digests(GROUP, longer, days) == found, "what comes later does not count"
    other = shards_digests(GROUP, without, days)
    assert [day for day in days if other[day] == found[day]] == days[:4]


@pytest.mark.parametrize("days", [0, 3])
def test_names_that_former_versions_gave_are_known(days: int) -> None:
    silver = _silver(days)
    former = FormerDigests(GROUP, silver)
    for day in (day_key(START + i * DAY) for i in range(-1, 5)):
        end = end_of_day(day)
        names = sorted(
            f"{name}/{file.partition}/{content_of(file)}"
            for name in GROUP.names
            for file in silver[name].files
            if file.partition < end
        )
        assert former.of(day) == hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
