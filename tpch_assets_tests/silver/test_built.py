"""What is asked at every tick costs what has changed, whatever the history."""

import hashlib

import pytest

from tpch_assets.calendar import day_key, end_of_day, window_key
from tpch_assets.gold.history import FormerDigests, shards_digest, shards_digests
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots
from tpch_assets.layers import DAY, WINDOW
from tpch_assets.silver import built
from tpch_assets.silver.built import not_built
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.shards import content_of
from tpch_assets_tests.conftest import START, Bronze
from tpch_assets_tests.silver.test_shards import FIRST, SECOND, THIRD, Flow, batch_in
from tpch_assets_tests.tpch_tables import FACTS, GROUP

__all__ = ["Bronze"]


def test_only_windows_that_changed_are_looked_at(bronze: Bronze, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = Flow(bronze)
    for window in (FIRST, SECOND, THIRD):
        flow.orders(batch_in(window), int(window[8:10]) * 100 + int(window[11:13]))
    flow.build_stale()
    looked: list[str] = []
    real = built._is_built

    def noted(group: Group, tables: Tables, window: str, batches: Iterable[str]) -> bool:
        looked.append(window)
        return real(group, tables, window, batches)

    monkeypatch.setattr(built, "_is_built", noted)
    assert not_built(flow.lake, GROUP) == []
    assert looked == []
    flow.orders(batch_in(SECOND, 1), 77)
    assert not_built(flow.lake, GROUP) == not_built(flow.lake, GROUP) == [SECOND]
    assert looked == [SECOND]
    flow.build([SECOND])
    assert not_built(flow.lake, GROUP) == []
    assert looked == [SECOND, SECOND]


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
