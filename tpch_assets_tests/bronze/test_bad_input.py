"""Bad raw files through the real bronze and silver: good lines land exact, bad ones are rejects, checks count them."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from tpch_assets.lake.snapshot import read
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph

GOOD = {
    "o_custkey": 370,
    "o_orderstatus": "O",
    "o_totalprice": 172799.49,
    "o_orderdate": "1996-01-02",
    "o_orderpriority": "5-LOW",
    "o_clerk": "Clerk#000000951",
    "o_shippriority": 0,
    "o_comment": 'naïve "quoted" \\ 日本',
    "o_ordertime": "2024-01-01T00:00:00.000000Z",
}


def line(key: int, **changes: Any) -> bytes:
    """A good order with some fields changed; `...` leaves one out."""
    fields = {"o_orderkey": key, **GOOD, **changes}
    return json.dumps({k: v for k, v in fields.items() if v is not ...}, ensure_ascii=False).encode()


def spelled(key: int, field: str, spelling: bytes) -> bytes:
    """A good order with a field's value spelled just so."""
    return line(key, **{field: "@"}).replace(b'"@"', spelling)


@dataclass(frozen=True)
class Case:
    """A raw file: its lines, the keys of the good ones and a word of each reject's reason, in order."""

    content: bytes
    good: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    file: str = "orders.json"


def lines(*texts: bytes) -> bytes:
    return b"".join(text + b"\n" for text in texts)


CASES = {
    "clean": Case(lines(line(1), line(2)), (1, 2)),
    "truncated last line": Case(lines(line(11)) + line(12)[:70], (11,), ("JSON",)),
    "no newline at the end": Case(lines(line(21)) + line(22), (21, 22)),
    "invalid UTF-8": Case(lines(line(31), line(32).replace(b"5-LOW", b"5-\xff"), line(33)), (31, 33), ("UTF-8",)),
    "BOM": Case(b"\xef\xbb\xbf" + lines(line(41), line(42)), (41, 42)),
    "wrong types": Case(
        lines(
            line(51),
            spelled(52, "o_custkey", b"2.7"),
            spelled(53, "o_custkey", b'"2"'),
            spelled(54, "o_custkey", b"true"),
            spelled(55, "o_totalprice", b"1.239"),
            spelled(56, "o_totalprice", b'"1.23"'),
            line(57, o_comment=7),
            line(58, o_orderdate="1996-02-30"),
            line(59, o_ordertime="yesterday"),
        ),
        (51,),
        ("o_custkey", "o_custkey", "o_custkey", "decimals", "o_totalprice", "o_comment", "o_orderdate", "o_ordertime"),
    ),
    "missing": Case(
        lines(line(61, o_clerk=...), line(62), line(63, o_clerk=None), b"{}"),
        (62,),
        ("o_clerk: missing", "o_clerk: null", "o_orderkey"),
    ),
    "missing key": Case(lines(line(64, o_orderkey=...), line(65)), (65,), ("o_orderkey: missing",)),
    "unknown fields": Case(lines(line(71, extra={"a": [1.50, None]}), line(72)), (71, 72)),
    "too large": Case(
        lines(
            spelled(81, "o_orderkey", b"9223372036854775808"),
            spelled(82, "o_shippriority", b"2147483648"),
            spelled(83, "o_totalprice", b"12345678901234.56"),
            line(84),
        ),
        (84,),
        ("out of range", "out of range", "out of range"),
    ),
    "largest": Case(
        lines(spelled(85, "o_totalprice", b"9999999999999.99"), line(9223372036854775807)), (85, 2**63 - 1)
    ),
    "NaN": Case(
        lines(*(spelled(91, "o_totalprice", text) for text in (b"NaN", b"Infinity", b"-Infinity", b"1e400")), line(92)),
        (92,),
        ("o_totalprice", "o_totalprice", "o_totalprice", "out of range"),
    ),
    "empty": Case(b"", ()),
    "blank lines": Case(b"\n" + lines(line(101), b"", b"  \t", line(102)) + b"\r\n\n", (101, 102)),
    "carriage returns": Case(lines(line(103) + b"\r", line(104) + b"\r"), (103, 104)),
    "duplicates": Case(
        lines(line(111), line(111), line(112).replace(b"{", b'{"o_orderkey": 7, ', 1), line(113, o_totalprice=1.25)),
        (111, 111, 113),
        ("o_orderkey",),
    ),
    "not JSON": Case(b"\x89PNG\r\n\x1a\n" + bytes(range(1, 200)) + b"\nhello\n<xml/>\n", (), ("",) * 6),
    "no objects": Case(lines(b"[1, 2]", b"7", b'"text"', b"null"), (), ("not a JSON object",) * 4),
    "gzip": Case(gzip.compress(lines(line(121), line(122))), (121, 122), (), "orders.json.gz"),
    "gzip by another name": Case(gzip.compress(lines(line(123), line(124)[:50])), (123,), ("JSON",)),
    "gzip cut off": Case(gzip.compress(lines(*map(line, range(131, 140))))[:-9], tuple(range(131, 140)), ("gzip",)),
}
BATCH = dict(zip(CASES, days.keys(0, len(CASES)), strict=True))
CHECKS = ("every_line_is_in_bronze_or_rejects", "no_rejects")


class Run:
    """All cases, a batch each, by one run of bronze."""

    def __init__(self, place: Place, loaded: Graph) -> None:
        for name, case in CASES.items():
            place.deliver("orders", BATCH[name], "raw.json", b"").unlink()
            place.deliver("orders", BATCH[name], f"_{case.file}", b"").write_bytes(case.content)
            folder = place.folder / "lake/raw/orders" / BATCH[name]
            (folder / f"_{case.file}").rename(folder / case.file)
        place.deliver(
            "lineitem", BATCH["clean"], "lines.json", days.raw_rows(days.whole_day().lake, "lineitem", days.key(0))
        )
        self.place, self.loaded = place, loaded
        self.requests = loaded.sensor("bronze_sensor").run_requests
        self.results = loaded.run(self.requests)
        tables = days.tables_of(place.lake)
        self.rows = read(tables["bronze/orders"]).to_pylist()
        self.rejects = read(tables["bronze/orders_rejects"]).to_pylist()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """In production's way: the files just land, and nothing is generated."""
    with graph(Place(tmp_path_factory.mktemp("bad")), generate=False) as loaded:
        yield Run(loaded.place, loaded)


def test_the_runs_succeed(run: Run) -> None:
    assert all(result.success for result in run.results)
    assert run.loaded.sensor("bronze_sensor").skip_message


@pytest.mark.parametrize("name", CASES)
def test_good_lines_are_rows_and_bad_ones_rejects(run: Run, name: str) -> None:
    case, batch = CASES[name], BATCH[name]
    rows = [row for row in run.rows if row["_batch"] == batch]
    assert sorted(row["o_orderkey"] for row in rows) == sorted(case.good)
    assert {row["_file"] for row in rows} <= {case.file}
    rejects = sorted((r for r in run.rejects if r["_batch"] == batch), key=lambda reject: reject["_line"])
    assert len(rejects) == len(case.reasons), rejects
    for reject, reason in zip(rejects, case.reasons, strict=True):
        assert reject["_reason"] and reason in reject["_reason"]
        assert reject["_file"] == case.file
        assert reject["_line"] >= 1


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].good])
def test_good_lines_are_exact(run: Run, name: str) -> None:
    expected = {
        **GOOD,
        "o_totalprice": Decimal("172799.49"),
        "o_orderdate": date(1996, 1, 2),
        "o_ordertime": datetime(2024, 1, 1, tzinfo=UTC),
    }
    other = {85: Decimal("9999999999999.99"), 113: Decimal("1.25")}
    for row in run.rows:
        if row["_batch"] == BATCH[name]:
            key = row["o_orderkey"]
            values = {field: row[field] for field in expected}
            values["o_ordertime"] = values["o_ordertime"].astimezone(UTC)
            assert values == {**expected, "o_totalprice": other.get(key, expected["o_totalprice"])}
            rescued = row["_rescued"] and json.loads(row["_rescued"])
            assert rescued == ({"extra": {"a": [1.5, None]}} if key == 71 else None)


def test_rejects_say_where_and_what(run: Run) -> None:
    (reject,) = (r for r in run.rejects if r["_batch"] == BATCH["truncated last line"])
    assert (reject["_line"], reject["_text"].encode()) == (2, line(12)[:70])
    (reject,) = (r for r in run.rejects if r["_batch"] == BATCH["invalid UTF-8"])
    assert reject["_line"] == 2 and "5-" in reject["_text"]


def test_checks_show_the_count(run: Run) -> None:
    rejected = sum(len(case.reasons) for case in CASES.values())
    good = sum(len(case.good) for case in CASES.values())
    checks = {
        evaluation.check_name: evaluation
        for result in run.results
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key.path[-1] == "orders"
    }
    assert set(checks) == set(CHECKS)
    figures = {"lines": good + rejected, "rows": good, "rejects": rejected}
    assert {figure: checks[CHECKS[0]].metadata[figure].value for figure in figures} == figures
    assert checks[CHECKS[0]].passed
    warning = checks[CHECKS[1]]
    assert warning.metadata["rejects"].value == rejected
    by_reason: Any = warning.metadata["rows by reason"].value
    assert 0 < sum(by_reason.values()) <= rejected
    assert (warning.passed, warning.severity) == (False, dg.AssetCheckSeverity.WARN)
    reasons: Any = warning.metadata["reasons"].value
    assert 0 < len(reasons) <= 10
    assert all(" line " in reason for reason in reasons)


def test_metadata_shows_rejects_per_batch(run: Run) -> None:
    found = run.loaded.instance.fetch_materializations(dg.AssetKey(["bronze", "orders"]), limit=100).records
    made = {record.partition_key: record.asset_materialization for record in found}
    by_batch = {key: one.metadata for key, one in made.items() if one}
    for name, case in CASES.items():
        metadata = by_batch[BATCH[name]]
        assert metadata["dagster/partition_row_count"].value == len(case.good), name
        assert metadata["rejects"].value == len(case.reasons), name
        assert metadata["lines"].value == len(case.good) + len(case.reasons), name


def test_silver_has_the_good_lines(run: Run) -> None:
    assert all(result.success for result in run.loaded.run(run.loaded.sensor("late_data_sensor").run_requests))
    silver = days.rows_of(run.place.lake, "silver", "orders")
    good = {key for case in CASES.values() for key in case.good}
    assert sorted(silver["o_orderkey"].to_pylist()) == sorted(good)


def test_a_corrected_redelivery_takes_its_rejects_away(run: Run) -> None:
    batch = BATCH["truncated last line"]
    run.place.deliver("orders", batch, "orders.json", lines(line(11), line(12)))
    (request,) = run.loaded.sensor("bronze_sensor").run_requests
    assert days.stretch(request) == (batch, batch)
    (result,) = run.loaded.run([request])
    found = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    assert found[CHECKS[0]].passed
    assert found[CHECKS[1]].metadata["rejects"].value == len(run.rejects) - 1, "the others are still told"
    tables = days.tables_of(run.place.lake)
    assert read(tables["bronze/orders"]).num_rows == len(run.rows) + 1
    assert batch not in read(tables["bronze/orders_rejects"])["_batch"].to_pylist()
    assert read(tables["bronze/orders_rejects"]).num_rows == len(run.rejects) - 1
