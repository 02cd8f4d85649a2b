"""Answers stay when silver has lost the windows that they were made of."""

from dataclasses import replace

import pytest

from tpch_assets.gold.history import shards_digest
from tpch_assets.gold.loss import check_history, lost_history
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake, Refused
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.tpch_tables import FACTS

LAKE = Lake("/lake")
QUERY = load_queries(BUSINESS)["q06_forecasting_revenue_change"]
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


def silver(*windows: str) -> Snapshots:
    files = tuple(DataFile(f"{window}/{ShardName('ab', 0, 1, '', 'c')}", 1, 1) for window in windows)
    return {name: Snapshot(LAKE, f"/lake/silver/{name}", 1, files) for name in FACTS}


def gold(made_of: Snapshots, *days: str) -> Snapshot:
    (group,) = QUERY.groups
    names = {day: f"code.{shards_digest(group, made_of, day)}.d-c.parquet" for day in days}
    return Snapshot(LAKE, "/lake/gold/q", 1, tuple(DataFile(f"{day}/{name}", 1, 1) for day, name in names.items()))


WHOLE = silver(*(f"{day}T1800" for day in DAYS))


def test_nothing_is_lost_of_a_whole_history() -> None:
    assert lost_history(QUERY, WHOLE, gold(WHOLE, *DAYS)) is None
    assert lost_history(QUERY, WHOLE, gold(WHOLE)) is None
    assert lost_history(QUERY, silver(), gold(WHOLE)) is None


@pytest.mark.parametrize("left", [silver(), silver(f"{DAYS[2]}T0000", f"{DAYS[2]}T1800")], ids=["nothing", "a day"])
def test_a_shorter_history_is_told_with_what_to_do(left: Snapshots) -> None:
    reason = lost_history(QUERY, left, gold(WHOLE, *DAYS))
    assert reason is not None
    assert "was answered from 2026-01-01 on" in reason and "rebuild silver/orders --accept-loss" in reason
    with pytest.raises(Refused, match="put the older windows back"):
        check_history(QUERY, left, gold(WHOLE, *DAYS))


def test_answers_of_days_before_any_data_are_no_loss() -> None:
    late = silver(f"{DAYS[2]}T1800")
    assert lost_history(QUERY, late, gold(late, *DAYS)) is None


def test_a_query_of_dimensions_has_no_history() -> None:
    assert lost_history(replace(QUERY, groups=()), silver(), gold(WHOLE, *DAYS)) is None
