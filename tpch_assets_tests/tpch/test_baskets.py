"""Customers' baskets, on worker processes and in many partitions: the same as one SELECT over the whole tables."""

from typing import Any

import dagster as dg
import pytest

from tpch_assets.compute import cluster
from tpch_assets.lake import frames
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.gold.plain import assert_same, plain_answer

NAME = "customer_baskets"


def test_the_shuffled_answer_is_that_of_plain_sql(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place: Place = days.whole_day().copy(tmp_path)
    cluster.close()
    monkeypatch.setattr(frames, "PART_BYTES", 20_000)
    with graph(place, compute="processes", workers=2) as loaded:
        assert loaded.run([days.request("gold", [NAME], days.day(0))])[0].success
        (record,) = loaded.instance.fetch_materializations(dg.AssetKey(["gold", NAME]), limit=1).records
        assert record.asset_materialization is not None
        partitions: Any = record.asset_materialization.metadata["partitions"].value
        assert partitions > 6
        assert not loaded.sensor("late_data_sensor").run_requests, "the answer is known to be fresh"
    cluster.close()
    with days.tpch() as con:
        assert_same(days.answer(place.lake, NAME, days.day(0)), plain_answer(con, NAME))
