"""Customers' baskets, on worker processes and in many partitions: the same as one SELECT over the whole tables."""

from typing import Any

import dagster as dg
import pytest

from tpch_assets.compute import cluster
from tpch_assets.lake import frames
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.gold.plain import assert_same

NAME = "customer_baskets"
PLAIN = """
    WITH numbered AS (
        SELECT c_mktsegment, o_totalprice,
            least(10, row_number() OVER one_customer) AS nth,
            epoch_us(o_ordertime) - lag(epoch_us(o_ordertime)) OVER one_customer AS wait
        FROM orders JOIN customer ON c_custkey = o_custkey
        WINDOW one_customer AS (PARTITION BY o_custkey ORDER BY o_ordertime, o_orderkey)
    )
    SELECT c_mktsegment AS segment, CAST(nth AS BIGINT) AS nth_order, count(*) AS orders,
        CAST(sum(o_totalprice) AS DOUBLE) AS revenue,
        sum(wait) / count(wait) / 86_400_000_000 AS days_since_last
    FROM numbered
    GROUP BY ALL
    ORDER BY ALL"""


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
        assert_same(days.answer(place.lake, NAME, days.day(0)), con.sql(PLAIN).to_arrow_table())
