"""Hostile lines and files: bronze takes what the checker takes, rejects the rest, and counts every line."""

import gzip
import itertools
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tpch_assets.bronze.json_lines import whole
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.answers import RULES
from tpch_assets_tests.chaos.checker import Delivered
from tpch_assets_tests.chaos.services import Services

END = feed.START + timedelta(hours=25)
GOOD = {"sale": 7, "customer": 3, "total": 1.25}
VALUES = (
    *("0", "-0", "1", "-1", "1.0", "1e0", "10e-1", "1.5", "1e2", "1E+2", "01", "+1", "1.", ".5", "0x1", "1_000"),
    *("2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808"),
    *("9999999.99", "10000000", "-9999999.99", "0.001", "1.250", "1e400", "-1e400", "1e-400", "NaN", "Infinity"),
    *("-Infinity", "nan", "null", "true", "false", '""', '"1"', '"NaN"', '" "', '"\\u0000"', '"\\ud800"', "[]", "[1]"),
    *("12", "007", "1E5", "5e-1", "1.00", "0.1", "2.5e0", "1e10", "9999999.9", "1e6", "-1.01", "1.0000000000000000001"),
    *("tru", "nul", '"2024-02-28"', "[null]", '"1e2"', "0e0", "-1e-2", "123456789.12"),
    *("{}", '{"a": 1}', "'1'", "1 2", "1,", ",1", "", "undefined", "None", '"', '"\\x"', '"a\tb"', "1/*c*/", "1//c"),
)
"""Spellings of a value, in place of each field of a good line."""
WHOLE = (
    *(b"", b" ", b"\t", b"\r", b"{", b"}", b"{}", b"[]", b"null", b"1", b'"text"', b"[{}]", b"{{}}", b"\x00", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xc3\x28", b'{"sale": 7', b'{"sale": 7}}', b'{"sale": 7} {"sale": 8}', b"{'sale': 7}"),
    *(b'{"sale": 7, "sale": 8, "customer": 3, "total": 1}', b"--", b"<a/>", b"sale,customer,total", b"7,3,1.25"),
)


def lines() -> Iterator[bytes]:
    """A line for each spelling of each field, and lines that are nothing at all; more than 300."""
    for field, value in itertools.product(GOOD, VALUES):
        yield json.dumps({**GOOD, field: "@"}).replace('"@"', value).encode()
    for field in GOOD:
        yield json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
        yield json.dumps({**GOOD, field.upper(): 1}).encode()
    for text in WHOLE:
        yield text
        yield json.dumps(GOOD).encode() + text
        yield text + json.dumps(GOOD).encode()


@pytest.fixture
def services(lake: Lake) -> Services:
    return Services(lake)


def land(services: Services, content: bytes, *, slot: int = 0, file: str = "a.json") -> None:
    path = Path(services.lake.path("raw", "sales", feed.batch(slot), file))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def held(services: Services) -> tuple[int, int]:
    """Rows and rejects in bronze."""
    uri = services.lake.table("bronze", "sales")
    return len(read(snapshot(services.lake, uri))), len(read(snapshot(services.lake, f"{uri}_rejects")))


def expected(content: bytes) -> tuple[int, int]:
    found = Delivered(RULES["sales"])
    found.deliver("", "", content)
    rows = len(found.rows())
    return rows, found.lines - rows


def test_the_checker_agrees_on_three_hundred_hostile_lines(services: Services) -> None:
    hostile = [line for line in lines() if b"\xef\xbb\xbf" not in line]
    assert len(hostile) >= 300
    for slot, line in enumerate(hostile):
        land(services, line + b"\n", slot=slot)
    services._bronze(END + timedelta(days=10))
    uri = services.lake.table("bronze", "sales")
    taken = set(read(snapshot(services.lake, uri))["_batch"].to_pylist())
    wrong = [line for slot, line in enumerate(hostile) if (feed.batch(slot) in taken) != bool(expected(line)[0])]
    assert wrong == []
    rejects = sum(expected(line)[1] for line in hostile)
    assert held(services) == (sum(expected(line)[0] for line in hostile), rejects)


def test_all_of_them_in_one_file(services: Services) -> None:
    content = b"\n".join(line for line in lines() if b"\xef\xbb\xbf" not in line)
    land(services, content)
    services._bronze(END)
    assert held(services) == expected(content)


def test_a_reader_that_skips_lines_is_noticed(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"".join(json.dumps({**GOOD, "sale": n}).encode() + b"\n" for n in range(50))
    really: Callable[..., int] = whole.Work.copy

    def skips(self: whole.Work, select: str, target: str) -> int:
        return really(self, f"{select} LIMIT 40", target)

    monkeypatch.setattr(whole.Work, "copy", skips)
    land(services, content)
    with pytest.raises(RuntimeError, match="wrote 40 rows, 0 rejects, not 50 and 0"):
        services._bronze(END)
    assert held(services) == (0, 0)


@pytest.mark.chaos
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.sampled_from(list(lines())), st.binary(max_size=60)), min_size=1, max_size=30))
def test_files_by_chance(tmp_path_factory: pytest.TempPathFactory, found: list[bytes]) -> None:
    content = b"\n".join(line for line in found if b"\xef\xbb\xbf" not in line)
    services = Services(Lake(str(tmp_path_factory.mktemp("lake"))))
    land(services, content)
    services._bronze(END)
    assert held(services) == expected(content)


@pytest.mark.chaos
def test_a_line_of_64_mb_and_a_file_of_1_gb_are_read(services: Services) -> None:
    long = json.dumps({**GOOD, "more": "x" * (64 << 20)}).encode() + b"\n"
    land(services, long + json.dumps(GOOD).encode() + b"\n", file="long.json")
    line = json.dumps({**GOOD, "sale": 1234567890}).encode() + b"\n"
    count = (1 << 30) // len(line)
    path = Path(services.lake.path("raw", "sales", feed.batch(1), "large.json"))
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for _ in range(count // 10_000):
            file.write(line * 10_000)
    services._bronze(END)
    assert not services.failures
    uri = services.lake.table("bronze", "sales")
    rows, rejects = snapshot(services.lake, uri).rows, snapshot(services.lake, f"{uri}_rejects").rows
    assert rows + rejects == count // 10_000 * 10_000 + 2
    assert rejects <= 1, "a line that is too long is a reject with its beginning"


@pytest.mark.chaos
def test_ten_thousand_tiny_files(services: Services) -> None:
    for number in range(10_000):
        land(services, json.dumps({**GOOD, "sale": number}).encode(), slot=number % 90, file=f"{number}.json")
    for _ in range(3):
        services.tick(END)
    assert services.tick(END) == [] and held(services) == (10_000, 0)
    assert snapshot(services.lake, services.lake.table("silver", "sales")).rows == 10_000


ODD = (
    " .json",
    "ü b.json",
    "a%20b.json",
    "a=b.json",
    "#.json",
    "a?b*.json",
    "'.json",
    '".json',
    "a\nb.json",
    "[1].json",
)


def test_files_of_odd_names_and_packed_ones(services: Services) -> None:
    for number, name in enumerate(ODD):
        land(services, json.dumps({**GOOD, "sale": number}).encode(), file=name)
    land(services, gzip.compress(json.dumps({**GOOD, "sale": 99}).encode()), file="z.json.gz")
    services._bronze(END)
    assert held(services) == (len(ODD) + 1, 0)
    assert services.asked == ["bronze/sales"]
    services.asked.clear()
    services._bronze(END)
    assert services.asked == []


def test_a_file_that_is_deleted_between_listing_and_reading_fails_a_run_and_no_more(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(services, json.dumps(GOOD).encode(), file="a.json")
    land(services, json.dumps({**GOOD, "sale": 8}).encode(), file="b.json")
    store = services._store

    def late(*arguments: Any) -> None:
        Path(services.lake.path("raw", "sales", feed.batch(0), "b.json")).unlink(missing_ok=True)
        store(*arguments)

    monkeypatch.setattr(services, "_store", late)
    services._bronze(END)
    assert services.failures and held(services) == (0, 0)
    services._bronze(END)
    assert held(services) == (1, 0)


CLOCKS = (0, 1, 2**31 - 1, 2**31, 4_102_444_800, 32_503_680_000)
"""Times of files: 1970, 2038, 2100 and the year 3000."""


def test_files_with_wrong_clocks_are_read(services: Services) -> None:
    for number, moment in enumerate(CLOCKS):
        land(services, json.dumps({**GOOD, "sale": number}).encode(), file=f"{number}.json")
        os.utime(services.lake.path("raw", "sales", feed.batch(0), f"{number}.json"), (moment, moment))
    services._bronze(END)
    assert held(services) == (len(CLOCKS), 0)


@pytest.mark.chaos
def test_ten_years_of_days_are_planned_in_time(services: Services) -> None:
    """A day a month over ten years, leap days and ends of years among them."""
    chance = random.Random(1)
    days = sorted({*range(0, 3653, 30), 0, 306, 307, 1461, 3652})
    for day in days:
        for table in ("sales", "items", "customers"):
            content = feed._customers(chance, 0)[0].content if table == "customers" else b""
            if table == "sales":
                content = json.dumps({**GOOD, "sale": day}).encode()
            path = Path(services.lake.path("raw", table, feed.batch(day * 96 + 80), "a.json"))
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
    end = feed.START + timedelta(days=3653)
    for _ in range(8):
        services.tick(end)
    assert services.tick(end) == []
    assert snapshot(services.lake, services.lake.table("silver", "sales")).rows == len(days)
    services.business = replace(services.business)
