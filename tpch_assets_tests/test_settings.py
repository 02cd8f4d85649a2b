"""Settings: defaults, the environment, `.env`, and one clear sentence for whatever is wrong."""

import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tpch_assets.settings import PREFIX, PROJECT, Settings, SettingsError, current_settings, load_settings


@pytest.fixture
def bare(environment: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting at all in the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    return monkeypatch


def test_defaults(bare: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.lake == str(PROJECT / "lake")
    assert settings.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert (settings.scale_factor, settings.compute, settings.generate, settings.automation) == (
        0.1,
        "threads",
        True,
        False,
    )
    assert settings.owners == ["team:data-platform"]


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_environment_is_read(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("TPCH_SCALE_FACTOR", "1")
    bare.setenv("TPCH_OWNERS", "team:orders, someone@example.com,")
    bare.setenv("TPCH_GENERATE", "false")
    settings = load_settings()
    assert (settings.scale_factor, settings.generate) == (1, False)
    assert settings.owners == ["team:orders", "someone@example.com"]


def test_an_empty_variable_is_none(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("TPCH_SCALE_FACTOR", "")
    assert load_settings().scale_factor == 0.1


def test_the_env_file_is_read_and_the_environment_wins(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TPCH_SCALE_FACTOR=2\nTPCH_WORKERS=3\n# a comment\nSOMETHING_ELSE=1\n")
    bare.setitem(Settings.model_config, "env_file", (tmp_path / "not there", tmp_path / ".env"))
    bare.setenv("TPCH_WORKERS", "5")
    settings = load_settings()
    assert (settings.scale_factor, settings.workers) == (2, 5)


def test_arguments_win_over_the_environment(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("TPCH_SCALE_FACTOR", "2")
    assert load_settings(scale_factor=3).scale_factor == 3


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("data", f"{PROJECT}/data"),
        ("/data/lake", "/data/lake"),
        ("/data/../lake/", "/lake"),
        ("file:///data/lake/", "/data/lake"),
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
        ("~/lake", str(Path("~/lake").expanduser())),
    ],
)
def test_the_lake_is_a_folder_or_a_bucket(bare: pytest.MonkeyPatch, given: str, meant: str) -> None:
    assert load_settings(lake=given).lake == meant


@pytest.mark.parametrize(
    "text", ["2026-03-01", "2026-03-01T00:00", "2026-03-01T00:00:00Z", "2026-03-01T02:00:00+02:00"]
)
def test_the_start_is_a_midnight_in_utc(bare: pytest.MonkeyPatch, text: str) -> None:
    bare.setenv("TPCH_START", text)
    start = load_settings().start
    assert start == datetime(2026, 3, 1, tzinfo=UTC)
    assert start.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("START", "2026-01-01T06:00", "midnight"),
        ("START", "2026-01-01T00:00+02:00", "midnight"),
        ("START", "yesterday", "a date such as 2026-01-01"),
        ("START", "2026-02-30", "a date such as 2026-01-01"),
        ("SCALE_FACTOR", "0", "0.001"),
        ("SCALE_FACTOR", "-1", "0.001"),
        ("SCALE_FACTOR", "1e6", "100000"),
        ("SCALE_FACTOR", "much", "number"),
        ("SCALE_FACTOR", "nan", "100000"),
        ("COMPUTE", "gpu", "'threads', 'processes', 'address' or 'coiled'"),
        ("WORKERS", "0", "1"),
        ("WORKERS", "1.5", "integer"),
        ("MEMORY", "lots", "pattern"),
        ("SHARD_ROWS", "10", "1000"),
        ("SETTLE_SECONDS", "-1", "0"),
        ("GENERATE", "perhaps", "boolean"),
        ("LAKE", "gs://bucket/lake", "s3://bucket/prefix"),
        ("ADDRESS", "localhost", "tcp://127.0.0.1:8786"),
        ("COILED_SPOT_POLICY", "cheap", "'spot', 'spot_with_fallback' or 'on-demand'"),
    ],
)
def test_a_bad_value_is_one_sentence(bare: pytest.MonkeyPatch, name: str, value: str, allowed: str) -> None:
    bare.setenv(f"TPCH_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    message = str(error.value)
    assert message.startswith(f"TPCH_{name}=")
    assert value in message
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "meant"),
    [("TPCH_SCALEFACTOR", "TPCH_SCALE_FACTOR"), ("TPCH_LAKES", "TPCH_LAKE"), ("TPCH_START_DATE", "TPCH_START")],
)
def test_an_unknown_variable_is_told_with_the_one_that_was_meant(
    bare: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    bare.setenv(name, "1")
    with pytest.raises(SettingsError, match=f"^{name} is not a setting; did you mean {meant}\\?$"):
        load_settings()


def test_an_unknown_variable_like_no_other_is_told_too(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("TPCH_ZZZZZZZZZZZ", "1")
    with pytest.raises(SettingsError, match=r"^TPCH_ZZZZZZZZZZZ is not a setting\.$"):
        load_settings()


def test_an_unknown_name_in_the_env_file_is_told_too(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TPCH_SCALEFACTOR=2\n")
    bare.setitem(Settings.model_config, "env_file", (tmp_path / ".env",))
    with pytest.raises(SettingsError, match="TPCH_SCALE_FACTOR"):
        load_settings()


def test_computing_at_an_address_needs_one(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("TPCH_COMPUTE", "address")
    with pytest.raises(SettingsError, match="needs TPCH_ADDRESS"):
        load_settings()
    bare.setenv("TPCH_ADDRESS", "tcp://127.0.0.1:8786")
    assert load_settings().address == "tcp://127.0.0.1:8786"


def test_settings_are_read_once_and_cannot_be_changed(bare: pytest.MonkeyPatch) -> None:
    settings = current_settings()
    bare.setenv("TPCH_SCALE_FACTOR", "7")
    assert current_settings() is settings
    with pytest.raises(ValueError, match="frozen"):
        settings.scale_factor = 7


def test_settings_survive_the_way_to_a_worker(bare: pytest.MonkeyPatch) -> None:
    assert pickle.loads(pickle.dumps(load_settings())) == load_settings()
