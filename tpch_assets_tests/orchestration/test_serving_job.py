"""The model's server on Coiled is kept up as the dashboard is: with its own settings, and not without a token."""

import os
from pathlib import Path

import dagster as dg
import pytest

from serving.settings import ServingSettings
from tpch_assets.orchestration import on_coiled
from tpch_assets.orchestration.on_coiled import kept_up
from tpch_assets.orchestration.servers import SERVING
from tpch_assets.settings import PREFIX, SettingsError, load_address, load_settings

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def place(environment: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings of a model's server on Coiled."""
    ours = {
        "TPCH_LAKE": "s3://bucket/tpch",
        "TPCH_SERVING_MODE": "coiled",
        "TPCH_SERVING_URL": "http://model.workspace.dask.host:8081",
        "TPCH_SERVING_TOKEN": TOKEN,
        "TPCH_DASHBOARD_COOKIE_SECRET": "not-for-this-machine",
        "DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod",
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_machine_gets_the_servers_settings_and_no_others(place: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    values = on_coiled.environment(SERVING, settings)
    words = on_coiled.command(SERVING, settings, values)
    assert words[:7] == ["run", "--name", "tpch-serving-prod", "--subdomain", "model", "--port", "8081"]
    assert words[-3:] == ["python", "-m", "serving"]
    assert TOKEN not in words and "TPCH_SERVING_TOKEN" in words
    assert on_coiled.SECRET.fullmatch("TPCH_SERVING_TOKEN")
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        place.delenv(name)
    for name, value in values.items():
        place.setenv(name, value)
    there = load_address(ServingSettings)
    assert (there.address, there.port, there.token) == ("0.0.0.0", 8081, TOKEN)
    assert load_settings().lake == "s3://bucket/tpch"
    assert "TPCH_DASHBOARD_COOKIE_SECRET" not in values


def test_without_a_token_it_does_not_start(place: pytest.MonkeyPatch) -> None:
    place.delenv("TPCH_SERVING_TOKEN")
    with pytest.raises(SettingsError, match="open to everybody: set TPCH_SERVING_TOKEN"):
        on_coiled.start(SERVING, load_settings())


def test_without_an_address_the_setting_is_refused(place: pytest.MonkeyPatch) -> None:
    place.delenv("TPCH_SERVING_URL")
    with pytest.raises(SettingsError, match="needs TPCH_SERVING_URL"):
        load_settings()


def test_off_it_does_nothing_and_says_so(environment: Path) -> None:
    _, schedule = kept_up(SERVING, load_settings(automation=True))
    assert (schedule.name, schedule.default_status) == ("serving_schedule", dg.DefaultScheduleStatus.STOPPED)
    with dg.DagsterInstance.ephemeral() as instance, dg.build_schedule_context(instance=instance) as context:
        found = schedule(context)
    assert isinstance(found, dg.SkipReason)
    assert (
        found.skip_message == "TPCH_SERVING_MODE=off: set it to `coiled` to keep the model's server running on Coiled."
    )
