"""The code location loads, and holds every asset, job, schedule and sensor, with what the UI shows of them."""

import ast
import importlib
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_cloud_cli.config import models

from tpch_assets.orchestration.code_links import with_code_links
from tpch_assets.settings import PROJECT, load_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.tpch_tables import DIMENSIONS, TABLE_NAMES, TABLES

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

# What each query reads, as TPC-H defines it.
FUNCTIONS = {("gold", "customer_baskets")}
SERVERS = ("dashboard_schedule", "serving_schedule")
MODELS = {("gold", "late_delivery_model")}
GOLD = {
    "customer_baskets": {"customer", "orders"},
    "late_delivery_model": {"customer", "lineitem", "nation", "orders", "part", "supplier"},
    "q01_pricing_summary": {"lineitem"},
    "q02_minimum_cost_supplier": {"part", "supplier", "partsupp", "nation", "region"},
    "q03_shipping_priority": {"customer", "orders", "lineitem"},
    "q04_order_priority_checking": {"orders", "lineitem"},
    "q05_local_supplier_volume": {"customer", "orders", "lineitem", "supplier", "nation", "region"},
    "q06_forecasting_revenue_change": {"lineitem"},
    "q07_volume_shipping": {"supplier", "lineitem", "orders", "customer", "nation"},
    "q08_national_market_share": {"part", "supplier", "lineitem", "orders", "customer", "nation", "region"},
    "q09_product_type_profit": {"part", "supplier", "lineitem", "partsupp", "orders", "nation"},
    "q10_returned_item_reporting": {"customer", "orders", "lineitem", "nation"},
    "q11_important_stock": {"partsupp", "supplier", "nation"},
    "q12_shipping_modes": {"orders", "lineitem"},
    "q13_customer_distribution": {"customer", "orders"},
    "q14_promotion_effect": {"lineitem", "part"},
    "q15_top_supplier": {"supplier", "lineitem"},
    "q16_parts_supplier_relationship": {"partsupp", "part", "supplier"},
    "q17_small_quantity_order_revenue": {"lineitem", "part"},
    "q18_large_volume_customer": {"customer", "orders", "lineitem"},
    "q19_discounted_revenue": {"lineitem", "part"},
    "q20_potential_part_promotion": {"supplier", "nation", "partsupp", "part", "lineitem"},
    "q21_suppliers_who_kept_orders_waiting": {"supplier", "lineitem", "orders", "nation"},
    "q22_global_sales_opportunity": {"customer", "orders"},
    "unshipped_orders": {"customer", "orders", "lineitem"},
    "unshipped_totals": {"customer", "orders", "lineitem"},
}
LAYERS = ("raw", "bronze", "silver", "gold")


@pytest.fixture
def defs(environment: Path) -> dg.Definitions:
    return importlib.import_module("tpch_assets.definitions").defs


@pytest.fixture
def specs(defs: dg.Definitions) -> dict[tuple[str, str], dg.AssetSpec]:
    """Every asset by layer and name."""
    return {(spec.key.path[0], spec.key.path[1]): spec for spec in defs.resolve_all_asset_specs()}


def test_the_code_location_loads(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_is_there(specs: dict[tuple[str, str], dg.AssetSpec]) -> None:
    tables = {(layer, name) for layer in ("raw", "bronze", "silver") for name in TABLE_NAMES}
    tables |= {("bronze", f"{name}_rejects") for name in TABLE_NAMES}
    assert set(specs) == tables | {("gold", name) for name in GOLD} | {("operations", "costs")}
    assert len(specs) == 8 + 16 + 8 + len(GOLD) + 1


def test_every_job_schedule_and_sensor_is_there_and_described(defs: dg.Definitions) -> None:
    jobs = {job.name for job in defs.jobs or []}
    schedules = {schedule.name for schedule in defs.schedules or []}
    sensors = {sensor.name for sensor in defs.sensors or []}
    layers = {f"{layer}_job" for layer in LAYERS}
    assert jobs == layers | {"freshness_job", "maintenance_job", "dashboard_job", "serving_job", "costs_job"}
    assert schedules == {
        "raw_schedule",
        "silver_schedule",
        "gold_schedule",
        "maintenance_schedule",
        "dashboard_schedule",
        "serving_schedule",
        "costs_schedule",
    }
    assert sensors == {"raw_sensor", "bronze_sensor", "late_data_sensor", "freshness_sensor", "alerts_sensor"}
    described = [*(defs.jobs or []), *(defs.schedules or []), *(defs.sensors or [])]
    assert [one.name for one in described if not one.description] == []


def test_each_layers_job_selects_its_assets(defs: dg.Definitions) -> None:
    for layer in LAYERS:
        found = defs.resolve_job_def(f"{layer}_job").asset_layer.selected_asset_keys
        assert {key.path[0] for key in found} == {layer}
        assert len(found) == (len(GOLD) if layer == "gold" else 8)


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [("raw_schedule", "*/15 * * * *"), ("silver_schedule", "20 */6 * * *"), ("gold_schedule", "45 0 * * *")],
)
def test_each_layer_has_its_own_rhythm(defs: dg.Definitions, schedule: str, cron: str) -> None:
    assert defs.resolve_schedule_def(schedule).cron_schedule == cron


@pytest.mark.parametrize("on", [False, True])
def test_automation_is_switched_on_by_its_setting(environment: Path, on: bool) -> None:
    from tpch_assets.orchestration.assemble import assemble

    made = assemble(load_settings(automation=on), BUSINESS)
    ours = [one for one in (*(made.schedules or []), *(made.sensors or [])) if one.name not in SERVERS]
    assert {one.default_status.value for one in ours} == {"RUNNING" if on else "STOPPED"}


def test_assets_show_group_kinds_owners_and_description(specs: dict[tuple[str, str], dg.AssetSpec]) -> None:
    for (layer, name), spec in specs.items():
        assert spec.group_name == layer
        kinds = {"raw": {"json"}, "operations": {"deltalake"}}.get(layer, {"deltalake", "duckdb"})
        kinds = {"deltalake", "python"} if (layer, name) in FUNCTIONS else kinds
        kinds = {"deltalake", "xgboost"} if (layer, name) in MODELS else kinds
        assert spec.kinds >= kinds, name
        assert spec.owners == ["team:data-platform"]
        assert spec.description
        folder = "models" if (layer, name) in MODELS else layer
        assert spec.metadata["dagster/uri"].endswith(f"/{folder}/{name}")


def test_gold_shows_question_and_sql(specs: dict[tuple[str, str], dg.AssetSpec]) -> None:
    for name in GOLD:
        description = specs["gold", name].description or ""
        first = description.splitlines()[0]
        assert "?" in first and "*" not in first, "the catalogue shows the first line as it is"
        assert ("```python" if ("gold", name) in FUNCTIONS else "```sql") in description
        assert ("@answer" if ("gold", name) in FUNCTIONS else "SELECT") in description


def test_assets_link_to_the_file_that_people_edit(specs: dict[tuple[str, str], dg.AssetSpec]) -> None:
    for (layer, name), spec in specs.items():
        if layer not in LAYERS:
            continue
        (reference,) = spec.metadata["dagster/code_references"].code_references
        assert isinstance(reference, dg.LocalFileCodeReference)
        path, line = Path(reference.file_path), reference.line_number or 0
        if path.suffix == ".sql":
            assert path.stem == name.removesuffix("_model") and path.is_relative_to(BUSINESS.queries.parent)
        else:
            # A function begins with its decorator.
            assert name.removesuffix("_rejects") in "".join(path.read_text().splitlines()[line - 1 : line + 1])


def test_assets_link_to_the_repository_that_is_set() -> None:
    settings = load_settings(repository_url="https://example.org/me/etl/blob/main/")
    (spec,) = with_code_links([dg.AssetSpec(["gold", "q06_forecasting_revenue_change"])], settings, BUSINESS)
    assert isinstance(spec, dg.AssetSpec)
    (reference,) = spec.metadata["dagster/code_references"].code_references
    queries = "https://example.org/me/etl/blob/main/tpch_assets/tpch/queries"
    assert reference.url == f"{queries}/q06_forecasting_revenue_change.sql#L1"


def test_tables_show_their_columns(specs: dict[tuple[str, str], dg.AssetSpec]) -> None:
    more = {"raw": (), "bronze": ("_batch", "_file", "_rescued"), "silver": ("_batch",)}
    for layer, extra in more.items():
        for name, table in TABLES.items():
            columns = specs[layer, name].metadata["dagster/column_schema"].columns
            assert tuple(column.name for column in columns) == (*table.column_names, *extra)
            assert all(column.description for column in columns)
            assert all(not column.constraints.nullable for column in columns if column.name in table.key)


def test_lineage_goes_from_raw_to_each_query_by_the_tables_it_reads(
    specs: dict[tuple[str, str], dg.AssetSpec],
) -> None:
    def upstream(layer: str, name: str) -> set[tuple[str, ...]]:
        return {tuple(dep.asset_key.path) for dep in specs[layer, name].deps}

    for name in TABLE_NAMES:
        assert upstream("raw", name) == set()
        assert upstream("bronze", name) == {("raw", name)}
        paired = {("bronze", "orders"), ("bronze", "lineitem")}
        assert upstream("silver", name) == (paired if TABLES[name].is_fact else {("bronze", name)})
    for query, tables in GOLD.items():
        assert upstream("gold", query) == {("silver", table) for table in tables}


def test_a_backfill_by_hand_makes_what_an_asset_reads_before_it(specs: dict[tuple[str, str], dg.AssetSpec]) -> None:
    """An asset that maps to the last partition alone would not wait for the ones that the backfill makes."""
    for (layer, name), spec in specs.items():
        if layer != "operations":
            assert all(dep.partition_mapping is None for dep in spec.deps), f"{layer}/{name}"


def test_partitions_are_batches_windows_and_days(
    specs: dict[tuple[str, str], dg.AssetSpec], defs: dg.Definitions
) -> None:
    graph = defs.resolve_asset_graph()
    crons = {"raw": "*/15 * * * *", "bronze": "*/15 * * * *", "silver": "0 */6 * * *", "gold": "0 0 * * *"}
    crons["operations"] = "0 0 * * *"
    for (layer, name), spec in specs.items():
        partitions = spec.partitions_def
        once = (name in TABLES and TABLES[name].arrives == "once") or name.endswith("_rejects")
        if once or (layer == "silver" and name in DIMENSIONS):
            assert partitions is None
            continue
        assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
        assert (partitions.get_cron_schedule(), partitions.timezone) == (crons[layer], "UTC")
        assert (partitions.start.hour, partitions.start.minute) == (0, 0)
        cut = dg.BackfillPolicy.multi_run(max_partitions_per_run=96)
        expected = dg.BackfillPolicy.single_run() if layer == "operations" else cut
        assert graph.get(spec.key).backfill_policy == expected


def test_every_table_that_is_written_has_a_pool_and_retries(defs: dg.Definitions) -> None:
    pools = []
    for asset in defs.assets or []:
        assert isinstance(asset, dg.AssetsDefinition)
        if not asset.is_executable:
            continue  # Rejects are stored by the run of their table.
        pools.append(asset.op.pool)
        retry = asset.op.retry_policy
        assert retry is not None
        assert retry.max_retries >= 1
        assert (retry.backoff, retry.jitter) == (dg.Backoff.EXPONENTIAL, dg.Jitter.PLUS_MINUS)
    assert None not in pools
    assert len(set(pools)) == len(pools), "no two tables wait for each other"


def test_a_silent_generator_leaves_raw_to_others(environment: Path) -> None:
    from tpch_assets.orchestration.assets.raw import raw_assets

    found = raw_assets(load_settings(generate=False), BUSINESS)
    assert [asset.key.path for asset in found] == [["raw", name] for name in TABLE_NAMES]
    assert not any(asset.is_executable for asset in found)


def test_nothing_private_of_dagster_is_used() -> None:
    folders = ("tpch_assets", "tpch_assets_tests", "dashboards", "benchmarks")
    found = []
    for path in [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(path, m) for m in modules if m.startswith("dagster") and "._" in m]
    assert found == []


def test_deployment_files_name_the_code_location() -> None:
    cloud = yaml.safe_load((PROJECT / "dagster_cloud.yaml").read_text())
    (location,) = cloud["locations"]
    assert importlib.util.find_spec(location["code_source"]["module_name"])
    assert location["location_name"]
    assert (PROJECT / location["build"]["directory"] / "pyproject.toml").exists()
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text())
    (entry,) = workspace["load_from"]
    assert entry["python_module"]["module_name"] == location["code_source"]["module_name"]


def test_dagster_plus_accepts_its_file() -> None:
    models.load_dagster_cloud_yaml((PROJECT / "dagster_cloud.yaml").read_text())
