"""The command, its settings, and what it serves."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboards import app
from dashboards.settings import DashboardSettings
from tpch_assets.settings import PROJECT, SettingsError, load_address


def test_it_listens_on_this_machine_alone_by_default() -> None:
    options = load_address(DashboardSettings).serve_options()
    assert options["address"] == "127.0.0.1"
    assert options["websocket_origin"] == ["127.0.0.1:5006", "localhost:5006"]


def test_every_setting_is_documented() -> None:
    documented = re.findall(
        r"^\| `TPCH_DASHBOARD_(\w+)`", (PROJECT / "docs" / "dashboard.md").read_text(), re.MULTILINE
    )
    assert {name.lower() for name in documented} == set(DashboardSettings.model_fields)


def test_signing_in_is_set_up() -> None:
    secret = "0123456789abcdef"
    settings = load_address(
        DashboardSettings, basic_auth="open sesame", cookie_secret=secret, origins="lake.example.org"
    )
    assert settings.serve_options()["basic_auth"] == "open sesame"
    assert settings.serve_options()["websocket_origin"][0] == "lake.example.org"  # type: ignore[index]
    settings = load_address(
        DashboardSettings, oauth_provider="github", oauth_key="k", oauth_secret="s", cookie_secret=secret
    )
    assert settings.serve_options()["oauth_provider"] == "github"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"basic_auth": "x"}, "COOKIE_SECRET"),
        ({"oauth_provider": "github", "cookie_secret": "0123456789abcdef"}, "OAUTH_KEY"),
        ({"cookie_secret": "short"}, "COOKIE_SECRET"),
        ({"origins": "https://x"}, "without scheme"),
        ({"port": "0"}, "PORT"),
        ({"basic_auth": "users.json", "cookie_secret": "0123456789abcdef"}, "no such file"),
    ],
)
def test_a_wrong_setting_is_one_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_address(DashboardSettings, **given)


def test_the_command_reports_a_wrong_setting_in_one_sentence(environment: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dashboards"],
        env={**os.environ, "TPCH_DASHBOARD_ORIGINS": "https://x", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("dashboard: TPCH_DASHBOARD_ORIGINS: write host:port")
    assert "Traceback" not in done.stderr


def test_all_pages_are_served() -> None:
    served = set(app.routes(SimpleNamespace(), DashboardSettings()))  # type: ignore[arg-type]
    assert served == {"/", "orders", "queries", "rows", "model", "pipeline"}
