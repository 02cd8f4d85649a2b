"""What nulls, unknown fields, nested values and bad lines cost when a file is parsed: each against a clean file.

All files have the same number of lines and, up to the last few bytes of a line, the same size.

python -m benchmarks.parse [--megabytes 100] [--rounds 5]
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from tpch_assets.bronze.json_lines import Parsed, write_parquet
from tpch_assets.schema import Column, Table
from tpch_assets_tests.tpch_tables import TABLES

LINE = 280  # bytes
WORDS = "furiously ironic deposits sleep quickly about the carefully final packages among regular requests blithely"
NULLABLE = ("o_orderdate", "o_orderpriority", "o_clerk")
NESTED = (
    Column("device", "STRUCT(id UUID, os STRUCT(name VARCHAR, version DOUBLE))", "A struct in a struct."),
    Column("readings", "STRUCT(t TIMESTAMP, v DECIMAL(9,2))[]", "A list of structs."),
)

Fields = dict[str, object]
Change = Callable[[Fields, random.Random, int, int], None]  # the fields, chance, the line's number, how many lines

ORDERS = TABLES["orders"]
TABLE_WITH_NULLS = replace(
    ORDERS, columns=tuple(replace(column, nullable=column.name in NULLABLE) for column in ORDERS.columns)
)
NESTED_TABLE = replace(
    ORDERS, columns=(*(column for column in ORDERS.columns if column.name not in NULLABLE[1:]), *NESTED)
)


def main() -> None:
    """Parses all files in turn, several rounds, and prints the median of each round's ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    count = arguments.megabytes * 1_000_000 // LINE
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for number, (_, change) in enumerate(VARIANTS.values()):
            write(Path(folder, f"{number}.json"), count, change)
        print(f"{count:,} lines, {arguments.megabytes} MB each")
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
        for _ in range(arguments.rounds + 1):
            for number, (name, (table, _)) in enumerate(VARIANTS.items()):
                times[name].append(timed(con, Path(folder, f"{number}.json"), table, count))
        for name, found in times.items():
            report(name, found[1:], times["clean"][1:])  # the first round warms up


def report(name: str, found: list[tuple[float, float]], clean: list[tuple[float, float]]) -> None:
    wall, cpu = (statistics.median(each[kind] for each in found) for kind in (0, 1))
    ratios = [statistics.median(a[kind] / b[kind] for a, b in zip(found, clean, strict=True)) for kind in (0, 1)]
    print(f"{name:32} {wall:6.2f} s {ratios[0]:5.2f} x   CPU {cpu:6.2f} s {ratios[1]:5.2f} x")


def timed(con: duckdb.DuckDBPyConnection, source: Path, table: Table, count: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    rows, rejects = (str(source.with_name(name)) for name in ("rows.parquet", "rejects.parquet"))
    start, cpu = time.perf_counter(), time.process_time()
    parsed: Parsed = write_parquet(con, str(source), table, batch="b", file="f", rows_path=rows, rejects_path=rejects)
    assert parsed.lines == count
    return time.perf_counter() - start, time.process_time() - cpu


def write(target: Path, count: int, change: Change) -> None:
    rng = random.Random(1)
    with target.open("w") as file:
        for number in range(count):
            fields = order(rng, number)
            change(fields, rng, number, count)
            missing = LINE - 1 - len(spell(fields))
            fields["o_comment"] = (WORDS[rng.randrange(30) :] + WORDS * 2)[: max(missing, 0)]
            file.write(spell(fields) + "\n")


def spell(fields: Fields) -> str:
    return json.dumps(fields, separators=(",", ":"))


def order(rng: random.Random, number: int) -> Fields:
    return {
        "o_orderkey": 4 * number + 1,
        "o_custkey": rng.randrange(150_000),
        "o_orderstatus": rng.choice("OFP"),
        "o_totalprice": rng.randrange(10_000_000) / 100,
        "o_orderdate": f"1996-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "o_orderpriority": rng.choice(["1-URGENT", "2-HIGH", "3-MEDIUM"]),
        "o_clerk": f"Clerk#{rng.randrange(1000):09}",
        "o_shippriority": 0,
        "o_comment": "",
        "o_ordertime": f"2026-01-01T{rng.randrange(24):02}:00:{rng.randrange(60):02}.{rng.randrange(10**6):06}Z",
    }


def keep(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    """A clean line."""


def null_in_a_tenth(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    name = rng.choice(NULLABLE)
    if number % 20 == 0:
        fields[name] = None
    if number % 20 == 10:
        del fields[name]


def unknown_in_each(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    fields["discount"] = rng.randrange(1, 100) / 100


def unknown_in_a_hundredth(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    if number % 100 == 50:
        unknown_in_each(fields, rng, number, count)


def nest(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    del fields["o_clerk"], fields["o_orderpriority"]
    identity = f"00112233-4455-6677-8899-{number:012}"
    fields["device"] = {"id": identity, "os": {"name": "x", "version": rng.randrange(100) / 10}}
    fields["readings"] = [{"t": "2026-01-02T03:04:05", "v": rng.randrange(1000) / 100}]
    del fields["o_ordertime"]
    fields["o_ordertime"] = "2026-01-01T00:00:00Z"


def one_bad(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    if number == count // 2:
        fields["o_custkey"] = 2.7


def bad_hundredth(fields: Fields, rng: random.Random, number: int, count: int) -> None:
    if number % 100 == 50:
        fields["o_custkey"] = 2.7


VARIANTS: dict[str, tuple[Table, Change]] = {
    "clean": (ORDERS, keep),
    "null or missing in 10 % of lines": (TABLE_WITH_NULLS, null_in_a_tenth),
    "unknown field in each line": (ORDERS, unknown_in_each),
    "unknown field in 1 % of lines": (ORDERS, unknown_in_a_hundredth),
    "nested columns": (NESTED_TABLE, nest),
    "one bad line": (ORDERS, one_bad),
    "1 % bad lines": (ORDERS, bad_hundredth),
}


if __name__ == "__main__":
    main()
