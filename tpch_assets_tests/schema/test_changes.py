"""Edits of a declaration: which go in place, and by what sentence the others are refused."""

from dataclasses import replace

import pytest

from tpch_assets.schema import Column, Table
from tpch_assets.schema.changes import Declared, added, fits, refusal
from tpch_assets.schema.types import parse

KEY = Column("id", "BIGINT", "The key.")
TABLE = Table(
    "orders",
    "Orders.",
    (
        KEY,
        Column("line", "SMALLINT", ""),
        Column("price", "DECIMAL(5,2)", "", nullable=True),
        Column("who", "UUID", ""),
    ),
    key=("id",),
    arrives="every batch",
    colocated_by="id",
)


def edited(name: str, **changes: object) -> Table:
    columns = (replace(c, **changes) if c.name == name else c for c in TABLE.columns)  # type: ignore[arg-type]
    return replace(TABLE, columns=tuple(columns))


def more(*columns: Column) -> Table:
    return replace(TABLE, columns=(*TABLE.columns, *columns))


IN_PLACE = {
    "nothing": TABLE,
    "wider": edited("line", type="INTEGER"),
    "more digits": edited("price", type="NUMERIC(9,4)"),
    "other words": edited("price", description="What was paid."),
    "other spelling": edited("line", type="INT2"),
    "nullable": edited("line", nullable=True),
    "dropped": replace(TABLE, columns=TABLE.columns[:1]),
    "another order": replace(TABLE, columns=TABLE.columns[::-1]),
    "added": more(Column("note", "VARCHAR", "", nullable=True)),
}
REFUSED = {
    "narrower": (edited("line", type="TINYINT"), "line: SMALLINT cannot become TINYINT in place"),
    "another kind": (edited("line", type="DECIMAL(9,0)"), "line: SMALLINT cannot become DECIMAL(9,0) in place"),
    "fewer digits before the point": (
        edited("price", type="DECIMAL(6,4)"),
        "price: DECIMAL(5,2) cannot become DECIMAL(6,4) in place",
    ),
    "text": (edited("who", type="VARCHAR"), "who: UUID cannot become VARCHAR in place"),
    "never null": (edited("price", nullable=False), "price: it may hold nulls, so it cannot be without them in place"),
    "new and never null": (
        more(Column("note", "VARCHAR", "")),
        "note: a new column that is not nullable has no values for the rows that are there",
    ),
    "another key": (
        replace(TABLE, key=("id", "line")),
        "line: the primary key was id and cannot become id, line in place",
    ),
    "another colocation key": (
        replace(TABLE, colocated_by="line"),
        "line: the colocation key was id and cannot become line in place",
    ),
}


@pytest.mark.parametrize("table", IN_PLACE.values(), ids=IN_PLACE)
def test_edits_that_go_in_place(table: Table) -> None:
    assert refusal(table, Declared.of(TABLE), keys=True) is None


@pytest.mark.parametrize(("table", "reason"), REFUSED.values(), ids=REFUSED)
def test_edits_that_are_refused(table: Table, reason: str) -> None:
    advice = "take the edit back, or run `tpch-assets rebuild orders`"
    assert refusal(table, Declared.of(TABLE), keys=True) == f"table orders, column {reason}: {advice}"


def test_keys_count_only_where_they_are_asked_for() -> None:
    assert refusal(replace(TABLE, key=("id", "line")), Declared.of(TABLE)) is None


def test_what_is_recorded_is_read() -> None:
    less = replace(TABLE, columns=TABLE.columns[:2])
    for before in (Declared.of(TABLE), Declared.of(less, Declared.of(TABLE))):
        assert Declared.recorded(before.properties) == before
    assert Declared.recorded({}) is None


def test_a_column_that_comes_back_must_fit_what_is_stored() -> None:
    less = replace(TABLE, columns=TABLE.columns[:1])
    dropped = Declared.of(less, Declared.of(TABLE))
    back = replace(less, columns=(KEY, Column("line", "INTEGER", "", nullable=True)))
    assert [column.name for column in added(back, dropped)] == ["line"]
    assert refusal(back, dropped) is None
    other = replace(less, columns=(KEY, Column("line", "VARCHAR", "", nullable=True)))
    assert "line: SMALLINT cannot become VARCHAR" in (refusal(other, dropped) or "")
    assert refusal(replace(less, columns=TABLE.columns[:2]), dropped), "not without nulls"


def test_a_table_without_a_record_is_known_by_its_stored_types() -> None:
    stored = Declared.stored(TABLE.stored_columns)
    assert refusal(TABLE, stored, keys=True) is None
    assert refusal(edited("line", type="INTEGER"), stored) is None
    assert refusal(edited("line", type="TINYINT"), stored)
    assert [column.name for column in added(more(Column("n", "DATE", "", nullable=True)), stored)] == ["n"]


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ("TINYINT", "BIGINT", True),
        ("FLOAT", "DOUBLE", False),  # 0.1 is another number then.
        ("DATE", "TIMESTAMP", False),
        ("INTEGER[]", "BIGINT[]", False),
        ("DECIMAL(5,2)", "DECIMAL(5,3)", False),
        ("DECIMAL(5,2)", "DECIMAL(6,3)", True),
        ("STRUCT(a INTEGER)", "STRUCT(a INTEGER)", True),
        ("BOOLEAN", "INTEGER", False),
    ],
)
def test_wider_types_of_the_same_kind(narrow: str, wide: str, expected: bool) -> None:
    assert fits(parse(narrow), parse(wide)) is expected
    assert fits(parse(wide), parse(narrow)) is (narrow == wide)
