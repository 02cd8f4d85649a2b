"""Tables that change while the lake runs: fifty edits of declarations by chance, and what each may and must not do."""

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tpch_assets.bronze import fingerprint
from tpch_assets.bronze import plan as bronze_plan
from tpch_assets.bronze.stored import declared
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.schema import Column, Table
from tpch_assets.silver import dimensions, inputs
from tpch_assets.silver.stale import due_windows, stale_dimensions
from tpch_assets_tests.living import END, Line, Living, batch

KEY, AMOUNT = Column("sale", "INTEGER", "The sale."), Column("amount", "INTEGER", "What was paid.")
SALES = Table("sales", "Sales.", (KEY, AMOUNT), ("sale",), "every batch", colocated_by="sale", group="shop")
LINES = Table(
    "items",
    "What was sold.",
    (KEY, Column("position", "TINYINT", "Counts.")),
    ("sale", "position"),
    "every batch",
    colocated_by="sale",
    group="shop",
)
SHOPS = Table("shops", "Shops.", (Column("shop", "VARCHAR", "Its name."),), ("shop",))
FIELDS = {"weight": ("INTEGER", "BIGINT"), "price": ("DECIMAL(5,2)", "DECIMAL(9,3)"), "note": ("VARCHAR", "VARCHAR")}
"""Fields that lines have whether they are declared or not, with a type and a wider one."""
NARROWER = {"BIGINT": "INTEGER", "INTEGER": "DECIMAL(12,0)", "DECIMAL(9,3)": "DECIMAL(5,2)", "DECIMAL(5,2)": "BIGINT"}
"""Types that a column cannot become in place."""


@pytest.fixture
def living(lake: Lake, tmp_path: Path) -> Living:
    return Living(lake, (SALES, LINES, SHOPS), tmp_path)


def with_columns(table: Table, *columns: Column) -> Table:
    return replace(table, columns=(*table.columns, *columns))


def optional(name: str, type_: str) -> Column:
    return Column(name, type_, "Added later.", nullable=True)


# By chance


class Edits:
    """Edits and deliveries by chance."""

    def __init__(self, living: Living, chance: random.Random) -> None:
        self.living, self.chance, self.number = living, chance, 0
        self.refused = self.rebuilt = 0
        self.dropped: dict[tuple[str, str], str] = {}

    def deliver(self, *tables: str) -> None:
        """A file of each table: some are new, some late, and some replace one."""
        chance = self.chance
        self.number += 3
        for name in tables or self.living.models:
            number = chance.choice([self.number, self.number, chance.randrange(self.number)])
            file = chance.choice(["a.json", "b.json"])
            self.living.deliver(name, number, file, [self._line(name, number) for _ in range(chance.randint(0, 6))])

    def _line(self, table: str, number: int) -> Line:
        chance, sale = self.chance, number // 24 * 25 + self.chance.randrange(30)  # Some come in two windows.
        line: Line = {"shop": chance.choice("ABCD")} if table == "shops" else {"sale": sale}
        line |= {"amount": chance.randrange(99)} if table == "sales" else {}
        line |= {"position": chance.randrange(3)} if table == "items" else {}
        return line | {name: self._value(name) for name in FIELDS if chance.random() < 0.5}

    def _value(self, name: str) -> Any:
        chance = self.chance
        fitting: dict[str, list[Any]] = {
            "weight": [chance.randrange(1000), -3, 3_000_000_000],
            "price": [chance.randrange(9999) / 100, 7, 12345.125],
            "note": ["", 'ü\n"', chance.choice("xyz")],
        }
        return chance.choice([*fitting[name] * 3, None, [1]])

    def edit(self) -> bool:
        """Change one declaration. What is refused leaves the lake alone, and is taken back or made again."""
        table = self.chance.choice(list(self.living.models.values())).table
        edit = self.chance.choice([self._add, self._add, self._widen, self._drop, self._shuffle, self._break])
        changed = edit(table)
        if changed == table:
            return False
        if edit == self._break:
            self._refuse(table, changed)
        else:
            self.living.declare(changed)
        return True

    def _add(self, table: Table) -> Table:
        name = self.chance.choice(list(FIELDS))
        type_ = self.dropped.get((table.name, name)) or self.chance.choice(FIELDS[name])
        return table if name in table.column_names else with_columns(table, optional(name, type_))

    def _widen(self, table: Table) -> Table:
        columns = (
            replace(column, type=FIELDS[column.name][1]) if column.type == FIELDS.get(column.name, ("",))[0] else column
            for column in table.columns
        )
        return replace(table, columns=tuple(columns))

    def _drop(self, table: Table) -> Table:
        known = [column for column in table.columns if column.name in FIELDS]
        if not known:
            return table
        gone = self.chance.choice(known)
        self.dropped[table.name, gone.name] = gone.type
        return replace(table, columns=tuple(column for column in table.columns if column != gone))

    def _shuffle(self, table: Table) -> Table:
        columns = [replace(column, description=f"{self.chance.random()}") for column in table.columns]
        return replace(table, columns=tuple(self.chance.sample(columns, len(columns))))

    def _break(self, table: Table) -> Table:
        """A narrower or another type, a column that must be there, or one that must be there from now on."""
        known = [column for column in table.columns if column.name in FIELDS]
        if not known or self.chance.random() < 0.2:
            missing = sorted(FIELDS.keys() - set(table.column_names))
            return with_columns(table, replace(optional(missing[0], "VARCHAR"), nullable=False)) if missing else table
        column = self.chance.choice(known)
        other = (
            replace(column, type=NARROWER[column.type]) if column.type in NARROWER else replace(column, nullable=False)
        )
        return replace(table, columns=tuple(other if one == column else one for one in table.columns))

    def _refuse(self, table: Table, changed: Table) -> None:
        living, model = self.living, self.living.models[table.name]
        living.settle()
        broken = {(c.name, c.parsed.sql, c.nullable) for c in changed.columns if c not in table.columns}
        if broken <= set(declared(table, living.layer("bronze")[table.name]).columns):
            return  # It takes back an edit that no commit has seen, such as a column that was dropped.
        self.deliver(table.name)
        model.table, before = changed, living.layer("bronze")[table.name].version
        with pytest.raises(LakeError, match=f"table {table.name}, column .*`tpch-assets rebuild {table.name}`"):
            living.bronze(table.name, [max(model.lines)[0]])
        assert living.layer("bronze")[table.name].version == before
        self.refused += 1
        if self.chance.random() < 0.5:
            model.table = table
        else:
            living.rebuild(table.name)
            self.rebuilt += 1
            self.dropped = {place: type_ for place, type_ in self.dropped.items() if place[0] != table.name}


def test_fifty_edits_lose_no_row_and_bend_no_value(living: Living) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if the test fails
    edits, done = Edits(living, random.Random(seed)), 0
    edits.deliver()
    while done < 50:
        if not edits.edit():
            continue
        done += 1
        if edits.chance.random() < 0.4:
            edits.deliver(edits.chance.choice(list(living.models)))
        living.settle()
        if done % 2 == 0:
            living.check()
    assert edits.refused and edits.rebuilt


# One by one


def test_a_new_column_is_filled_from_what_was_delivered_all_along(living: Living) -> None:
    lines: list[Line] = [
        {"sale": 1, "amount": 5, "weight": 7, "other": [1]},
        {"sale": 2, "amount": 5, "weight": "heavy"},
        {"sale": 3, "amount": 5},
        {"sale": 4, "amount": 5, "weight": None},
        {"sale": 5},
    ]
    living.deliver("sales", 0, "a.json", lines)
    living.deliver("sales", 24, "a.json", [{"sale": 9, "amount": 1}])
    living.settle()
    before = living.layer("silver")["sales"]
    Path(living.lake.path("raw", "sales", batch(0), "a.json")).unlink()
    living.declare(with_columns(SALES, optional("weight", "INTEGER")))
    living.settle()
    bronze = living.layer("bronze")["sales"]
    assert [
        (row["sale"], row["weight"], row["_rescued"]) for row in read(bronze, bronze.of({batch(0)})).to_pylist()
    ] == [
        (1, 7, '{"other":[1]}'),
        (2, None, '{"weight":"heavy"}'),
        (3, None, None),
        (4, None, None),
    ]
    living.check()
    after = living.layer("silver")["sales"]
    kept = {file.path for file in before.files} & {file.path for file in after.files}
    assert {path.split("/")[0] for path in kept} == {batch(24)}, "only windows whose rows carried the field"
    assert pl.scan_delta(after.uri).sort("sale").select("sale", "weight").collect().rows()[:2] == [(1, 7), (2, None)]


def test_values_that_do_not_fit_are_counted(living: Living) -> None:
    lines: list[Line] = [{"sale": n, "amount": 1, "weight": weight} for n, weight in enumerate((7, "a", [1]))]
    living.deliver("sales", 0, "a.json", lines)
    living.settle()
    table = with_columns(SALES, optional("weight", "INTEGER"))
    update = bronze_plan.plan_batches(table, {}, living.layer("bronze")["sales"])
    ((partition, files),) = update.files.items()
    ((name, content),) = files.items()
    piece = write_piece(living.lake, living.lake.table("bronze", "sales"), partition, name, content)
    assert (piece.unfit, piece.rows.file.rows) == (2, 3)


def test_a_file_that_has_nothing_of_a_new_column_stays(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 5, "other": 7}])
    living.settle()
    before = living.layer("bronze")["sales"].files
    living.declare(with_columns(SALES, optional("weight", "INTEGER")))
    living.settle()
    assert living.layer("bronze")["sales"].files == before
    schema = living.layer("bronze")["sales"].schema
    assert schema is not None and "weight" in schema.names
    assert not living.ingest()


def test_silver_has_a_new_column_although_nothing_came_for_it(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 5}])
    living.settle()
    living.declare(with_columns(SALES, optional("weight", "INTEGER")))
    assert living.ingest()
    assert living.compact() and not living.compact()
    schema = living.layer("silver")["sales"].schema
    assert schema is not None and "weight" in schema.names
    living.check()


@pytest.mark.parametrize(
    "columns",
    [(KEY,), (AMOUNT, KEY), (KEY, replace(AMOUNT, description="Other words."))],
    ids=["dropped", "another order", "other words"],
)
def test_edits_that_make_nothing_again(living: Living, columns: tuple[Column, ...]) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 5}])
    living.settle()
    before = {layer: living.layer(layer)["sales"].files for layer in ("bronze", "silver")}
    living.declare(replace(SALES, columns=columns))
    assert not living.ingest() and not living.compact()
    living.deliver("sales", 30, "a.json", [{"sale": 2, "amount": 6}])
    living.settle()
    living.check()
    assert all(set(files) < set(living.layer(layer)["sales"].files) for layer, files in before.items())


def test_a_column_that_comes_back_has_all_its_values(living: Living) -> None:
    weighed = with_columns(SALES, optional("weight", "INTEGER"))
    living.declare(weighed)
    for number, table in enumerate((weighed, SALES, weighed)):
        living.declare(table)
        living.deliver("sales", number * 24, "a.json", [{"sale": number, "amount": 1, "weight": number}])
        living.settle()
        living.deliver("sales", 1, f"late{number}.json", [{"sale": 10 + number, "amount": 1}])
        living.settle()
        living.check()
    rows = read(living.layer("silver")["sales"]).to_pylist()
    assert {row["sale"]: row["weight"] for row in rows if row["sale"] < 10} == {0: 0, 1: 1, 2: 2}


def test_a_key_gets_wider_in_place(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 7, "amount": 1}])
    living.deliver("items", 0, "a.json", [{"sale": 7, "position": 1}])
    living.settle()
    wide = replace(KEY, type="BIGINT")
    for table in (SALES, LINES):
        living.declare(replace(table, columns=(wide, *table.columns[1:])))
    living.deliver("sales", 30, "a.json", [{"sale": 2**40, "amount": 1}, {"sale": 7, "amount": 2}])
    living.settle()
    living.check()


def test_another_key_is_refused_until_silver_is_made_again(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 1}, {"sale": 1, "amount": 2}])
    living.settle()
    model = living.models["sales"]
    model.table = replace(SALES, key=("sale", "amount"))
    living.deliver("sales", 1, "a.json", [{"sale": 2, "amount": 1}])
    with pytest.raises(LakeError, match=r"table sales, column amount: the primary key .*`tpch-assets rebuild sales`"):
        living.settle()
    versions = {name: table.version for name, table in living.layer("bronze").items()}
    living.rebuild("sales", bronze=False)
    assert {name: table.version for name, table in living.layer("bronze").items()} == versions
    living.settle()
    living.check()
    assert living.layer("silver")["sales"].rows == 3


def test_a_table_is_replaced_by_one_commit(living: Living) -> None:
    for number in (0, 30):
        living.deliver("sales", number, "a.json", [{"sale": number, "amount": 1}])
    living.settle()
    versions = {layer: living.layer(layer)["sales"].version for layer in ("bronze", "silver")}
    before = read(living.layer("bronze")["sales"]).to_pylist()
    living.models["sales"].table = replace(SALES, columns=(KEY, replace(AMOUNT, type="DECIMAL(9,0)")))
    living.rebuild("sales")
    living.check()
    for layer, version in versions.items():
        uri = living.layer(layer)["sales"].uri
        # Bronze is claimed before, so that no run of the former declaration writes rows any more.
        claimed = version + (layer == "bronze")
        old, still, new = (snapshot(living.lake, uri, v) for v in (version, claimed, claimed + 1))
        assert set(still.files) == set(old.files)
        assert new.rows == old.rows == 2
        assert not {file.path for file in old.files} & {file.path for file in new.files}
        assert str(new.schema.field("amount").type) == "decimal128(9, 0)"  # type: ignore[union-attr]
    assert read(snapshot(living.lake, living.lake.table("bronze", "sales"), versions["bronze"])).to_pylist() == before


def test_a_table_is_made_again_with_what_raw_has_no_more(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 1, "weight": 3}, {"sale": "one"}])
    living.deliver("sales", 0, "b.json", [{"sale": 2, "amount": 2}])
    living.settle()
    Path(living.lake.path("raw", "sales", batch(0), "a.json")).unlink()
    living.declare(with_columns(SALES, optional("weight", "INTEGER")))
    living.rebuild("sales")
    living.check()
    living.models["sales"].table = replace(SALES, columns=(KEY, replace(AMOUNT, type="DECIMAL(9,2)")))
    with pytest.raises(LakeError, match=r"1 rows whose raw files are gone.*--accept-loss"):
        living.rebuild("sales")
    living.check()
    del living.models["sales"].lines[batch(0), "a.json"], living.models["sales"].rows[batch(0), "a.json"]
    living.rebuild("sales", accept_loss=True)
    living.check()


def test_mended_parser_code_reaches_silver(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 1}])
    living.settle()
    before = {layer: living.layer(layer)["sales"].files for layer in ("bronze", "silver")}
    monkeypatch.setattr(fingerprint, "PARSER", 2)
    living.settle()
    living.check()
    assert all(living.layer(layer)["sales"].files != files for layer, files in before.items())


def test_mended_code_of_silver_builds_it_again(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    living.deliver("sales", 0, "a.json", [{"sale": 1, "amount": 1}])
    living.deliver("shops", 0, "a.json", [{"shop": "A"}])
    living.settle()
    for module in (inputs, dimensions):
        monkeypatch.setattr(module, "VERSION", 2)
    assert due_windows(living.lake, living.business.groups[0], END).ready == [batch(0)]
    assert [table.name for table in stale_dimensions(living.lake, living.business)] == ["shops"]
    living.settle()
    living.check()


def test_a_dimension_of_a_table_that_was_made_again_is_noticed(living: Living) -> None:
    living.deliver("shops", 0, "a.json", [{"shop": "A"}])
    living.settle()
    first = living.layer("bronze")["shops"]
    shutil.rmtree(first.uri)
    living.deliver("shops", 0, "a.json", [{"shop": "B"}])
    living.ingest()
    assert living.layer("bronze")["shops"].version == first.version
    assert [table.name for table in stale_dimensions(living.lake, living.business)] == ["shops"]
    living.settle()
    living.check()
