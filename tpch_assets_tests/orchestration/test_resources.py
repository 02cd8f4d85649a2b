"""People open a table with dagster-deltalake's resource, in a folder and on S3; the UI shows words, no secrets."""

import dagster as dg
import pyarrow as pa
import pytest
from dagster_deltalake import DeltaTableResource

from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.update import TableRows
from tpch_assets.orchestration.resources import resources
from tpch_assets.settings import current_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.conftest import use
from tpch_assets_tests.s3_server import BUCKET, S3Server, one_server, server

__all__ = ["one_server", "server"]


def fill(lake: Lake) -> None:
    """Three rows in silver/orders."""
    uri = lake.table("silver", "orders")
    written = write_file(lake, uri, "a", "{content}.parquet", TableRows(pa.table({"id": [1, 2, 3]})).write)
    commit(lake, uri, [written], {"a"})


def rows_seen(made: dict[str, object]) -> int:
    """How many rows an asset of somebody's own finds in silver/orders."""
    found: list[int] = []

    @dg.asset
    def mine(silver_orders: DeltaTableResource) -> None:
        found.append(silver_orders.load().count())

    assert dg.materialize([mine], resources=made).success
    return found[0]


@pytest.mark.usefixtures("environment")
def test_an_asset_opens_a_table_in_a_folder() -> None:
    settings = current_settings()
    fill(Lake(settings.lake))
    assert rows_seen(resources(settings, BUSINESS)) == 3


@pytest.mark.usefixtures("environment")
def test_an_asset_opens_a_table_on_s3_and_no_credential_is_shown(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, lake=f"s3://{BUCKET}/resources")
    settings = current_settings()
    fill(Lake(settings.lake))
    made = resources(settings, BUSINESS)
    assert rows_seen(made) == 3
    secrets = [value for name, value in server.environment.items() if "SECRET" in name or "KEY" in name]
    assert secrets
    assert not any(secret in repr(resource) for resource in made.values() for secret in secrets)


@pytest.mark.usefixtures("environment")
def test_the_settings_in_force_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, workers="3", budget_dollars_per_day="12.5")
    made = resources(current_settings(), BUSINESS)
    shown = dict(made["in_force"])  # type: ignore[call-overload]
    assert shown["business"] == "tpch_assets.tpch"
    assert shown["scale_factor"] == "0.01 a day"
    assert shown["compute"] == "3 threads of the run's process, 4GiB for DuckDB"
    assert shown["budget"] == "$12.50"
    assert all(isinstance(one, dg.ConfigurableResource | dg.ConfigurableIOManager) for one in made.values())
