"""The pipeline page and its panels."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import panel as pn
import pytest

from dashboards.pages import panels
from dashboards.pages.pipeline import Pipeline
from dashboards.store import business
from dashboards.store.runs import read_runs
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import EVIL, fill_pipeline
from tpch_assets_tests.dashboards.pages.opened import open_page

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


def test_the_pipeline_shows_lag_compaction_and_rejects(store: Store) -> None:
    page = open_page(Pipeline, store, "?layer=bronze&table=orders")
    assert "2 lines rejected in the last day" in page.overview.html
    assert re.search("4 → [12]", page.figures.html)
    assert "http://127.0.0.1:3000/assets/bronze/orders" in page.overview.html
    assert list(page.rejects.value["_text"]) == [EVIL, "{"]
    assert "not JSON" in page.reject_reasons.html
    assert EVIL not in page.reject_reasons.html
    assert list(page.charts["rows"].source.data["value"]) == [10.0] * 4
    assert "write" in page.commits.html
    page.layer.value = "raw"
    assert page.table.value == "orders" and list(page.charts["files"].source.data["value"]) == [1.0] * 4
    page.layer.value = "gold"
    assert page.table.value in business.queries()


def seconds(record: dg.RunRecord) -> float:
    assert record.start_time is not None and record.end_time is not None
    return record.end_time - record.start_time


def test_run_durations_are_those_of_dagsters_runs(environment: Path, lake: Lake) -> None:
    @dg.asset(key=["bronze", "orders"])
    def orders() -> None: ...

    home = environment / "dagster"
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    assert read_runs(home, "bronze", "orders") == []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = [dg.materialize([orders], instance=instance).run_id for _ in range(2)]
        records = [instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))[0] for run_id in made]
    found = read_runs(home, "bronze", "orders")
    assert [run.seconds for run in found] == [seconds(one) for one in records]
    assert read_runs(home, "bronze", "lineitem") == []

    fill_pipeline(lake, datetime.now(UTC))
    store = Store(lake)
    store.poll()
    page = open_page(Pipeline, store, "?layer=bronze&table=orders")
    (panel,) = page.panels
    deadline = time.monotonic() + 20
    while not panel.view.visible and time.monotonic() < deadline:
        time.sleep(0.05)
        page.refresh()
    assert panel.chart is not None
    assert list(panel.chart.source.data["value"]) == [run.seconds for run in found]
    page.table.value = "nation"
    page.refresh()
    assert panel.chart is None and not panel.view.visible


def test_a_panel_is_shown_each_table(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Costs:
        def __init__(self) -> None:
            self.view, self.shown = pn.Column(), list[tuple[str, str]]()

        def show(self, layer: str, name: str) -> None:
            self.shown.append((layer, name))

    monkeypatch.setattr(panels, "PANELS", [Costs])
    page = open_page(Pipeline, store, "?layer=bronze&table=orders")
    page.layer.value = "silver"
    (costs,) = page.panels
    assert costs.shown[0] == ("bronze", "orders") and costs.shown[-1] == ("silver", "orders")
    assert costs.view in page.body.select(pn.Column)
