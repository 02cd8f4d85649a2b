"""`tpch-assets new`: what it infers from samples, and a project in which nothing of TPC-H is left."""

import ast
import json
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tpch_assets.bronze.json_lines import write_parquet
from tpch_assets.commands.main import main
from tpch_assets.commands.scaffold.infer import propose
from tpch_assets.commands.scaffold.project import Names
from tpch_assets.commands.scaffold.samples import read_samples
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.schema import Business, Table
from tpch_assets.settings import SettingsError
from tpch_assets_tests.commands.feeds import FEEDS, write

NAMES = {"web_shop": "web-shop", "devices": "meters", "code_events": "hub"}


@dataclass(frozen=True)
class Made:
    """A project made from a feed's samples."""

    feed: str
    samples: Path
    folder: Path

    @property
    def names(self) -> Names:
        return Names(NAMES[self.feed])

    @property
    def tables(self) -> dict[str, Table]:
        return {found.table.name: found.table for found in propose(read_samples(self.samples))}

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project. It is not installed, so its version stands beside it."""
        info = self.folder.parent / f"{self.names.name}-0.1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.names.command}\nVersion: 0.1.0\n")
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{self.folder.parent}", **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )


def command(place: pytest.MonkeyPatch, *words: str) -> None:
    place.setattr(sys, "argv", ["tpch-assets", "new", *words])
    main()


@pytest.fixture(scope="module", params=FEEDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if a test fails
    folder = tmp_path_factory.mktemp(request.param)
    FEEDS[request.param](folder / "samples", random.Random(seed))
    with pytest.MonkeyPatch.context() as place:
        command(place, NAMES[request.param], "--from", str(folder / "samples"), "--into", str(folder / "project"))
    return Made(request.param, folder / "samples", folder / "project")


def test_nothing_of_tpch_is_left(made: Made) -> None:
    found = [path for path in made.folder.rglob("*") if re.search("tpc-?h", path.name, re.IGNORECASE)]
    for path in made.folder.rglob("*"):
        if path.is_file() and path.suffix != ".gz" and re.search("tpc-?h", path.read_text("utf-8"), re.IGNORECASE):
            found.append(path)
    assert found == []


def test_the_documents_link_to_what_is_there(made: Made) -> None:
    documents = [made.folder / "README.md", *(made.folder / "docs").glob("*.md")]
    links = [(path, link) for path in documents for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8"))]
    assert links
    assert [link for path, link in links if ":" not in link and not (path.parent / link).exists()] == []


@pytest.mark.parametrize("made", ["web_shop"], indirect=True)
def test_its_tests_of_documents_pass(made: Made) -> None:
    """They are the same for each feed, but for a name with a hyphen in it."""
    done = made.python("-m", "pytest", f"{made.names.package}_tests/project", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout


def test_its_code_is_in_order(made: Made) -> None:
    for path in made.folder.rglob("*.py"):
        ast.parse(path.read_text("utf-8"))
    for options in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *options, "--no-cache", made.folder], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_the_tables_take_every_sample_line(made: Made, tmp_path: Path) -> None:
    rows, rejects = tmp_path / "rows.parquet", tmp_path / "rejects.parquet"
    for sample in read_samples(made.samples):
        path = tmp_path / f"{sample.table}.json"
        path.write_bytes(b"\n".join(sample.lines))
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            parsed = write_parquet(
                con,
                str(path),
                made.tables[sample.table],
                batch="b",
                file="f",
                rows_path=str(rows),
                rejects_path=str(rejects),
            )
        assert parsed.rejects == 0, pq.read_table(rejects).to_pylist()[0]
        assert parsed.rows == len(sample.lines)


def test_the_first_query_fits_the_tables(made: Made) -> None:
    business = Business(tuple(made.tables.values()), made.folder / made.names.package / made.names.name / "queries")
    (query,) = load_queries(business).values()
    assert query.chart is not None and "how_many" in dict(query.columns)
    assert f"show {query.name}" in (made.folder / "Makefile").read_text()


_TWO_DAYS = """
import json, sys
from datetime import datetime, timedelta, UTC
from {package}.compute.database import cursor
from {package}.{name} import BUSINESS
found = {{}}
for table in BUSINESS.facts:
    key = ", ".join(f'"{{name}}"' for name in table.key)
    for batch in [*range(96), *range(96, 192, 5)]:
        time = datetime(2026, 1, 1, tzinfo=UTC) + batch * timedelta(minutes=15)
        rows = BUSINESS.source.rows(table, batch, time, 1.0, many=False)
        times = [c.name for c in table.columns if c.stored.startswith("TIMESTAMP") and not c.nullable]
        with cursor() as con:
            con.execute(f"COPY ({{rows}}) TO 'made.json' (FORMAT json)")
        for line in open("made.json"):
            row = json.loads(line)
            keys = found.setdefault(table.name, {{}}).setdefault(batch >= 96, [])
            keys.append([row[name] for name in table.key])
            moments = [datetime.fromisoformat(row[name].removesuffix("Z") + "+00:00") for name in times]
            assert all(time <= moment < time + timedelta(minutes=15) for moment in moments[:1]), (row, time)
for name, days in found.items():
    first, second = (set(map(json.dumps, days[day])) for day in (False, True))
    assert len(first) == len(days[False]) and not first & second, name
print(json.dumps({{name: len(days[False]) for name, days in found.items()}}))
"""


def test_the_samples_come_once_a_day_with_keys_of_their_own(made: Made) -> None:
    code = _TWO_DAYS.format(package=made.names.package, name=made.names.name)
    done = made.python("-c", code)
    assert done.returncode == 0, done.stderr
    lines = {sample.table: len(sample.lines) for sample in read_samples(made.samples)}
    assert json.loads(done.stdout) == {name: lines[name] for name, table in made.tables.items() if table.is_fact}


@pytest.mark.parametrize("made", list(FEEDS) if os.environ.get("ALL_FEEDS") else ["devices"], indirect=True)
def test_a_day_of_samples_reaches_gold(made: Made, tmp_path: Path) -> None:
    """With ALL_FEEDS=1 in the environment for each of the three feeds; a day takes half a minute."""
    prefix = made.names.prefix
    place = {f"{prefix}LAKE": str(tmp_path / "lake"), "DAGSTER_HOME": str(tmp_path / "dagster")}
    code = f"from {made.names.package}.commands.main import main; main()"
    done = made.python("-c", code, "replay", **place, **{f"{prefix}START": "2026-01-01"})
    assert done.returncode == 0, done.stderr
    (query,) = (path.stem for path in made.folder.rglob("queries/*.sql"))
    shown = made.python("-c", code, "show", query, **place)
    assert "as of 2026-01-01" in shown.stdout, shown.stderr
    lake = Lake(str(tmp_path / "lake"))
    for name in made.tables:
        assert snapshot(lake, lake.table("bronze", f"{name}_rejects")).rows == 0
    gold = snapshot(lake, lake.table("gold", query))
    lines = next(sample.lines for sample in read_samples(made.samples) if query.startswith(f"{sample.table}_by_"))
    assert sum(read(gold, gold.files)["how_many"].to_pylist()) == len(lines)


def test_a_shop_has_facts_of_one_group_and_dimensions(tmp_path: Path) -> None:
    FEEDS["web_shop"](tmp_path, random.Random(1))
    tables = Made("web_shop", tmp_path, tmp_path).tables
    assert {name for name, table in tables.items() if table.is_fact} == {"orders", "order_lines"}
    orders, lines = tables["orders"], tables["order_lines"]
    assert (orders.key, orders.colocated_by, orders.group, orders.parent) == (("order_id",), "order_id", "orders", None)
    assert (lines.key, lines.colocated_by, lines.group, lines.parent) == (
        ("order_id", "line"),
        "order_id",
        "orders",
        "orders",
    )
    assert orders.column("total_price").type == "DECIMAL(18,2)" and orders.column("coupon").nullable
    assert tables["customers"].column("since").type == "DATE"


def test_nested_and_mixed_values_have_types_that_hold_them(tmp_path: Path) -> None:
    for feed in ("devices", "code_events"):
        FEEDS[feed](tmp_path, random.Random(1))
    tables = Made("devices", tmp_path, tmp_path).tables
    readings, events = tables["readings"], tables["events"]
    assert {column.name: column.type for column in readings.columns} == {
        "device_id": "VARCHAR",
        "ts": "TIMESTAMP",
        "firmware": "VARCHAR",
        "measures": 'STRUCT("celsius" DOUBLE, "volts" DOUBLE, "axes" BIGINT[])',
        "tags": "VARCHAR[]",
        "error": "JSON",
        "battery": "BIGINT",
    }
    assert (readings.key, readings.colocated_by) == (("device_id", "ts"), "ts")
    types = {column.name: column.type for column in events.columns}
    assert (types["payload"], types["delivery"], types["created_at"]) == ("JSON", "UUID", "TIMESTAMP WITH TIME ZONE")
    assert "@version" not in types, "bronze rescues it"


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["true", "false"], "BOOLEAN"),
        (["1", "-9223372036854775808"], "BIGINT"),
        (["9223372036854775808"], "DECIMAL(38,0)"),
        (["1", "2.5"], "DOUBLE"),
        (["1.0", "2.0"], "DOUBLE"),
        (["1", "1e3"], "DOUBLE"),
        (['"2024-02-29"'], "DATE"),
        (['"2023-02-29"'], "VARCHAR"),
        (['"2024-02-29T10:00:00"'], "TIMESTAMP"),
        (['"2024-02-29 10:00:00"', '"2024-02-29T10:00:00.5+01:00"'], "TIMESTAMP WITH TIME ZONE"),
        (['"2024-02-29"', '"2024-02-29T10:00:00"'], "VARCHAR"),
        (['"2024-02-29T10:00:00.123456789Z"'], "VARCHAR"),
        (['"017"'], "VARCHAR"),
        (["1", '"1"'], "JSON"),
        (["1", "true"], "JSON"),
        (['{"a": 1}', '{"a": null}'], 'STRUCT("a" BIGINT)'),
        (['{"a b": 1}'], "JSON"),
        (['{"a": 1, "A": 1}'], "JSON"),
        (["{}"], "JSON"),
        (["[]"], "JSON"),
        (["[1, null]", "[]"], "BIGINT[]"),
        (['[{"a": "x"}]'], 'STRUCT("a" VARCHAR)[]'),
        (["[1]", "1"], "JSON"),
    ],
)
def test_a_column_gets_the_narrowest_type(values: list[str], type_: str, tmp_path: Path) -> None:
    lines = [f'{{"id": {number}, "value": {value}}}' for number, value in enumerate(values)]
    (tmp_path / "things.json").write_text("\n".join(lines))
    (found,) = propose(read_samples(tmp_path))
    assert found.table.column("value").type == type_


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([{"name": "a", "id": 1}, {"name": "b", "id": 2}], ("id",)),
        ([{"price_id": 1, "thing_id": 2}, {"price_id": 1, "thing_id": 3}], ("thing_id",)),
        ([{"a_id": 1, "b_id": 1}, {"a_id": 1, "b_id": 2}, {"a_id": 2, "b_id": 1}], ("a_id", "b_id")),
        ([{"id": 1, "n": 1}, {"id": 1, "n": 2}, {"id": 1, "n": 1}], ("id", "n")),
        ([{"id": 1, "v": 1.5}, {"id": 1, "v": 2.5}], ("id",)),
        ([{"id": None, "name": "x"}, {"id": 1, "name": "y"}], ("name",)),
    ],
)
def test_a_key_is_proposed(rows: list[dict[str, Any]], key: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, "things.json", rows)
    (found,) = propose(read_samples(tmp_path))
    assert found.table.key == key


def test_a_key_that_is_not_unique_is_marked(tmp_path: Path) -> None:
    write(tmp_path, "things.json", [{"id": 1, "v": 1.5}, {"id": 1, "v": 2.5}])
    (found,) = propose(read_samples(tmp_path))
    assert found.notes["key"].startswith("NOT unique")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has no samples: put JSON lines into"),
        ({"readme.txt": "hello"}, "has no samples"),
        ({"things.json": ""}, "things.json is empty"),
        ({"things.json": '[{"id": 1}]'}, "things.json, line 1: "),
        ({"things.json": '{"id": 1}\n{"id": '}, "things.json, line 2: "),
        ({"things.json": "id,name\n1,x"}, "a sample has one JSON object per line"),
        ({"things.json.gz": "not packed"}, "things.json.gz cannot be read"),
        ({"1.json": '{"id": 1}'}, "1.json cannot name a table"),
        ({"things.json": '{"v": 1.5}\n{"v": 2.5}'}, "have no column that can be a key"),
    ],
)
def test_bad_samples_are_one_sentence(
    files: dict[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "samples").mkdir()
    for name, text in files.items():
        (tmp_path / "samples" / name).write_text(text)
    with pytest.raises(SystemExit, match="2"):
        command(monkeypatch, "bakery", "--from", str(tmp_path / "samples"), "--into", str(tmp_path / "bakery"))
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and said.startswith("tpch-assets: ")
    assert not (tmp_path / "bakery").exists()


def test_a_missing_folder_and_a_folder_that_exists_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no folder"):
        read_samples(tmp_path / "nowhere")
    FEEDS["devices"](tmp_path / "samples", random.Random(1))
    with pytest.raises(SystemExit), pytest.MonkeyPatch.context() as place:
        command(place, "bakery", "--from", str(tmp_path / "samples"), "--into", str(tmp_path))
    assert (tmp_path / "samples").is_dir()


@pytest.mark.parametrize("name", ["Shop", "2shop", "my shop", "class", "../x", "shop-", "dagster", "lake", "x" * 31])
def test_a_bad_name_is_one_sentence(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a project"):
        Names(name)


def test_names_follow_from_the_command() -> None:
    names = Names("web-shop")
    assert (names.name, names.package, names.prefix, names.title) == (
        "web_shop",
        "web_shop_assets",
        "WEB_SHOP_",
        "Web shop",
    )
