"""Gold's assets: what Dagster shows of them before they ever ran, and what a broken query file does."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets.gold import derive, form
from tpch_assets.gold.derive import Derived, gate
from tpch_assets.orchestration.assemble import assemble
from tpch_assets.orchestration.assets.gold import gold_assets
from tpch_assets.orchestration.assets.silver import silver_assets
from tpch_assets.orchestration.resources import resources
from tpch_assets.schema import Business
from tpch_assets.settings import current_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.conftest import use
from tpch_assets_tests.lake.former import former_lake

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")
HEAD = "-- Orders\n-- How many orders are there?\n"
DAY = "2026-11-01"
PLAIN = "SELECT o_orderpriority, sum(o_totalprice) AS total, count(*) AS n FROM orders GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def business(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Business:
    use(monkeypatch, start=DAY, scale_factor="0.001", generate="false")
    folder = environment / "queries"
    folder.mkdir()
    (folder / "orders.sql").write_text(f"{HEAD}-- title total: Sold\n\n{PLAIN}")
    return replace(BUSINESS, queries=folder, answers=())


def assets(business: Business) -> dict[str, dg.AssetsDefinition]:
    return {asset.key.path[-1]: asset for asset in gold_assets(current_settings(), business)}


def code_version(business: Business) -> str | None:
    (spec,) = assets(business)["orders"].specs
    return spec.code_version


def materialize(business: Business, name: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [assets(business)[name]],
        partition_key=DAY,
        resources=resources(current_settings(), business),
        instance=instance,
        raise_on_error=False,
    )


def test_columns_are_described_and_traced_before_the_first_run(business: Business) -> None:
    (spec,) = assets(business)["orders"].specs
    schema = spec.metadata["dagster/column_schema"]
    described = {column.name: column.description for column in schema.columns}
    assert described["o_orderpriority"] == BUSINESS.table("orders").column("o_orderpriority").description
    price = BUSINESS.table("orders").column("o_totalprice").description
    assert described["total"] == f"Sold. From orders.o_totalprice: {price}"
    assert described["as_of"]
    lineage = spec.metadata["dagster/column_lineage"]
    assert lineage.deps_by_column["total"] == [dg.TableColumnDep(dg.AssetKey(["silver", "orders"]), "o_totalprice")]
    assert "n" not in lineage.deps_by_column


def test_silvers_columns_are_bronzes(business: Business) -> None:
    specs = [spec for asset in silver_assets(current_settings(), business) for spec in asset.specs]
    assert len(specs) == len(business.tables)
    for spec in specs:
        table = business.table(spec.key.path[-1])
        deps = spec.metadata["dagster/column_lineage"].deps_by_column
        assert set(deps) >= set(table.column_names)
        key = dg.AssetKey(["bronze", table.name])
        assert all(found == [dg.TableColumnDep(key, column)] for column, found in deps.items())


@pytest.mark.parametrize(
    ("edit", "same"),
    [(lambda text: text.replace("SELECT", "select"), True), (lambda text: text.replace("sum", "max"), False)],
)
def test_an_edit_changes_the_code_version(business: Business, edit: Callable[[str], str], same: bool) -> None:
    path = business.queries / "orders.sql"
    before = code_version(business)
    path.write_text(edit(path.read_text()))
    assert before is not None
    assert (code_version(business) == before) == same


def test_a_run_warns_of_two_forms_that_differ(
    business: Business, instance: dg.DagsterInstance, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former_lake(environment)
    monkeypatch.setattr(form, "_known", {})
    monkeypatch.setattr(derive, "derive", lambda *_: Derived(PLAIN, "SELECT * FROM partials", "orders"))
    monkeypatch.setattr(gate, "difference", lambda *_: "row 1 differs")
    result = materialize(business, "orders", instance)
    assert result.success
    (made,) = result.asset_materializations_for_node("gold__orders")
    assert made.metadata["dagster/row_count"].value == 5
    assert "row 1 differs" in str(made.metadata["runs whole"].value)
    assert str(made.metadata["warning"].value).startswith("orders runs whole: ")
    assert made.metadata["dagster/column_lineage"] is not None
    (warning,) = [e for e in instance.all_logs(result.run_id) if e.level == logging.WARNING]
    assert "row 1 differs" in warning.user_message


def test_the_asset_of_a_broken_file_fails_with_its_sentence_and_no_other(
    business: Business, instance: dg.DagsterInstance, environment: Path
) -> None:
    former_lake(environment)
    (business.queries / "broken.sql").write_text(HEAD + "SELECT nothing\nFROM orders")
    dg.Definitions.validate_loadable(assemble(current_settings(), business))
    result = materialize(business, "broken", instance)
    (failure,) = result.get_step_failure_events()
    assert f"{business.queries}/broken.sql:3: " in str(failure.step_failure_data.error)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert materialize(business, "orders", instance).success
