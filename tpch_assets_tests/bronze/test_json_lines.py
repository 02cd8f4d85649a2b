"""Bad input lands in the rejects, good input exactly in the rows, whatever else is in the file."""

import gzip
import json
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tpch_assets.bronze import json_lines
from tpch_assets.bronze.json_lines import Parsed, evident, feed, scan, sql, strict, values, write_parquet
from tpch_assets.bronze.json_lines import lines as path_for_lines
from tpch_assets.schema import Column, Table
from tpch_assets.schema.types import INTEGER_BITS
from tpch_assets.schema.types import parse as parse_type
from tpch_assets_tests.tpch_tables import TABLES, TIME

Fields = dict[str, str]  # names to values, both as JSON
PAIRED = [TABLES["orders"], TABLES["lineitem"]]


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
        tables = "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal"
        assert connection.execute(tables).fetchall() == []  # nothing is left in the session


@pytest.fixture(params=PAIRED, ids=lambda table: table.name)
def table(request) -> Table:
    return request.param


@pytest.fixture
def parse(con, tmp_path):
    """Parses bytes; returns what was counted, the rows (unless many) and the rejects."""

    def run(content: bytes, table: Table, name: str = "source.json") -> tuple[Parsed, list[dict], list[dict]]:
        (tmp_path / name).write_bytes(content)
        rows, rejects = tmp_path / "rows.parquet", tmp_path / "rejects.parquet"
        parsed = write_parquet(
            con, str(tmp_path / name), table, batch="b", file="f", rows_path=str(rows), rejects_path=str(rejects)
        )
        assert parsed.lines == parsed.rows + parsed.rejects
        assert rejects.exists() == bool(parsed.rejects)
        kept = read(rows) if parsed.rows < 50_000 else []
        return parsed, kept, read(rejects) if parsed.rejects else []

    run.rows = tmp_path / "rows.parquet"  # type: ignore[attr-defined]
    return run


@pytest.fixture
def only_fast(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("left the fast path")

    monkeypatch.setattr(json_lines, "read_lines", fail)


@pytest.fixture
def only_careful(monkeypatch):
    monkeypatch.setattr(json_lines, "read_whole", lambda *_: None)
    monkeypatch.setattr(json_lines, "pattern_of", lambda *_: None)


def read(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def kind(column: Column) -> str:
    kinds = {"VARCHAR": "text", "DATE": "date", "BIGINT": "integer", "INTEGER": "integer"}
    return kinds.get(column.type, "decimal" if column.type.startswith("DECIMAL") else "time")


def first(table: Table, kind_: str) -> str:
    return json.dumps(next(column.name for column in table.columns if kind(column) == kind_))


def good(table: Table, number: int) -> Fields:
    """A good line."""
    rng = random.Random(number)
    words = ["", "furiously", "é ü 漢 😀", ": {[,]} :", "-- .5", "a,b", "true", "x" * 70, " ", "3-MEDIUM", "0.5"]
    makers = {
        "integer": lambda: str(rng.randrange(1_000_000)),
        "decimal": lambda: str(Decimal(rng.randrange(-(10**9), 10**13)).scaleb(-2)),
        "date": lambda: f'"19{rng.randrange(92, 99)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"',
        "time": lambda: f'"2026-01-01T{rng.randrange(24):02}:00:{rng.randrange(60):02}.{rng.randrange(10**6):06}Z"',
        "text": lambda: json.dumps(rng.choice(words) + rng.choice("abc"), ensure_ascii=False),
    }
    return {json.dumps(column.name): makers[kind(column)]() for column in table.columns}


def spell(fields: Fields, comma: str = ",", colon: str = ":") -> bytes:
    return ("{" + comma.join(f"{name}{colon}{value}" for name, value in fields.items()) + "}").encode()


@cache
def line_of(table: Table, number: int) -> bytes:
    return spell(good(table, number))


def lines_of(table: Table, count: int) -> list[bytes]:
    return [line_of(table, number) for number in range(count)]


def expected(line: bytes, table: Table) -> dict[str, Any] | None:
    """The row that a line should become, or None for a reject: slow, plain and apart from the code under test."""

    class Number(str):
        pass

    def unique(pairs):
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("duplicate")
        return dict(pairs)

    def fail(constant):
        raise ValueError(constant)

    try:
        text = line.decode()
        parsed = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=fail, object_pairs_hook=unique)
        row: dict[str, Any] = {}
        for column in table.columns:
            value = parsed.pop(column.name)
            assert isinstance(value, str)
            assert isinstance(value, Number) == (kind(column) in ("integer", "decimal"))
            match kind(column):
                case "integer":
                    bound = 2 ** (INTEGER_BITS[column.parsed.sql] - 1)
                    assert -bound <= Decimal(value) < bound
                    assert int(Decimal(value)) == Decimal(value)
                    row[column.name] = int(Decimal(value))
                case "decimal":
                    cents = Decimal(value) * 100
                    assert cents == int(cents)
                    assert abs(cents) < 10**15
                    row[column.name] = cents / 100
                case "date":
                    assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
                    row[column.name] = date.fromisoformat(value)
                case "time":
                    assert re.fullmatch(r"[^.]{10}[T ][^.]{8}([.]\d{1,6})?(Z|[+-]\d\d:\d\d)?", value)
                    moment = datetime.fromisoformat(value)
                    row[column.name] = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
                case "text":
                    row[column.name] = value
        json.dumps([row, parsed], ensure_ascii=False, default=str).encode()
    except (ValueError, KeyError, AssertionError, AttributeError, TypeError, ArithmeticError):
        return None
    return row | {"_batch": "b", "_file": "f", "_rescued": sorted(parsed) or None}


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """A row as `expected` gives it: of the unknown fields the names."""
    return row | {"_rescued": sorted(json.loads(row["_rescued"])) if row["_rescued"] else None}


def value_of(kind_: str, value: str) -> Callable[[Table, Fields], bytes]:
    return lambda table, fields: spell(fields | {first(table, kind_): value})


# What is wrong with a line -> how to make it so, and what the reason says ({integer} etc. being the column's name).
BAD: dict[str, tuple[Callable[[Table, Fields], bytes], str]] = {
    "truncated": (lambda _, fields: spell(fields)[:-20], "not valid JSON"),
    "malformed": (lambda _, fields: spell(fields, comma=";"), "not valid JSON: Expecting ',' delimiter"),
    "trailing comma": (lambda _, fields: spell(fields)[:-1] + b",}", "not valid JSON"),
    "trailing text": (lambda _, fields: spell(fields) + b" x", "not valid JSON: Extra data"),
    "two objects": (lambda _, fields: spell(fields) + spell(fields), "not valid JSON: Extra data"),
    "invalid UTF-8": (lambda table, fields: spell(fields).replace(b'"', b'"\xff', 5), "not valid UTF-8: byte 0xff"),
    "UTF-8 surrogate": (lambda _, fields: spell(fields).replace(b'":"', b'":"\xed\xa0\x80', 1), "not valid UTF-8"),
    "raw NUL": (lambda _, fields: spell(fields).replace(b'":"', b'":"\0', 1), "Invalid control character"),
    "raw NUL outside": (lambda _, fields: spell(fields) + b"\0", "not valid JSON"),
    "raw tab": (lambda _, fields: spell(fields).replace(b'":"', b'":"\t', 1), "Invalid control character"),
    "BOM in the middle": (lambda _, fields: b"\xef\xbb\xbf" + spell(fields), "not valid JSON"),
    "duplicate key": (
        lambda table, fields: spell(fields)[:-1] + f",{first(table, 'integer')}:1}}".encode(),
        "{integer}: the key comes more than once",
    ),
    "duplicate unknown key": (lambda _, fields: spell(fields)[:-1] + b',"x":1,"x":1}', "x: the key comes more than"),
    "2.7 as integer": (value_of("integer", "2.7"), "{integer}: 2.7 is not an integer"),
    "1e-3 as integer": (value_of("integer", "1e-3"), "{integer}: 1e-3 is not an integer"),
    "hidden fraction": (value_of("integer", "2.000000000000000001"), "2.000000000000000001 is not an integer"),
    "1e20 as integer": (value_of("integer", "1e20"), "{integer}: 1e20 is out of range for BIGINT"),
    "enormous integer": (value_of("integer", "1e99999999999999999999"), "is out of range for BIGINT"),
    "text as integer": (value_of("integer", '"2"'), '{integer}: "2" is not a number'),
    "true as integer": (value_of("integer", "true"), "{integer}: true is not a number"),
    "list as integer": (value_of("integer", "[2]"), "{integer}: [2] is not a number"),
    "too large an integer": (value_of("integer", str(2**63)), "{integer}: 9223372036854775808 is out of range for B"),
    "a very long integer": (value_of("integer", "9" * 5000), "is out of range for BIGINT"),
    "leading zero": (value_of("integer", "01"), "not valid JSON"),
    "leading plus": (value_of("integer", "+1"), "not valid JSON"),
    "text as decimal": (value_of("decimal", '"2"'), '{decimal}: "2" is not a number'),
    "true as decimal": (value_of("decimal", "true"), "{decimal}: true is not a number"),
    "object as decimal": (value_of("decimal", '{"a":1.0}'), '{decimal}: {"a":1.0} is not a number'),
    "three decimals": (value_of("decimal", "1.239"), "{decimal}: 1.239 has more than 2 decimals"),
    "hidden decimals": (value_of("decimal", "1.230000000000000001"), "{decimal}: 1.230000000000000001 has more than 2"),
    "hidden 9s": (value_of("decimal", "0.2899999999999999999"), "{decimal}: 0.2899999999999999999 has more than 2"),
    "too large a decimal": (value_of("decimal", "1234567890123456.78"), "is out of range for DECIMAL(15,2)"),
    "just too large": (value_of("decimal", "10000000000000"), "is out of range for DECIMAL(15,2)"),
    "too small an exponent": (value_of("decimal", "1e-3"), "{decimal}: 1e-3 has more than 2 decimals"),
    "1e400": (value_of("decimal", "1e400"), "{decimal}: 1e400 is out of range"),
    "enormous exponent": (value_of("decimal", "1e99999999999999999999"), "is out of range"),
    "NaN": (value_of("decimal", "NaN"), "{decimal}: NaN is not a number"),
    "nan": (value_of("decimal", "nan"), "not valid JSON"),
    "Infinity": (value_of("decimal", "Infinity"), "{decimal}: Infinity is not a number"),
    "-Infinity": (value_of("decimal", "-Infinity"), "{decimal}: -Infinity is not a number"),
    "null": (value_of("text", "null"), "{text}: null, but must have a value"),
    "null as decimal": (value_of("decimal", "null"), "{decimal}: null, but must have a value"),
    "missing": (
        lambda table, fields: spell({name: value for name, value in fields.items() if name != first(table, "date")}),
        "{date}: missing, but must have a value",
    ),
    "wrong case": (lambda _, fields: spell({name.upper(): value for name, value in fields.items()}), "missing"),
    "no such day": (value_of("date", '"1996-02-30"'), '{date}: "1996-02-30" is a date that does not exist'),
    "no such leap day": (value_of("date", '"1999-02-29"'), '{date}: "1999-02-29" is a date that does not exist'),
    "year 0": (value_of("date", '"0000-01-01"'), "is a date that does not exist"),
    "long year": (value_of("date", '"11996-02-03"'), "is not a date YYYY-MM-DD"),
    "short date": (value_of("date", '"1996-2-3"'), '{date}: "1996-2-3" is not a date YYYY-MM-DD'),
    "date with slashes": (value_of("date", '"1996/02/03"'), "is not a date YYYY-MM-DD"),
    "date with a space": (value_of("date", '"1996-2-03 "'), "is not a date YYYY-MM-DD"),
    "date with a time": (value_of("date", '"1996-02-03 00:00:00"'), "is not a date YYYY-MM-DD"),
    "date without dashes": (value_of("date", '"19960203"'), "is not a date YYYY-MM-DD"),
    "date as number": (value_of("date", "19960203"), "{date}: 19960203 is not a date YYYY-MM-DD"),
    "epoch": (value_of("date", '"epoch"'), '{date}: "epoch" is not a date'),
    "infinity": (value_of("date", '"infinity"'), '{date}: "infinity" is not a date'),
    "Arabic digits": (value_of("date", '"١٩٩٦-٠٢-٠٣"'), "is not a date"),
    "time without a clock": (value_of("time", '"2026-01-01"'), '{time}: "2026-01-01" is not a time YYYY'),
    "time without seconds": (value_of("time", '"2026-01-01T00:00Z"'), "is not a time"),
    "time with 7 decimals": (value_of("time", '"2026-01-01T00:00:00.1234567Z"'), "is not a time"),
    "short time": (value_of("time", '"2026-1-1T0:0:0Z"'), "is not a time"),
    "time at 24:00": (value_of("time", '"2026-01-01T24:00:00Z"'), "is not a time"),
    "precise time at 24:00": (value_of("time", '"2026-01-01T24:00:00.000000Z"'), "is not a time"),
    "day with a space": (value_of("date", '"2026-01-1 "'), "is not a date"),
    "leap second": (value_of("time", '"2026-01-01T23:59:60Z"'), "is not a time"),
    "time with a zone's name": (value_of("time", '"2026-01-01T00:00:00 UTC"'), "is not a time"),
    "time with a short offset": (value_of("time", '"2026-01-01T00:00:00+05"'), "is not a time"),
    "time with a long offset": (value_of("time", '"2026-01-01T00:00:00+25:00"'), "is not a time"),
    "time of no day": (value_of("time", '"2026-02-30T00:00:00Z"'), "is a time that does not exist"),
    "time before year 1": (value_of("time", '"0001-01-01T00:00:00+01:00"'), "is a time that does not exist"),
    "time after year 9999": (value_of("time", '"9999-12-31T23:59:59-01:00"'), "is a time that does not exist"),
    "time as number": (value_of("time", "1767225600"), "{time}: 1767225600 is not a time"),
    "number as text": (value_of("text", "5"), "{text}: 5 is not a string"),
    "negative as text": (value_of("text", "-5.5"), "{text}: -5.5 is not a string"),
    "true as text": (value_of("text", "true"), "{text}: true is not a string"),
    "object as text": (value_of("text", '{"a":"b"}'), '{text}: {"a":"b"} is not a string'),
    "empty list as text": (value_of("text", "[]"), "{text}: [] is not a string"),
    "list as text": (value_of("text", '["a"]'), '{text}: ["a"] is not a string'),
    "lone surrogate": (value_of("text", r'"\ud800"'), "{text}: "),
    "lone low surrogate": (value_of("text", r'"a\udc00b"'), "holds a lone surrogate"),
    "unknown lone surrogate": (lambda _, fields: spell(fields)[:-1] + rb',"x":"\ud800"}', "holds a lone surrogate"),
    "unknown NaN": (lambda _, fields: spell(fields)[:-1] + b',"x":[NaN]}', "not valid JSON: NaN"),
    "number": (lambda *_: b"5", "5 is not a JSON object"),
    "string": (lambda *_: b'"five"', '"five" is not a JSON object'),
    "JSON null": (lambda *_: b"null", "null is not a JSON object"),
    "list": (lambda _, fields: b"[" + spell(fields) + b"]", "is not a JSON object"),
    "empty object": (lambda *_: b"{}", "missing, but must have a value"),
    "bracket": (lambda *_: b"[", "not valid JSON"),
    "nested deeply": (lambda *_: b'{"x":' + b"[" * 100_000, "nested too deeply"),
    "nested deeply but closed": (
        lambda _, fields: spell(fields)[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}",
        "nested too deeply",
    ),
    "one brace": (lambda *_: b"}", "not valid JSON"),
    "garbage": (lambda *_: bytes(range(128, 256)), "not valid UTF-8"),
}

# What is odd about a line that is good all the same -> how to make it so.
ODD: dict[str, Callable[[Table, Fields], bytes]] = {
    "reversed": lambda _, fields: spell(dict(reversed(fields.items()))),
    "spaced": lambda _, fields: spell(fields, ", ", ": "),
    "wide": lambda _, fields: b" \t" + spell(fields, " ,\t", "  : ").replace(b"}", b" }") + b"  ",
    "CR at the end": lambda _, fields: spell(fields) + b"\r",
    "form feed at the end": lambda _, fields: spell(fields) + b"\f",
    "unknown field": lambda _, fields: spell(fields)[:-1] + b',"new":1.50}',
    "unknown fields": lambda _, fields: b'{"a":null,"_file":{"b":[1e400,"\\u00e9",true]},' + spell(fields)[1:],
    "escaped keys": lambda _, fields: spell(
        {rf'"\u{ord(name[1]):04x}{name[2:]}': value for name, value in fields.items()}
    ),
    "escapes": value_of("text", r'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\\\""'),
    "escaped NUL": value_of("text", r'"a\u0000b"'),
    "escaped quotes": value_of("text", r'"\\\\\" \u0022,\u0022l_tax\u0022:"'),
    "empty text": value_of("text", '""'),
    "text like a number": value_of("text", '"12345"'),
    "text like a negative": value_of("text", '"-1.5e3"'),
    "text like null": value_of("text", '"null"'),
    "text with digits": value_of("text", '"12345678901234567890.123456789"'),
    "text with a line separator": value_of("text", '"a\u2028b\x7f\u0085\ufeff"'),
    "whole decimal": value_of("decimal", "17"),
    "one decimal": value_of("decimal", "17.5"),
    "exact third decimal": value_of("decimal", "1.230"),
    "many zeros": value_of("decimal", "1.23" + "0" * 50),
    "exact exponent": value_of("decimal", "1e2"),
    "exact exponents": value_of("decimal", "12345E-2"),
    "zero": value_of("decimal", "-0.00"),
    "largest decimal": value_of("decimal", "9999999999999.99"),
    "smallest decimal": value_of("decimal", "-9999999999999.99"),
    "largest integer": value_of("integer", str(2**63 - 1)),
    "smallest integer": value_of("integer", str(-(2**63))),
    "2.0 as integer": value_of("integer", "2.0"),
    "12e2 as integer": value_of("integer", "12e2"),
    "exact large integer": value_of("integer", "123456789012345678.9e1"),
    "integer -0": value_of("integer", "-0"),
    "leap day": value_of("date", '"1996-02-29"'),
    "first day": value_of("date", '"0001-01-01"'),
    "last day": value_of("date", '"9999-12-31"'),
    "time without decimals": value_of("time", '"2026-01-01T00:00:12Z"'),
    "time without offset": value_of("time", '"2026-01-01 00:00:12.5"'),
    "time with offset": value_of("time", '"2026-01-01T00:00:12.345678+05:30"'),
    "time with negative offset": value_of("time", '"2026-01-01T00:00:12-00:30"'),
    "first time": value_of("time", '"0001-01-01T00:00:00Z"'),
    "last time": value_of("time", '"9999-12-31T23:59:59.999999Z"'),
}


def check(content: bytes, table: Table, result: tuple[Parsed, list[dict], list[dict]]) -> None:
    """Compares a result with what `expected` says of each line."""
    _, rows, rejects = result
    lines = [(number, line.strip()) for number, line in enumerate(content.split(b"\n"), 1)]
    wanted = [(number, expected(line, table)) for number, line in lines if line]
    assert [comparable(row) for row in rows] == [row for _, row in wanted if row]
    assert [reject["_line"] for reject in rejects] == [number for number, row in wanted if not row]


@pytest.mark.parametrize("case", BAD)
def test_bad_line_is_a_reject_and_its_neighbours_are_rows(case, table, parse):
    make, reason = BAD[case]
    bad = make(table, good(table, 0))
    before, after = lines_of(table, 2)
    parsed, rows, rejects = parse(b"\n".join([before, bad, after, b""]), table)
    assert parsed == Parsed(3, 2, 1)
    assert [comparable(row) for row in rows] == [expected(before, table), expected(after, table)]
    text = bad.decode("utf-8", "backslashreplace")
    assert [list(rejects[0]), rejects[0]["_line"]] == [["_batch", "_file", "_line", "_text", "_reason"], 2]
    assert (rejects[0]["_batch"], rejects[0]["_file"], rejects[0]["_text"]) == ("b", "f", text)
    names = {kind_: json.loads(first(table, kind_)) for kind_ in ("integer", "decimal", "date", "time", "text")}
    for kind_, name in names.items():
        reason = reason.replace(f"{{{kind_}}}", name)
    assert reason in rejects[0]["_reason"]


def test_file_of_bad_lines_only(table, parse):
    bad = [make(table, good(table, 0)) for make, _ in BAD.values()]
    parsed, _, rejects = parse(b"\n".join(bad), table)
    assert parsed == Parsed(len(bad), 0, len(bad))
    assert [reject["_line"] for reject in rejects] == list(range(1, len(bad) + 1))


@pytest.mark.parametrize("line", [b"5", b"}", b"{}", b"null", b'"', b"x", b"\\"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_short_bad_line_is_not_overlooked(line, end, table, parse):
    assert parse(line + end, table)[0] == Parsed(1, 0, 1)
    assert parse(spell(good(table, 1)) + b"\n" + line + end, table)[0] == Parsed(2, 1, 1)


@pytest.mark.parametrize("case", ODD)
def test_odd_line_is_exact(case, table, parse):
    odd = ODD[case](table, good(table, 0))
    content = b"\n".join([*lines_of(table, 2), odd, *lines_of(table, 2)])
    result = parse(content, table)
    assert result[0] == Parsed(5, 5, 0)
    check(content, table, result)


def test_errors_that_make_up_for_each_other_are_found(table, parse):
    """Each pair leaves the counts over the whole file as they are in a clean one."""
    extra = {'"x"': "1"}
    number, text = {first(table, "text"): "5"}, {first(table, "decimal"): '"5"'}
    fields = good(table, 1)
    lacking = {name: value for name, value in fields.items() if name != first(table, "decimal")}
    for pair in ([lacking, fields | extra], [fields | number, fields | text], [fields | extra | number, lacking]):
        content = b"\n".join(map(spell, pair))
        check(content, table, parse(content, table))
    for one in (fields | number | text, lacking | extra, lacking | {'"x"': '"5"'} | number):
        content = spell(one)
        check(content, table, parse(content, table))


def test_rescued_fields_are_kept_as_they_were(table, parse):
    line = spell(good(table, 1))[:-1] + ',"é":1.50,"b":{"c":[1e400,null,"\\n"]}}'.encode()
    _, [row], _ = parse(line, table)
    assert row["_rescued"] == '{"é":1.50,"b":{"c":[1e400,null,"\\n"]}}'


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_file_without_lines(content, table, parse):
    assert parse(content, table) == (Parsed(0, 0, 0), [], [])


def test_byte_order_mark_blank_lines_and_crlf(table, parse):
    first_, second = lines_of(table, 2)
    content = b"\xef\xbb\xbf" + first_ + b"\r\n\r\n  \n" + second + b"\r\nnonsense\r\n\n"
    parsed, rows, rejects = parse(content, table)
    assert parsed == Parsed(3, 2, 1)
    assert [comparable(row) for row in rows] == [expected(first_, table), expected(second, table)]
    assert (rejects[0]["_line"], rejects[0]["_text"]) == (5, "nonsense")


@pytest.mark.parametrize(
    "content",
    [
        b"a,b,c\n1,2,3\n",
        b"<html>\n</html>",
        b"PAR1" + bytes(range(256)) * 40,
        "{}\n{}".encode("utf-16"),
        b"x",
        b"\0",
        b"\\" * 1000 + b'"',
        b"[\n{}\n]",
        random.Random(7).randbytes(5000),
    ],
    ids=lambda content: ascii(content[:9]),
)
def test_what_is_no_json_is_all_rejects(content, table, parse):
    parsed, rows, _ = parse(content, table)
    assert parsed.rejects == sum(bool(line.strip()) for line in content.split(b"\n")) > 0
    assert rows == []


def test_record_twice_lands_twice(table, parse, only_fast):
    line = spell(good(table, 1))
    assert parse(line + b"\n" + line, table)[0] == Parsed(2, 2, 0)


def test_lines_of_20_megabytes(parse):
    table = TABLES["orders"]
    long = spell(good(table, 1) | {first(table, "text"): f'"{"x" * 20_000_000}"'})
    parsed, rows, rejects = parse(b"\n".join([*lines_of(table, 1), long, long + b"!", *lines_of(table, 1)]), table)
    assert parsed == Parsed(4, 3, 1)
    assert rows[1][json.loads(first(table, "text"))] == "x" * 20_000_000
    assert rejects[0]["_text"] == long.decode() + "!"


def test_line_too_long_for_memory_is_a_reject_with_its_beginning(table, parse, monkeypatch):
    monkeypatch.setattr(feed, "MAX_LINE", 2000)
    content = b"\n".join([b"x" * 1999, b"y" * 2500, b"z" * 9999, *lines_of(table, 1), b"0" * 2001])
    parsed, _, rejects = parse(content, table)
    assert parsed == Parsed(5, 1, 4)
    assert [(reject["_line"], reject["_text"][:1], len(reject["_text"])) for reject in rejects] == [
        (1, "x", 1999),
        (2, "y", 2000),
        (3, "z", 2000),
        (5, "0", 2000),
    ]
    assert [reject["_reason"].startswith("longer than 2000 bytes") for reject in rejects] == [False, True, True, True]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("comma_and_colon", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_clean_file_takes_the_fast_path(name, comma_and_colon, parse, only_fast):
    table = TABLES[name]
    content = b"\r\n".join(spell(good(table, number), *comma_and_colon) for number in range(600)) + b"\r\n"
    result = parse(content, table)
    assert result[0] == Parsed(600, 600, 0)
    check(content, table, result)


def test_fast_and_careful_path_write_the_same(table, con, tmp_path, monkeypatch):
    count = 125_000 if table.name == "orders" else 10_000  # of orders more than one row group
    some = lines_of(table, 500)
    (tmp_path / "source").write_bytes(b"\n".join(some * (count // 500)))
    files = [str(tmp_path / "fast.parquet"), str(tmp_path / "careful.parquet")]
    for path in files:
        parsed = write_parquet(
            con, str(tmp_path / "source"), table, batch="b", file="f", rows_path=path, rejects_path=str(tmp_path / "no")
        )
        assert parsed == Parsed(count, count, 0)
        monkeypatch.setattr(json_lines, "read_whole", lambda *_: None)
    assert pq.read_schema(files[0]) == pq.read_schema(files[1])
    assert pq.ParquetFile(files[0]).schema == pq.ParquetFile(files[1]).schema
    fast, careful = map(pq.read_table, files)
    assert fast.equals(careful)
    types = dict(
        con.execute("SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))", files[:1]).fetchall()
    )
    labels = dict.fromkeys(("_batch", "_file", "_rescued"), "VARCHAR")
    assert list(types.items()) == [*((column.name, column.type) for column in table.columns), *labels.items()]


def test_order_of_the_lines_holds_whatever_the_session_says(parse, con, only_fast):
    con.execute("SET preserve_insertion_order = false")
    line = b'{"r_regionkey":%d,"r_name":"a","r_comment":"' + b"b" * 900 + b'"}\n'
    count = 80_000  # 75 MB: DuckDB's threads share a file out in pieces of 32 MB
    parse(b"".join(line % number for number in range(count)), TABLES["region"])
    keys = pq.read_table(parse.rows, columns=["r_regionkey"])["r_regionkey"]
    con.execute("RESET preserve_insertion_order")
    assert keys.to_pylist() == list(range(count))


def test_every_cent_is_exact(con, tmp_path, only_fast):
    """DuckDB reads decimals by way of DOUBLE: this shows that 15 digits survive it."""
    rng = random.Random(5)
    cents = [rng.randrange(10 ** rng.randrange(1, 15)) * rng.choice((1, -1)) for _ in range(100_000)]
    (tmp_path / "s").write_text("".join('{"a":%s}\n' % Decimal(cent).scaleb(-2) for cent in cents))  # noqa: UP031
    table = Table("region", "", (Column("a", "DECIMAL(15,2)", ""),), ("a",))
    rows = tmp_path / "rows"
    write_parquet(con, str(tmp_path / "s"), table, batch="", file="", rows_path=str(rows), rejects_path="/nowhere")
    assert [int(row["a"] * 100) for row in read(rows)] == cents


def test_decimal_that_no_double_holds_takes_the_careful_path(parse):
    table = Table("region", "", (Column("a", "DECIMAL(38,10)", ""), Column("b", "SMALLINT", "", True)), ("a",))
    _, rows, rejects = parse(b'{"a":1234567890123456789012345678.0123456789,"b":null}\n{"a":1}\n{"b":1}', table)
    assert [(row["a"], row["b"]) for row in rows] == [
        (Decimal("1234567890123456789012345678.0123456789"), None),
        (1, None),
    ]
    assert rejects[0]["_reason"] == "a: missing, but must have a value"


@pytest.mark.parametrize(
    ("type_", "text"),
    [("DATE", "1996-01-02"), (TIME, "1996-12-30T20:20:30.123456Z"), (TIME, "1996-12-30T24:00:00.000000Z")],
)
def test_what_passes_for_a_day_or_time_on_the_fast_path_is_one(type_, text, con):
    """All texts that differ from a plain one at up to two places."""
    texts = {
        text[:i] + a + text[i + 1 : j] + b + text[j + 1 :]
        for i, j in combinations(range(len(text)), 2)
        for a, b in product("0123459 \t\n+-/.:TZB", repeat=2)
    }
    column = strict.strict("it", parse_type(type_), [])
    value = column.value.replace("CAST", "TRY_CAST")
    listed = "(SELECT unnest(?::VARCHAR[]) AS it)"
    passed = f"{column.test} AND {value} IS NOT NULL"
    taken = con.execute(f"SELECT it FROM {listed} WHERE {passed}", [sorted(texts)]).fetchall()
    assert taken
    for (it,) in taken:
        values.check_of(parse_type(type_))(it)  # raises if it is a reject


@pytest.mark.parametrize("name", ["source.json.gz", "source.json"])
def test_gzip(name, table, parse, only_fast):
    content = b"\n".join(lines_of(table, 300))
    result = parse(gzip.compress(content[:50_000]) + gzip.compress(content[50_000:]) + bytes(100), table, name)
    assert result[0] == Parsed(300, 300, 0)
    check(content, table, result)


def test_plain_file_called_gz(table, parse, only_fast):
    assert parse(b"\n".join(lines_of(table, 10)), table, "source.json.gz")[0] == Parsed(10, 10, 0)


@pytest.mark.parametrize("kept", [0, 1, 2, 5, 20, 0.3, 0.7, -9, -8, -4, -1])
def test_gzip_cut_off(kept, table, parse):
    """What can be unpacked lands or is a reject; one more reject says what happened."""
    content = b"\n".join(lines_of(table, 300)) + b"\n"
    packed = gzip.compress(content)
    packed = packed[: int(len(packed) * kept) if isinstance(kept, float) else kept]
    parsed, rows, rejects = parse(packed, table, "source.json.gz")
    assert rejects[-1]["_reason"] == "the gzip file is damaged from here on: it is cut off"
    assert [comparable(row) for row in rows] == [expected(line, table) for line in content.split(b"\n")[: len(rows)]]
    assert rejects[-1]["_line"] == parsed.lines
    assert 1 <= parsed.rejects <= 2
    if isinstance(kept, float):
        assert parsed.rows > 240 * kept
    if kept in (-8, -4, -1):
        assert parsed == Parsed(301, 300, 1)


def test_gzip_corrupt(table, parse):
    content = b"\n".join(lines_of(table, 300)) + b"\n"
    packed = bytearray(gzip.compress(content))
    packed[-6] ^= 1  # in the checksum
    parsed, rows, rejects = parse(bytes(packed), table)
    assert parsed == Parsed(301, 300, 1)
    assert "damaged" in rejects[0]["_reason"]
    middle = len(packed) // 2
    packed[middle : middle + 50] = b"\xff" * 50
    parsed, rows, rejects = parse(bytes(packed), table)
    assert parsed.rows > 100
    assert "damaged" in rejects[-1]["_reason"]
    assert [comparable(row) for row in rows[:100]] == [expected(line, table) for line in content.split(b"\n")[:100]]


def test_gzip_with_something_behind(table, parse):
    parsed, _, rejects = parse(gzip.compress(b"\n".join(lines_of(table, 10))) + b"something", table)
    assert parsed == Parsed(11, 10, 1)
    assert "damaged" in rejects[0]["_reason"]


def test_random_damage(table, parse):
    """Random lines of a clean file are damaged in random ways; the others land as they are."""
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    cases = [case for case in BAD if not case.startswith("nested")]  # too deep for `expected`

    def bend(line: bytes) -> bytes:
        at, other = rng.randrange(len(line)), rng.randrange(len(line))
        match rng.randrange(6):
            case 0:
                return line[:at]
            case 1:
                return line[:at] + rng.randbytes(rng.randrange(1, 4)).replace(b"\n", b"") + line[at:]
            case 2:
                return (
                    line[:at]
                    + rng.choice([b'"', b",", b":", b"0", b".", b"-", b"e", b"\\", b" ", b"}", b"\0"])
                    + line[at:]
                )
            case 3:
                return line[:at] + line[at + 1 :]
            case 4:
                return line[: min(at, other)] + line[max(at, other) :]
            case _:
                return line[:at] + line[other:]

    for _ in range(25):
        lines = lines_of(table, 60)
        for _ in range(rng.randrange(5)):
            number = rng.randrange(60)
            make = rng.choice([bend, lambda _: BAD[rng.choice(cases)][0](table, good(table, 0))])
            lines[number] = rng.choice([make, lambda _: ODD[rng.choice([*ODD])](table, good(table, 0))])(lines[number])
        content = b"\n".join(lines)
        check(content, table, parse(content, table))


@pytest.mark.parametrize("block", [64, 128, 1 << 19])
def test_scan_counts_like_a_plain_loop(block, tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "_BLOCK", block)
    rng = random.Random(block)
    pieces = ['"', "\\", '\\"', "\\\\", "a", ",", ":", "{", "}", "7", "7.", "12345678", " ", "\n", "é"]
    for _ in range(100):
        text = "".join(rng.choices(pieces, k=rng.randrange(400)))
        # Outside of strings JSON has no backslash.
        plain, inside, marks, quotes, longest, run, skip = "", False, 0, 0, 0, 0, False
        for character in text:
            if character == "\\" and not inside and not skip:
                continue
            plain += character
            if skip:
                skip = False
            elif character == "\\":
                skip = True
            elif character == '"':
                inside, quotes = not inside, quotes + 1
            if not inside and character != '"':
                marks += (len(character.encode()) if character >= ":" else 0) + (character == ",")
            run = run + 1 if character in "./0123456789" and not inside else 0
            longest = max(longest, run)
        (tmp_path / "f").write_text(plain)
        lines = plain.count("\n") + (plain[-1:] not in ("", "\n"))
        assert scan.scan(str(tmp_path / "f")) == scan.Shape(lines, quotes, marks, longest >= 16)


@pytest.mark.parametrize("bad", [False, True])
def test_any_name_will_do(bad, con, tmp_path, table):
    folder = tmp_path / "it's [1] * ? {x} l_tax=5" / 'a"b'
    folder.mkdir(parents=True)
    source, label = folder / "é's [a-z]*.json", 'it\'s "so" \n ? $1 \udcff'
    source.write_bytes(b"\n".join([*lines_of(table, 3), *([b"bad"] if bad else [])]))
    rows, rejects = folder / "rows '*'.parquet", folder / "rejects '?'.parquet"
    parsed = write_parquet(
        con, str(source), table, batch=label, file=label, rows_path=str(rows), rejects_path=str(rejects)
    )
    assert parsed == Parsed(3 + bad, 3, bad)
    for row in read(rows) + (read(rejects) if bad else []):
        assert row["_batch"] == row["_file"] == 'it\'s "so" \n ? $1 \\udcff'
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in [source, rows, *([rejects] if bad else [])]
    )


def test_other_time_zone_is_refused(con, parse, table):
    con.execute("SET TimeZone = 'Asia/Tokyo'")
    with pytest.raises(ValueError, match="TimeZone is 'Asia/Tokyo'"):
        parse(b"", table)
    con.execute("SET TimeZone = 'UTC'")


def test_older_outputs_are_replaced(parse, table):
    assert parse(b"bad\nbad", table)[0] == Parsed(2, 0, 2)
    assert parse(b"\n".join(lines_of(table, 2)), table)[0] == Parsed(2, 2, 0)


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize(
    "broken", ["no source", "no folder for rows", "no folder for rejects", "rows are a folder", "write"]
)
def test_nothing_is_left_after_an_exception(broken, bad, con, tmp_path, table, monkeypatch):
    source, out = tmp_path / "source.json", tmp_path / "out"
    out.mkdir()
    source.write_bytes(b"\n".join([*lines_of(table, 3), *([b"bad"] if bad else [])]))
    rows, rejects = out / "rows.parquet", out / "rejects.parquet"
    if broken == "no source":
        source.unlink()
    if broken == "no folder for rows":
        rows = out / "none" / "rows.parquet"
    if broken == "no folder for rejects":
        if not bad:
            pytest.skip("there are no rejects to write")
        rejects = out / "none" / "rejects.parquet"
    if broken == "rows are a folder":
        rows = tmp_path / "folder"
        (rows / "in it").mkdir(parents=True)
    if broken == "write":
        monkeypatch.setattr(sql, "literal", lambda text: f"'{text}/'" if text.endswith(".parquet") else f"'{text}'")
    with pytest.raises((OSError, duckdb.Error)):
        write_parquet(con, str(source), table, batch="b", file="f", rows_path=str(rows), rejects_path=str(rejects))
    assert list(out.iterdir()) == []


def of_types(*columns: tuple[str, str] | tuple[str, str, bool]) -> Table:
    """A table of columns, each given as name, type and whether it is nullable."""
    return Table("region", "", tuple(Column(name, type_, "", *nullable) for name, type_, *nullable in columns), ("id",))


DEVICE = "STRUCT(id UUID, os STRUCT(name TEXT, version DOUBLE), tags TEXT[])"
READINGS = "STRUCT(t TIMESTAMP, v DECIMAL(9,2))[]"
THE_UUID = "00112233-4455-6677-8899-aabbccddeeff"
NEAR_TIE = "1.00000017881393432617187499"  # its nearest DOUBLE is halfway between two FLOATs, the upper of them even

# Type, value as JSON -> what is stored.
GOOD_VALUES: list[tuple[str, str, Any]] = [
    ("BOOLEAN", "true", True),
    ("BOOL", "false", False),
    ("DOUBLE", "1.5", 1.5),
    ("DOUBLE", "3", 3.0),
    ("DOUBLE", "-0.0", -0.0),
    ("DOUBLE", "1e308", 1e308),
    ("DOUBLE", "5e-324", 5e-324),
    ("DOUBLE", "1e-400", 0.0),
    ("DOUBLE", "9007199254740993", 9007199254740992.0),
    ("DOUBLE", "0.1000000000000000055511151231257827021181583404541015625", 0.1),
    ("DOUBLE", "123456789012345678901234567890", 123456789012345678901234567890.0),
    ("FLOAT", "0.1", 0.10000000149011612),
    ("FLOAT", "16777217", 16777216.0),
    ("FLOAT", NEAR_TIE, 1.0000001192092896),
    ("FLOAT", "1.00000017881393432617187500", 1.000000238418579),
    ("REAL", "3.4028235e38", 3.4028234663852886e38),
    ("FLOAT", "1e-45", 1.401298464324817e-45),
    ("TIMESTAMP", '"2026-01-02T03:04:05"', datetime(2026, 1, 2, 3, 4, 5)),
    ("TIMESTAMP", '"2026-01-02 03:04:05.5"', datetime(2026, 1, 2, 3, 4, 5, 500000)),
    ("TIMESTAMP", '"0001-01-01T00:00:00"', datetime(1, 1, 1)),
    ("UUID", f'"{THE_UUID}"', THE_UUID),
    ("UUID", f'"{THE_UUID.upper()}"', THE_UUID),
    ("JSON", "1.50", "1.50"),
    ("JSON", '"a\\/b"', '"a/b"'),
    ("JSON", "true", "true"),
    ("JSON", "1e400", "1e400"),
    ("JSON", "[]", "[]"),
    ("JSON", ' { "b" : [ 1.0 , null ] , "a" : -0 } ', '{"b":[1.0,null],"a":-0}'),
    ("JSON", '"\\u0000\\u001f\\u00e9"', '"\\u0000\\u001Fé"'),
    ("INT[]", "[]", []),
    ("INT[]", "[1,null,3.0]", [1, None, 3]),
    ("INT[][]", "[[1],null,[],[null]]", [[1], None, [], [None]]),
    ("JSON[]", '[1.50,"a",{"b":[]},null]', ["1.50", '"a"', '{"b":[]}', None]),
    ("STRUCT(a INT, b TEXT)", "{}", {"a": None, "b": None}),
    ("STRUCT(a INT, b TEXT)", '{"b":"x","a":null}', {"a": None, "b": "x"}),
    ('STRUCT("a ""b" INT, "é" JSON)', '{"a \\"b":1,"é":"x"}', {'a "b': 1, "é": '"x"'}),
    (
        DEVICE,
        f'{{"id":"{THE_UUID.upper()}","os":{{"version":12,"name":"x"}},"tags":["a"]}}',
        {"id": THE_UUID, "os": {"name": "x", "version": 12.0}, "tags": ["a"]},
    ),
    (
        READINGS,
        '[{"t":"2026-01-02T03:04:05","v":1.50},null]',
        [{"t": datetime(2026, 1, 2, 3, 4, 5), "v": Decimal("1.50")}, None],
    ),
    ("DECIMAL(38,10)", "1234567890123456789012345678.0123456789", Decimal("1234567890123456789012345678.0123456789")),
    (
        "DECIMAL(38,38)",
        "-0.12345678901234567890123456789012345678",
        Decimal("-0.12345678901234567890123456789012345678"),
    ),
    ("DECIMAL(20,0)", "12345678901234567890", Decimal("12345678901234567890")),
    ("TINYINT", "-128", -128),
    ("SMALLINT", "32767", 32767),
]

# Type, value as JSON -> the reason, for a column called `it`.
BAD_VALUES: list[tuple[str, str, str]] = [
    ("BOOLEAN", "1", "it: 1 is neither true nor false"),
    ("BOOLEAN", '"true"', 'it: "true" is neither true nor false'),
    ("DOUBLE", '"1.5"', 'it: "1.5" is not a number'),
    ("DOUBLE", "true", "it: true is not a number"),
    ("DOUBLE", "NaN", "it: NaN is not a number"),
    ("DOUBLE", "-Infinity", "it: -Infinity is not a number"),
    ("DOUBLE", "1e400", "it: 1e400 is out of range for DOUBLE"),
    ("DOUBLE", "-1e99999999999999999999", "is out of range for DOUBLE"),
    ("FLOAT", "3.5e38", "it: 3.5e38 is out of range for FLOAT"),
    ("FLOAT", "1e39", "is out of range for FLOAT"),
    ("FLOAT", "1e400", "is out of range for FLOAT"),
    ("TIMESTAMP", '"2026-01-02T03:04:05Z"', 'it: "2026-01-02T03:04:05Z" is not a time without zone'),
    ("TIMESTAMP", '"2026-01-02T03:04:05+00:00"', "is not a time without zone"),
    ("TIMESTAMP", '"2026-01-02"', "is not a time without zone"),
    ("TIMESTAMP", '"2026-02-30T00:00:00"', "is a time that does not exist"),
    ("TIMESTAMP", "0", "it: 0 is not a time without zone"),
    ("UUID", f'"{THE_UUID[:-1]}"', "is not a UUID of 36 characters"),
    ("UUID", f'"{THE_UUID.replace("-", "")}"', "is not a UUID"),
    ("UUID", f'"{{{THE_UUID}}}"', "is not a UUID"),
    ("UUID", f'"{THE_UUID[:-1]}g"', "is not a UUID"),
    ("UUID", "5", "it: 5 is not a UUID"),
    ("JSON", '{"a":1,"a":2}', "a: the key comes more than once"),
    ("JSON", "[NaN]", "not valid JSON: NaN"),
    ("JSON", '["\\ud800"]', "holds a lone surrogate"),
    ("JSON", "[" * 300 + "]" * 300, "nested too deeply"),
    ("INT[]", "1", "it: 1 is not a list"),
    ("INT[]", "{}", "it: {} is not a list"),
    ("INT[]", '[1,"2"]', 'it[1]: "2" is not a number'),
    ("INT[][]", "[null,[1,2.5]]", "it[1][1]: 2.5 is not an integer"),
    ("STRUCT(a INT)", "[]", "it: [] is not an object"),
    ("STRUCT(a INT)", '{"a":1,"a":1}', "a: the key comes more than once"),
    (DEVICE, '{"os":{"version":"x"}}', 'it.os.version: "x" is not a number'),
    (DEVICE, '{"tags":["a",5]}', "it.tags[1]: 5 is not a string"),
    (READINGS, '[{},{},{},{"t":5}]', "it[3].t: 5 is not a time without zone"),
    (READINGS, '[{"v":1.239}]', "it[0].v: 1.239 has more than 2 decimals"),
]


def with_neighbours(value: str, like: str) -> bytes:
    """A line with a value among lines that make it usual, or that do not."""
    usual = b'{"id":1,"it":%s}\n' % like.encode()
    return usual * 3 + b'{"id":2,"it":%s}\n' % value.encode() + usual


@pytest.mark.parametrize("usual", [True, False])
@pytest.mark.parametrize(("type_", "value", "stored"), GOOD_VALUES)
def test_value_of_its_type_is_stored_exactly(type_, value, stored, usual, parse):
    table = of_types(("id", "INT"), ("it", type_, True))
    parsed, rows, _ = parse(with_neighbours(value, value if usual else "null"), table)
    assert parsed == Parsed(5, 5, 0)
    assert repr(rows[3]["it"]) == repr(stored)
    assert {row["_rescued"] for row in rows} == {None}


@pytest.mark.parametrize(("type_", "value", "reason"), BAD_VALUES)
def test_value_that_does_not_fit_its_type_is_a_reject_that_names_its_place(type_, value, reason, parse):
    parsed, _, rejects = parse(with_neighbours(value, "null"), of_types(("id", "INT"), ("it", type_, True)))
    assert parsed == Parsed(5, 4, 1)
    assert rejects[0]["_line"] == 4
    assert reason in rejects[0]["_reason"]
    assert parse(b'{"id":1,"it":%s}' % value.encode(), of_types(("id", "INT"), ("it", type_)))[0] == Parsed(1, 0, 1)


@pytest.mark.parametrize("type_", ["BOOLEAN", "DOUBLE", "TIMESTAMP", "UUID", "JSON", "INT[]", "STRUCT(a INT)"])
@pytest.mark.parametrize("line", [b'{"id":1}', b'{"id":1,"it":null}'])
def test_missing_or_null_is_null_where_nullable_else_a_reject(type_, line, parse):
    parsed, rows, _ = parse(line, of_types(("id", "INT"), ("it", type_, True)))
    assert (parsed, rows[0]["it"]) == (Parsed(1, 1, 0), None)
    assert parse(line, of_types(("id", "INT"), ("it", type_)))[0] == Parsed(1, 0, 1)


def test_unknown_field_inside_of_a_struct_rescues_the_whole_value(parse):
    table = of_types(("id", "INT"), ("it", "STRUCT(a STRUCT(b INT)[])", True))
    lines = [b'{"id":1,"it":{"a":[{"b":1}]}}', b'{"new":1.0,"id":2,"it":{"a": [{"b":1,"c":1.50}]},"x":"y"}']
    _, rows, _ = parse(b"\n".join(lines), table)
    assert [row["it"] for row in rows] == [{"a": [{"b": 1}]}] * 2
    assert [row["_rescued"] for row in rows] == [None, '{"new":1.0,"it":{"a":[{"b":1,"c":1.50}]},"x":"y"}']


def test_unknown_fields_are_rescued_as_they_are_spelled(parse):
    values = [
        "1.50",
        "null",
        "1e400",
        '"a\\u00e9\\/\\"\\u001f"',
        "[1, {}, -0]",
        '{"b":null}',
        "true",
        "12345678901234567890",
    ]
    table = of_types(("id", "INT"))
    for usual in values:
        lines = [b'{"x":%s,"id":1,"y z\'\\"":%s}' % (usual.encode(), value.encode()) for value in [usual] * 4 + values]
        _, rows, _ = parse(b"\n".join(lines), table)
        parsed = [json.loads(line, parse_float=str, parse_int=str) for line in lines]
        rescued = [json.loads(row["_rescued"], parse_float=str, parse_int=str) for row in rows]
        assert rescued == [{name: value for name, value in line.items() if name != "id"} for line in parsed]
        assert " " not in rows[-1]["_rescued"].replace("y z", "")


def test_unknown_fields_that_duckdb_would_mix_up_are_kept_apart(parse):
    table = of_types(("id", "INT"), ("n_", "INT"))
    line = b'{"id":1,"ID":2,"_rescued":"x","x":3,"X":4,"":5,"it":6,"judged":7,"line":8,"n_":9,"__":10}'
    _, rows, _ = parse(b"\n".join([line] * 3), table)
    wanted = '{"ID":2,"_rescued":"x","x":3,"X":4,"":5,"it":6,"judged":7,"line":8,"__":10}'
    assert rows == [{"id": 1, "n_": 9, "_batch": "b", "_file": "f", "_rescued": wanted}] * 3


PLAUSIBLE: dict[str, Callable[[random.Random], str]] = {
    "TINYINT": lambda rng: str(rng.randrange(-100, 100)),
    "BIGINT": lambda rng: str(rng.randrange(-(10 ** rng.randrange(1, 19)), 10**18)),
    "DECIMAL(15,2)": lambda rng: str(Decimal(rng.randrange(-(10**14), 10**14)).scaleb(-2)),
    "DECIMAL(38,9)": lambda rng: str(Decimal(rng.randrange(10 ** rng.randrange(10, 38))).scaleb(-9)),
    "DECIMAL(4,4)": lambda rng: f"0.{rng.randrange(10000)}",
    "BOOLEAN": lambda rng: rng.choice(["true", "false"]),
    "DOUBLE": lambda rng: repr(rng.choice([rng.random(), rng.uniform(-1e9, 1e9), 10.0 ** rng.randrange(-99, 99)])),
    "FLOAT": lambda rng: repr(rng.choice([rng.random(), rng.uniform(-1e9, 1e9), 10.0 ** rng.randrange(-9, 9)])),
    "DATE": lambda rng: f'"20{rng.randrange(10, 30)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 31):02}"',
    "TIMESTAMP": lambda rng: f'"2026-01-{rng.randrange(1, 32):02}{rng.choice("T ")}0{rng.randrange(10)}:00:00"',
    "TIMESTAMPTZ": lambda rng: (
        f'"2026-01-{rng.randrange(1, 32):02}T00:0{rng.randrange(10)}:00{rng.choice(["Z", "+05:30"])}"'
    ),
    "VARCHAR": lambda rng: json.dumps(
        rng.choice(["a", "é", "😀", '"', "\\", "\n", "5", "-1", "null", "{}", ",", "x" * 20])
    ),
    "UUID": lambda rng: rng.choice([f'"{THE_UUID}"', f'"{THE_UUID.upper()}"']),
    "JSON": lambda rng: rng.choice(
        ["1.50", '"a"', '{"b":1.0,"c":[{"d":1e5}]}', "[1,2]", "true", '{"c":[]}', '["\\u00e9"]']
    ),
}
HOSTILE = [
    value
    for values_ in (
        r"""null true 0 -0 2.7 2.0 1e2 1E400 -1e400 1e-400 1e39 3.4028235677973366e38 NaN Infinity 01 +1 1. .5 - """,
        r"""-0.0 9999999999999999999 9223372036854775807 9223372036854775808 1.005 0.00001 123456789012345678.901 """,
        r"""1.00000017881393432617187499 16777217 1e22 1e23 128 1.500 "" "2" "true" "NaN" "\ud800" "\udc00\ud800" """,
        r""""\ud83d\ude00" "\u0000" "\u001f" "\u007f" "\/" "\x" "1996-02-29" "1999-02-29" "1996-2-3" "0001-01-01" """,
        r""""2026-01-01T24:00:00Z" "2026-01-01T00:00:00" "2026-01-01T00:00:00Z" "0001-01-01T00:00:00+01:00" """,
        r""""2026-01-01T00:00:00.1234567" "epoch" {} [] [null] [[]] [1,] {"a":1} {"a":1,"a":2} {"A":1} """,
        r"""{"a":{"b":"x"}} [{"a":1,"zz":2}] {"b":null,"a":[]} nul "unclosed [ } [1 1,2 """,
    )
    for value in values_.split()
]


def plausible(type_: str, rng: random.Random) -> str:
    """A value of a type, as JSON; of a STRUCT given as `{name: type}` and a LIST as `[type]`."""
    if type_.endswith("[]"):
        return "[" + ",".join(inner(type_[:-2], rng) for _ in range(rng.randrange(4))) + "]"
    if type_.startswith("STRUCT"):
        fields = dict(field.split(" ", 1) for field in type_[len("STRUCT(") : -1].split("; "))
        chosen = [name for name in fields if rng.random() < 0.9]
        return "{" + ",".join(f'"{name}":{inner(fields[name], rng)}' for name in chosen) + "}"
    return PLAUSIBLE[type_](rng)


def inner(type_: str, rng: random.Random) -> str:
    return "null" if rng.random() < 0.1 else plausible(type_, rng)


def hostile_lines(types: dict[str, tuple[str, bool]], rng: random.Random, count: int) -> bytes:
    """Lines of which some hold something hostile somewhere, some unknown fields, some no nullable ones."""
    hostility, unknown = rng.choice([0, 0.02, 0.3]), rng.choice([0, 0.05, 1])
    new = rng.choice(["JSON", "DOUBLE", "VARCHAR", "DECIMAL(15,2)"])
    comma, colon, end = rng.choice([(",", ":", "\n"), (", ", ": ", "\n"), (" ,\t", " : ", " \r\n")])
    lines = []
    for _ in range(count):
        fields = {name: plausible(type_, rng) for name, (type_, _) in types.items()}
        for name, (_, nullable) in types.items():
            if nullable and rng.random() < 0.2:
                fields[name] = "null"
            if nullable and rng.random() < 0.2:
                del fields[name]
        if rng.random() < unknown:
            fields |= {"new": plausible(new, rng), "n2": inner("BIGINT", rng)}
        if rng.random() < hostility:
            fields[rng.choice([*fields, "new", "ID"])] = rng.choice(HOSTILE)
        if rng.random() < hostility / 5:
            fields = dict(rng.sample([*fields.items()], len(fields)))
        line = spell({json.dumps(name): value for name, value in fields.items()}, comma, colon)
        if rng.random() < hostility / 5:
            at = rng.randrange(len(line))
            line = (
                line[:at]
                + rng.choice([b"", b'"', b"\\", b"\xff", b"\xed\xa0\x80", b"{", b"\0", line[:at]])
                + line[at + 1 :]
            )
        lines.append(line + end.encode())
    return b"".join(lines)


def test_all_paths_agree_on_hostile_lines_of_every_type(parse, monkeypatch):
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    monkeypatch.setattr(feed, "_BLOCK", 2000)
    for _ in range(12):
        scalars = rng.sample([*PLAUSIBLE], 5)
        nested = [f"{rng.choice(scalars)}[]", f"STRUCT(a {scalars[0]}; b {scalars[1]}[]; c {scalars[2]})[]"]
        types = {
            f"c{n}": (type_, rng.random() < 0.5) for n, type_ in enumerate([*scalars, *nested]) if rng.random() < 0.7
        }
        types = {"id": ("BIGINT", False)} | types
        table = of_types(*((name, type_.replace(";", ","), nullable) for name, (type_, nullable) in types.items()))
        content = hostile_lines(types, rng, 60)
        result = parse(content, table)
        with monkeypatch.context() as patch:
            patch.setattr(json_lines, "read_whole", lambda *_: None)
            assert repr(parse(content, table)) == repr(result)
            patch.setattr(json_lines, "pattern_of", lambda *_: None)
            assert repr(parse(content, table)) == repr(result)


FLAT = {
    "BIGINT": lambda rng: str(rng.randrange(-(10 ** rng.randrange(1, 16)), 10**15)),
    "SMALLINT": lambda rng: str(rng.randrange(100)),
    "DECIMAL(15,2)": PLAUSIBLE["DECIMAL(15,2)"],
    "DATE": lambda rng: f'"20{rng.randrange(10, 30)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"',
    "TIMESTAMPTZ": PLAUSIBLE["TIMESTAMPTZ"],
    "VARCHAR": lambda rng: rng.choice(['"a"', '"é, {"', '"-- .5"', '"\\\\\\""', '""', '"null"', '"x\\n"']),
}
ODD_TEXTS = ['"5-a"', '"5"', '"-1e-5"', '"25-989"']  # with which a number must not be mixed up


def flat_lines(types: dict[str, str], rng: random.Random, count: int) -> bytes:
    """Lines with all columns and at most one unknown field, of which a few hold something hostile."""
    text = rng.choice(['"a"', *ODD_TEXTS])
    new = rng.choice([None, "1.50", "-0", '"x"', '"\\u00e9\\""', "true", "12345678901234567890"])
    comma, colon, end = rng.choice([(",", ":", "\n"), (" ,\t", " : ", " \r\n")])
    lines = []
    for number in range(count):
        fields = {f'"{name}"': FLAT[type_](rng) for name, type_ in types.items()} | {'"t"': text}
        if new:
            fields['"new"'] = rng.choice([new, "1.500" if new[:1] in "-1" else '"y"'])
        hostile = 16 < number < 28 and rng.random() < 0.1  # not where the sample is
        for _ in range(rng.choice([0, 1, 2]) if hostile else 0):
            name = rng.choice([*fields, '"new"', '"ID"', '"\\u0069d"', '"n2"'])
            match rng.randrange(4):
                case 0:
                    fields.pop(name, None)
                case 1:
                    fields[name] = rng.choice(HOSTILE)
                case _:
                    fields[name] = rng.choice([*fields.values(), "1e2", "0.00001", "1234567890123456", "null", "true"])
        line = spell(fields, comma, colon)
        if hostile and rng.random() < 0.3:
            at = rng.randrange(len(line))
            line = line[:at] + rng.choice([b"", b'"', b"\\", b"\xff", b"\0", b",", b"}", b"e", b"."]) + line[at + 1 :]
        lines.append(line + end.encode())
    return b"".join(lines)


def test_counting_agrees_with_the_judge_on_hostile_flat_lines(parse, monkeypatch):
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    monkeypatch.setattr(feed, "_BLOCK", 2000)
    monkeypatch.setattr(json_lines, "_SAMPLE", 800)
    monkeypatch.setattr(scan, "_BLOCK", 1024)
    monkeypatch.setattr(json_lines, "read_whole", lambda *_: None)
    counted = 0
    for _ in range(30):
        types = {"id": "BIGINT"} | {f"c{n}": rng.choice([*FLAT]) for n in range(rng.randrange(1, 5))}
        nullable = rng.random() < 0.5
        table = of_types(*((name, type_, nullable and name != "id") for name, type_ in types.items()), ("t", "TEXT"))
        content = flat_lines(types, rng, 60)
        with monkeypatch.context() as patch:
            patch.setattr(path_for_lines, "_select", lambda *_: "SELECT left the counting")
            try:
                result = parse(content, table)
                counted += 1
            except duckdb.Error:
                result = None
        assert result is None or result == parse(content, table)
        result = parse(content, table)
        with monkeypatch.context() as patch:
            patch.setattr(json_lines, "pattern_of", lambda *_: None)
            assert repr(parse(content, table)) == repr(result)
    assert counted > 5


def test_usual_lines_with_nulls_unknown_fields_and_nested_values_need_no_judge(parse, monkeypatch):
    def judge(line: bytes) -> bytes:
        raise AssertionError(f"not good at sight: {line!r}")

    monkeypatch.setattr(json_lines, "judge_of", lambda _: judge)
    table = of_types(
        ("id", "INT"), ("a", "DATE", True), ("b", DEVICE, True), ("c", READINGS, True), ("d", "JSON", True)
    )
    device, readings = GOOD_VALUES[-7][1], GOOD_VALUES[-6][1]
    lines = [
        {"id": "1", "a": '"2026-01-02"', "b": device, "c": readings, "d": '{"x":[1.50]}', "new": "1.50"},
        {"id": "2", "c": readings, "d": "1e400", "new": '"x"'},
        {"id": "3", "a": "null", "b": '{"os":null}', "c": "[]", "d": "true"},
        {"id": "4"},
    ]
    content = b"\n".join(spell({json.dumps(name): value for name, value in line.items()}) for line in lines * 3)
    parsed, rows, _ = parse(content, table)
    assert parsed == Parsed(12, 12, 0)
    assert [row["_rescued"] for row in rows[:4]] == ['{"new":1.50}', '{"new":"x"}', None, None]
    assert [row["d"] for row in rows[:4]] == ['{"x":[1.50]}', "1e400", "true", None]


def test_plain_numbers_are_what_duckdb_spells_alike(con):
    rng = random.Random(8)
    numbers = [
        f"{sign}{rng.randrange(10 ** rng.randrange(17))}{point}{tail}"
        for sign in ("", "-")
        for point in ("", ".", ".0", ".00", ".000")
        for tail in ("", "0", "1", "50", "123", "12345", "9999999", "e1")
        for _ in range(50)
    ]
    plain = [number for number in numbers if re.fullmatch(evident._PLAIN_NUMBER, number)]
    assert len(plain) > 500
    found = con.execute(
        "SELECT json_transform('{\"x\":' || unnest(?) || '}', '{\"x\": \"JSON\"}').x", [plain]
    ).fetchall()
    assert [text for (text,) in found] == plain


def test_value_that_duckdb_cannot_read_is_an_error_not_null(parse, monkeypatch):
    monkeypatch.setitem(evident._SCALARS, "DATE", '"[a-z]*"')
    with pytest.raises(RuntimeError, match="values of day were not read"):
        parse(b'{"id":1,"day":"2026-01-02"}\n{"id":2,"day":"x"}\n', of_types(("id", "INT"), ("day", "DATE")))


@pytest.mark.parametrize("line", ['{"id":1,"at":"2026-01-01"}', '{"id":1,"at":null,"new":1.5}'])
def test_file_is_the_same_whatever_the_number_of_threads(line, con, parse):
    lines = b"".join(b"%s\n" % line.replace("1,", f"{number},").encode() for number in range(200_000))
    table = of_types(("id", "INT"), ("at", "DATE", True))
    files = set()
    for threads in (1, 2, 4):
        con.execute(f"SET threads = {threads}")
        parse(lines, table)
        files.add(parse.rows.read_bytes())
    con.execute("RESET threads")
    assert len(files) == 1


def test_parquet_options_are_those_given(con, tmp_path):
    (tmp_path / "s").write_text('{"id":1}\nbad')
    files = [str(tmp_path / name) for name in ("rows", "rejects")]
    options = "COMPRESSION snappy, ROW_GROUP_SIZE 2048"
    table = of_types(("id", "INT"))
    write_parquet(
        con, str(tmp_path / "s"), table, batch="", file="", rows_path=files[0], rejects_path=files[1], options=options
    )
    for file in files:
        assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "SNAPPY"


def test_lines_unlike_the_sample_are_read_all_the_same(parse, monkeypatch):
    monkeypatch.setattr(json_lines, "_SAMPLE", 100)
    lines = [b'{"id":%d,"at":"2026-01-01"}' % number for number in range(300)]
    lines[100:110] = [b'{"at":null,"new":[1.0],"id":%d}' % number for number in range(100, 110)]
    lines[200] = b'{"id":1.5,"at":"2026-01-01"}'
    parsed, rows, rejects = parse(b"\n".join(lines), of_types(("id", "INT"), ("at", "DATE", True)))
    assert parsed == Parsed(300, 299, 1)
    assert [row["id"] for row in rows] == [number for number in range(300) if number != 200]
    assert [row["_rescued"] for row in rows] == [None] * 100 + ['{"new":[1.0]}'] * 10 + [None] * 189
    assert rejects[0]["_line"] == 201


NAMES = [
    "x.y",
    "$",
    "$.id",
    "'",
    '"',
    "*",
    "é",
    "漢",
    "😀",
    "COLUMNS",
    "a\\b",
    "a/b",
    "{",
    "{}",
    "a\nb",
    "a\0b",
    "\x7f",
    " ",
]


@pytest.mark.parametrize("name", NAMES)
def test_unknown_field_may_have_any_name(name, parse):
    line = json.dumps({"id": 1, name: [1, {name: None}], name * 2: "x"}).encode()
    _, rows, _ = parse(b"\n".join([line] * 3 + [b'{"id":2}']), of_types(("id", "INT")))
    rescued = [row["_rescued"] and json.loads(row["_rescued"]) for row in rows]
    assert rescued == [{name: [1, {name: None}], name * 2: "x"}] * 3 + [None]


def test_source_that_cannot_be_read_to_its_end_is_an_error_that_leaves_nothing(parse, monkeypatch):
    def cut_off(_):
        yield b'{"id":1}\n'
        raise OSError("the disk is gone")

    monkeypatch.setattr(feed, "_blocks", cut_off)
    with pytest.raises(OSError, match="the disk is gone"):
        parse(b'{"id":1}\nbad', of_types(("id", "INT")))
    assert [path.name for path in parse.rows.parent.iterdir()] == ["source.json"]
