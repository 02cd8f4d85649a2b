"""Names of bronze files: what makes another name, and that names given before are known."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tpch_assets.bronze.fingerprint import file_names, fingerprint, former
from tpch_assets.lake.lake import Lake
from tpch_assets.raw.files import RawFile, files_of
from tpch_assets.schema import Column

FILE = RawFile("/lake/raw/region/b/a.json", "a.json", 3, "1704067200000000000", 1.0)


@dataclass(frozen=True)
class WideColumn(Column):
    """A column, with whatever else a column may have one day."""

    unit: str = "none"


COLUMNS = (
    WideColumn("r_regionkey", "BIGINT", "Identifies the region."),
    WideColumn("r_name", "VARCHAR", "Region name, in capitals."),
    WideColumn("r_comment", "VARCHAR", "Free text."),
)


def test_the_name_of_a_content_stays() -> None:
    assert fingerprint(FILE, COLUMNS) == "c6d9a0e12835f4a4"
    assert file_names(FILE, COLUMNS) == ("c6d9a0e12835f4a4.parquet", "0f81bdb7d9b8a33e.parquet")


def test_the_former_name_is_the_one_that_lakes_have() -> None:
    assert former(FILE, COLUMNS) == "0f81bdb7d9b8a33e"


def test_the_former_name_is_of_pythons_notation_of_the_columns() -> None:
    @dataclass(frozen=True)
    class Plain:
        name: str
        type: str
        description: str
        nullable: bool

    Plain.__qualname__ = "Column"
    quoted = Plain("a", "VARCHAR", 'Says "it\'s" ü\n.', True)
    for columns in ((), (quoted,), (quoted, quoted)):
        text = "\n".join([FILE.name, str(FILE.size), FILE.stamp, repr(columns)])
        assert former(FILE, columns) == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    "changed",
    [
        replace(COLUMNS[0], name="key"),
        replace(COLUMNS[0], type="INTEGER"),
        replace(COLUMNS[0], nullable=True),
    ],
)
def test_another_schema_makes_another_name(changed: WideColumn) -> None:
    assert fingerprint(FILE, (changed, *COLUMNS[1:])) != fingerprint(FILE, COLUMNS)


def test_columns_in_another_order_make_another_name() -> None:
    assert fingerprint(FILE, COLUMNS[::-1]) != fingerprint(FILE, COLUMNS)


def test_other_words_for_a_column_keep_the_name() -> None:
    reworded = (replace(COLUMNS[0], description="The key."), *COLUMNS[1:])
    assert fingerprint(FILE, reworded) == fingerprint(FILE, COLUMNS)


def test_a_redelivery_makes_another_name(lake: Lake) -> None:
    path = Path(lake.path("raw", "orders", "b", "a.json"))
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
    (first,) = files_of(lake, "orders", ["b"])["b"]
    assert files_of(lake, "orders", ["b"])["b"] == [first]
    path.write_text("2\n")
    os.utime(path, ns=(1, int(first.modified) * 10**9 + 10**9))
    (second,) = files_of(lake, "orders", ["b"])["b"]
    assert fingerprint(first, COLUMNS) != fingerprint(second, COLUMNS)
