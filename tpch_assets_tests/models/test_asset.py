"""A model as an asset: requested when due, with figures that Dagster plots, and a check of what is kept back."""

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tpch_assets.commands.stages import is_failed_check
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets.orchestration.assemble import assemble, planner_of
from tpch_assets.settings import current_business, current_settings
from tpch_assets_tests.conftest import use
from tpch_assets_tests.days import Graph, Place
from tpch_assets_tests.models import parcels
from tpch_assets_tests.models.parcels import MODEL, Columns

KEY = dg.AssetKey(["gold", MODEL.name])


@pytest.fixture
def graph(lake: Lake, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> Graph:
    """Parcels' definitions over an empty lake."""
    use(monkeypatch, business="tpch_assets_tests.models.parcels", start=str(parcels.START.date()))
    place = Place(Path(lake.uri).parent)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        return Graph(place, assemble(current_settings(), current_business()), instance)


def requests(graph: Graph, days: int) -> list[dg.RunRequest]:
    """What the gold schedule would ask for."""
    planner = planner_of(current_settings(), current_business())
    return planner.days(graph.lake, parcels.START + timedelta(days=days))


def test_a_model_is_asked_for_trained_and_shown(graph: Graph) -> None:
    parcels.lake_of(graph.lake, 2)
    (asked,) = requests(graph, 2)
    assert (asked.asset_selection, [check.name for check in asked.asset_check_keys or ()]) == ([KEY], ["not_kept_back"])
    (result,) = graph.run([asked])
    assert result.success
    first, second = (event.materialization for event in result.get_asset_materialization_events())
    assert [first.partition, second.partition] == [parcels.day(0), parcels.day(1)]
    values = {name: value.value for name, value in second.metadata.items()}
    assert values["status"] == "champion"
    assert values["rows read"] == 4 * parcels.ROWS
    for name in ("AUC", "log loss", "calibration error", "AUC (majority)", "log loss (rule)"):
        assert isinstance(values[name], float), name
    assert [one.passed for one in result.get_asset_check_evaluations()] == [True]
    assert requests(graph, 2) == []


def test_a_version_that_is_kept_back_fails_its_check_and_says_why(graph: Graph) -> None:
    def heavy(rows: Columns, _: Any) -> None:
        rows["p_weight"] = [weight * 3 for weight in rows["p_weight"]]

    parcels.lake_of(graph.lake, 2)
    graph.run(requests(graph, 2))
    champion = registry.champion(graph.lake, MODEL.name)
    parcels.deliver(graph.lake, 2, heavy)
    asked = requests(graph, 3)
    (result,) = graph.run(asked, raise_on_error=False)
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.blocking, check.severity) == (False, True, dg.AssetCheckSeverity.ERROR)
    assert f"{parcels.day(2)}-" in str(check.description)
    assert "is kept back: p_weight drifted" in str(check.description)
    assert champion is not None
    assert check.metadata["champion"].value == champion.version
    assert registry.champion(graph.lake, MODEL.name) == champion
    assert not result.success
    assert requests(graph, 3) == []
    with pytest.raises(dg.DagsterError) as told:
        graph.run(asked)
    assert is_failed_check(told.value), "a replay goes on"
