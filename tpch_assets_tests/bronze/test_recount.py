"""The recount and the parser count lines by one rule."""

import gzip
import random
from pathlib import Path

import duckdb
import pytest

from tpch_assets.bronze.json_lines import write_parquet
from tpch_assets.bronze.recount import lines_in
from tpch_assets.schema import Column, Table

THINGS = Table("things", "", (Column("a", "BIGINT", ""),), key=("a",))
BOM = b"\xef\xbb\xbf"
PLAIN = b'{"a":1}\n\n{"a":2}\r\n \t\v\n{"a":"no"}\n{"a":3}'
PACKED = gzip.compress(
    b"".join(b'{"a":%d}\n' % number for number in random.Random(1).sample(range(10**9), 3_000)), mtime=0
)


def _parsed(path: Path) -> int:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        folder = path.parent
        rows, rejects = str(folder / "rows.parquet"), str(folder / "rejects.parquet")
        return write_parquet(con, str(path), THINGS, batch="", file="", rows_path=rows, rejects_path=rejects).lines


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.json", PLAIN, 4),
        ("a.json", b"", 0),
        ("a.json", BOM + PLAIN, 4),
        ("a.json", BOM, 0),
        ("a.json", b"\n" + BOM + b"\n" + PLAIN, 5),
        ("a.json", PLAIN + b"\n" + BOM + b'{"a":4}', 5),
        ("a.json.gz", gzip.compress(PLAIN, mtime=0), 4),
        ("a.json.gz", gzip.compress(b"", mtime=0), 0),
        ("a.json.gz", b"", 1),
        ("a.json.gz", b"\x1f", 1),
        ("a", PACKED, 3_000),
        ("a.json.gz", PACKED[:-4], 3_001),
        ("a.json.gz", PACKED + PACKED[:9], 3_001),
    ],
)
def test_lines_are_counted_as_the_parser_counts_them(tmp_path: Path, name: str, content: bytes, lines: int) -> None:
    (tmp_path / name).write_bytes(content)
    assert (lines_in(str(tmp_path / name)), _parsed(tmp_path / name)) == (lines, lines)


@pytest.mark.parametrize("seed", range(8))
def test_gzip_that_is_cut_or_corrupt_anywhere_is_counted_alike(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    at = chance.randrange(2, len(PACKED))
    damaged = PACKED[:at] if seed % 2 else PACKED[:at] + bytes([PACKED[at] ^ 255]) + PACKED[at + 1 :]
    (tmp_path / "a.json.gz").write_bytes(damaged)
    assert lines_in(str(tmp_path / "a.json.gz")) == _parsed(tmp_path / "a.json.gz"), at
