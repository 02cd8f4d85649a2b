"""Lakes and stores that the dashboard's tests share."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dashboards import app
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import fill_gold, fill_pipeline


@pytest.fixture(scope="session", autouse=True)
def _no_dagster_home_of_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages read Dagster's runs. Tests that do not set DAGSTER_HOME must not see those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        yield


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with three days of gold and a pipeline that is on time."""
    fill_gold(lake)
    fill_pipeline(lake, datetime.now(UTC) - timedelta(minutes=20))
    return lake


@pytest.fixture
def store(filled: Lake) -> Store:
    found = app.open_store(filled)
    found.poll()
    found.poll_raw()
    return found
