"""Names of bronze files: what makes another name, and that names given before are known."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tpch_assets.bronze import fingerprint
from tpch_assets.bronze.fingerprint import BronzeName, Naming, file_hash, former_contents
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.raw.files import RawFile, files_of
from tpch_assets.schema import Column, Table

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
TABLE = Table("region", "Regions.", COLUMNS, key=("r_regionkey",))


def empty(**properties: str) -> Snapshot:
    return Snapshot(Lake("/lake"), "/lake/bronze/region", 0 if properties else -1, properties=properties)


def named(table: Table, bronze: Snapshot | None = None) -> str:
    return str(Naming.of(table, bronze or empty()).name(FILE))


def test_the_name_of_a_content_stays() -> None:
    assert named(TABLE) == "6025a122-61a72d2f5ca4bfbe.parquet"


def test_the_former_names_are_those_that_lakes_have() -> None:
    assert former_contents(FILE, COLUMNS) == ("c6d9a0e12835f4a4", "0f81bdb7d9b8a33e")


def test_the_first_name_is_of_pythons_notation_of_the_columns() -> None:
    @dataclass(frozen=True)
    class Former:
        name: str
        type: str
        description: str
        nullable: bool

    Former.__qualname__ = "Column"
    quoted = ("a", "VARCHAR", 'Says "it\'s" ü\n.', True)
    for count in range(3):
        text = "\n".join([FILE.name, str(FILE.size), FILE.stamp, repr((Former(*quoted),) * count)])
        expected = hashlib.sha256(text.encode()).hexdigest()[:16]
        assert former_contents(FILE, (Column(*quoted),) * count)[1] == expected
        assert former_contents(FILE, (WideColumn(*quoted),) * count)[1] == expected


@pytest.mark.parametrize(
    "changed",
    [
        replace(COLUMNS[1], name="name"),
        replace(COLUMNS[1], type="INTEGER"),
        replace(COLUMNS[1], nullable=True),
    ],
)
def test_a_table_made_with_other_columns_names_its_files_anew(changed: WideColumn) -> None:
    assert named(replace(TABLE, columns=(COLUMNS[0], changed, COLUMNS[2]))) != named(TABLE)


def test_a_table_that_is_there_knows_its_files_whatever_its_columns_become() -> None:
    made = empty(**Naming.of(TABLE, empty()).properties)
    assert named(replace(TABLE, columns=COLUMNS[::-1]), made) == named(TABLE)
    names = {named(TABLE, made)}
    for type_ in ("INTEGER", "BIGINT"):
        changed = replace(TABLE, columns=(*COLUMNS, Column("r_size", type_, "", nullable=True)))
        naming, name = Naming.of(changed, made), named(changed, made)
        assert naming.contents(FILE) == Naming.of(TABLE, made).contents(FILE) == {BronzeName.parse(name).content}
        assert str(BronzeName.parse(name)) == name
        names.add(name)
    assert len(names) == 3, "runs of before and after a change must not write the same file"


def test_order_and_words_of_columns_do_not_count() -> None:
    reworded = (replace(COLUMNS[0], description="The key."), *COLUMNS[:0:-1])
    assert named(replace(TABLE, columns=reworded)) == named(TABLE)


def test_a_table_made_again_names_its_files_anew_each_time() -> None:
    names, made = {named(TABLE)}, empty()
    for _ in range(3):
        made = empty(**Naming.again(TABLE, made).properties)
        names.add(named(TABLE, made))
    assert len(names) == 4


def test_another_parser_names_all_files_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    naming = Naming("", (COLUMNS,))
    before = naming.contents(FILE)
    monkeypatch.setattr(fingerprint, "PARSER", 2)
    assert not naming.contents(FILE) & before
    assert len(before) == 3


@pytest.mark.parametrize("name", ["0123456789abcdef.parquet", "01234567-0123456789abcdef.parquet"])
def test_a_filled_file_is_of_the_same_raw_file(name: str) -> None:
    first = BronzeName.parse(name).filled_with(COLUMNS[:1])
    again = first.filled_with(COLUMNS[1:])
    assert len({name, str(first), str(again)}) == 3
    assert BronzeName.parse(str(first)) == first
    assert (again.file, again.content) == (first.file, first.content) == (name[:-25], "0123456789abcdef")


def test_a_foreign_name_is_its_own_content() -> None:
    assert BronzeName.parse("part-0.parquet") == BronzeName("", "part-0.parquet")


def test_a_redelivery_makes_another_name(lake: Lake) -> None:
    path = Path(lake.path("raw", "orders", "b", "a.json"))
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
    (first,) = files_of(lake, "orders", ["b"])["b"]
    assert files_of(lake, "orders", ["b"])["b"] == [first]
    path.write_text("2\n")
    os.utime(path, ns=(1, int(first.modified) * 10**9 + 10**9))
    (second,) = files_of(lake, "orders", ["b"])["b"]
    naming = Naming.of(TABLE, empty())
    assert naming.name(first) != naming.name(second)
    assert naming.name(first).file == naming.name(second).file == file_hash("a.json")
