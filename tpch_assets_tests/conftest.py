"""What tests share: an environment of their own, a lake in a temporary folder, and a Dagster instance."""

import contextvars
import gc
import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tpch_assets.compute import cluster
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, snapshot
from tpch_assets.orchestration.alembic_private import read_migrations_once
from tpch_assets.orchestration.sqlalchemy_private import share_compiled_sql
from tpch_assets.settings import PREFIX, Settings, current_settings
from tpch_assets_tests import together
from tpch_assets_tests.tpch_tables import FACTS, MONEY, TABLES, TIME

START = datetime(2024, 1, 1, tzinfo=UTC)
SCALE_FACTOR = 0.01
TESTS = Path(__file__).parent
LONGEST = (
    "lake/test_s3.py",
    "gold/derive/test_plain_statements.py",
    "compute/test_cluster.py",
    "project/test_scale.py",
    "commands/test_day.py",
    "dashboards/test_browser.py",
    "dashboards/test_server.py",
    "commands/test_stopping.py",
    "commands/test_repeat.py",
    "commands/test_new.py",
    "project/test_adapt.py",
    "compute/test_coiled.py",
    "lake/test_s3_lake.py",
    "orchestration/test_automation.py",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NO_BROWSER = f"no browser on PATH ({', '.join(BROWSERS)}), nor at BROWSER_PATH"


def browser_path() -> str:
    """The browser that tests drive; without one they are left out, but for a BROWSER_PATH that leads nowhere."""
    if named := os.environ.get("BROWSER_PATH"):
        return shutil.which(named) or pytest.fail(f"BROWSER_PATH={named}: no program is there")
    return next(filter(None, map(shutil.which, BROWSERS)), None) or pytest.skip(NO_BROWSER)


def pytest_configure() -> None:
    """Begin what all processes of the run share, and take Ctrl-C, which what runs in the background ignores.

    What tests start would ignore it too, and SIGTERM with it: after each run, Dagster gives SIGTERM what SIGINT has.
    """
    together.begin()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: no process is left with one of them when the others have ended."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(str(item.path.relative_to(TESTS)), len(places)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which files' tests were left out for want of a browser."""
    skipped = [report.nodeid for report in terminalreporter.getreports("skipped") if NO_BROWSER in str(report.longrepr)]
    if skipped:
        files = sorted({name.split("::")[0] for name in skipped})
        terminalreporter.write_sep("=", f"{len(skipped)} tests left out, {NO_BROWSER}", yellow=True)
        terminalreporter.write_line(f"They are in {', '.join(files)}; `make chromium` installs one.")


def left(processes: Iterable[psutil.Process], seconds: float = 15) -> list[psutil.Process]:
    """Those that still run after so long. One whose end nobody has asked for yet, as in a container, has ended."""
    deadline = time.monotonic() + seconds
    running = [process for process in processes if _runs(process)]
    while running and time.monotonic() < deadline:
        time.sleep(0.05)
        running = [process for process in running if _runs(process)]
    return running


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings of the test's own, for this process and its children; gives the temporary folder they point to.

    Every setting is in the environment, so that no `.env` of a developer reaches a test or a process it starts.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    ours = {
        "lake": tmp_path / "lake",
        "start": START.date(),
        "scale_factor": SCALE_FACTOR,
        "workers": 2,
        "owners": "team:data-platform",
    }
    for name, field in Settings.model_fields.items():
        if (value := ours.get(name, field.default)) is not None:
            monkeypatch.setenv(f"{PREFIX}{name.upper()}", str(value))
    home = tmp_path / "dagster"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setitem(Settings.model_config, "env_file", ())
    monkeypatch.chdir(tmp_path)
    current_settings.cache_clear()
    yield tmp_path
    current_settings.cache_clear()


def use(place: pytest.MonkeyPatch, **settings: str) -> None:
    """Put settings into the environment, for this process and its children."""
    for name, value in settings.items():
        place.setenv(f"{PREFIX}{name.upper()}", value)
    current_settings.cache_clear()


@pytest.fixture(autouse=True)
def _no_instance_of_another_test() -> None:
    """Dagster keeps the last instance's storage in a context variable, and instances that end out of order leave a
    dead one behind: then no definitions resolve any more in this process."""
    for variable in contextvars.copy_context():
        if variable.name == "_current_storage":
            variable.set(None)


@pytest.fixture
def lake(environment: Path) -> Lake:
    """An empty lake, the one that the settings name."""
    return Lake(str(environment / "lake"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that lives as long as the test."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture(scope="session", autouse=True)
def _one_process_for_many_runs() -> Iterator[None]:
    """What a replay does too: Dagster compiles its SQL once, and reads its migrations once.

    What has been imported stays, so that the collector need not look at it again and again.
    """
    share_compiled_sql()
    read_migrations_once()
    gc.collect()
    gc.freeze()
    yield
    cluster.close()


class Bronze:
    """Bronze tables made by hand: a delivery replaces its batch, as an ingested one does."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def deliver(self, table: str, batch: str, files: dict[str, list[dict[str, Any]]]) -> None:
        """Make `files` (rows by file name; columns left out get a value of their type) all there is of a batch."""
        uri = self.lake.table("bronze", table)
        written = [
            write_file(self.lake, uri, batch, "{content}.parquet", partial(pq.write_table, _typed(table, batch, *item)))
            for item in files.items()
        ]
        commit(self.lake, uri, written, {batch}, schema=_bronze_schema(table))

    def snapshots(self, tables: Iterable[str] = FACTS) -> dict[str, Snapshot]:
        return {name: snapshot(self.lake, self.lake.table("bronze", name)) for name in tables}


@pytest.fixture
def bronze(lake: Lake) -> Bronze:
    """Bronze tables of the test's own rows."""
    return Bronze(lake)


_TYPES = {
    "BIGINT": (pa.int64(), 0),
    "INTEGER": (pa.int32(), 0),
    "VARCHAR": (pa.string(), ""),
    "DATE": (pa.date32(), START.date()),
    MONEY: (pa.decimal128(15, 2), Decimal("0.00")),
    TIME: (pa.timestamp("us", tz="UTC"), START),
}


def _bronze_schema(table: str) -> pa.Schema:
    columns = [(column.name, _TYPES[column.type][0]) for column in TABLES[table].columns]
    return pa.schema([*columns, *((name, pa.string()) for name in ("_batch", "_file", "_rescued"))])


def _typed(table: str, batch: str, file: str, rows: list[dict[str, Any]]) -> pa.Table:
    empty = {column.name: _TYPES[column.type][1] for column in TABLES[table].columns}
    return pa.Table.from_pylist(
        [{**empty, **row, "_batch": batch, "_file": file, "_rescued": None} for row in rows], _bronze_schema(table)
    )
