"""What no table and no business may be: refused at load, in one sentence that names the table and the column."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tpch_assets.schema import Business, Column, SchemaError, Table, load_business
from tpch_assets_tests.days import Place

ID = Column("id", "BIGINT", "Identifies the row.")
QUERIES = Path(__file__).parent


def fact(name: str = "events", *columns: Column, **more: Any) -> Table:
    chosen: dict[str, Any] = {"key": ("id",), "arrives": "every batch", "colocated_by": "id", **more}
    return Table(name, "Things that happen.", columns or (ID,), **chosen)


def dimension(name: str, *columns: Column, **more: Any) -> Table:
    return Table(name, "Things that are.", columns or (ID,), **{"key": ("id",), **more})


def business(*tables: Table) -> Business:
    return Business(tables, queries=QUERIES)


def column(type_: str, **more: Any) -> Column:
    return Column("id", type_, "Identifies the row.", **more)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "unknown type": (
        lambda: dimension("users", ID, Column("born", "DAT", "")),
        r"table users, column born: 'DAT'.* DATE",
    ),
    "type in a struct": (
        lambda: dimension("users", ID, Column("home", "STRUCT(city TXT)", "")),
        r"table users, column home: 'TXT' in 'STRUCT\(city TXT\)' is not a known type; .* TEXT",
    ),
    "double key": (
        lambda: dimension("users", column("DOUBLE")),
        "table users, column id: DOUBLE cannot be a primary key",
    ),
    "float key": (lambda: fact("e", column("REAL")), "table e, column id: REAL cannot be a primary key|colocation key"),
    "JSON key": (lambda: dimension("users", column("JSON")), "table users, column id: JSON cannot be a primary key"),
    "struct key": (
        lambda: dimension("users", column("STRUCT(a INTEGER)")),
        r"table users, column id: STRUCT\(a INTEGER\) cannot be a primary key",
    ),
    "list key": (
        lambda: dimension("users", column("DATE[]")),
        r"table users, column id: DATE\[\] cannot be a primary key",
    ),
    "boolean colocation": (
        lambda: fact("events", column("BOOLEAN")),
        "table events, column id: BOOLEAN cannot be a colocation key",
    ),
    "double colocation": (
        lambda: fact("events", ID, Column("x", "DOUBLE", ""), colocated_by="x"),
        "table events, column x: DOUBLE cannot be a colocation key",
    ),
    "nullable key": (
        lambda: dimension("users", column("BIGINT", nullable=True)),
        "table users, column id: a key cannot be nullable",
    ),
    "nullable colocation": (
        lambda: fact("events", ID, Column("x", "DATE", "", nullable=True), colocated_by="x"),
        "table events, column x: a key cannot be nullable",
    ),
    "missing key": (lambda: dimension("users", key=("user_id",)), "table users: the key column user_id is not one of"),
    "key in another case": (lambda: dimension("users", key=("ID",)), "table users: the key column ID is not one of"),
    "missing colocation": (
        lambda: fact("events", colocated_by="day"),
        "table events: the key column day is not one of",
    ),
    "no key": (lambda: dimension("users", key=()), "table users: a table needs a primary key"),
    "fact once": (lambda: fact("events", arrives="once"), "table events: a fact arrives with every batch"),
    "dimension with a parent": (lambda: dimension("users", parent="events"), "table users: only a fact has a group"),
    "dimension in a group": (lambda: dimension("users", group="events"), "table users: only a fact has a group"),
    "group's name": (lambda: fact("events", group="My group"), "table events: the group My group needs a name"),
    "column twice": (
        lambda: dimension("users", ID, Column("ID", "DATE", "")),
        "table users: the column id is declared twice",
    ),
    "column's name": (
        lambda: dimension("users", ID, Column("e-mail", "VARCHAR", "")),
        "table users, column e-mail: a column's name is made of letters",
    ),
    "engine's column": (
        lambda: dimension("users", ID, Column("_batch", "VARCHAR", "")),
        "table users, column _batch: a column's name is made of letters, digits and _, and begins with a letter",
    ),
    "DuckDB's column": (
        lambda: dimension("users", ID, Column("File_Row_Number", "BIGINT", "")),
        "table users, column File_Row_Number: this name is taken",
    ),
    "table's name": (lambda: dimension("Users"), "table Users: a table's name is made of lower-case letters"),
    "partials": (lambda: dimension("partials"), "table partials: "),
    "rejects": (lambda: dimension("users_rejects"), "table users_rejects: "),
    "no fact": (lambda: business(dimension("users")), "a business needs at least one fact"),
    "table twice": (lambda: business(fact("events"), dimension("events")), "table events is declared twice"),
    "group of two types": (
        lambda: business(fact("a", group="g"), fact("b", column("INTEGER"), group="g")),
        r"table b, column id: INTEGER differs from BIGINT in a, the same group \(g\)",
    ),
    "unknown parent": (
        lambda: business(fact("a", group="g", parent="nobody"), fact("b", group="g")),
        "table a: its parent nobody is not another fact of the group",
    ),
    "parent in another group": (
        lambda: business(fact("a", parent="b"), fact("b")),
        "table a: its parent b is not another fact of the group",
    ),
    "its own parent": (
        lambda: business(fact("a", parent="a")),
        "table a: its parent a is not another fact of the group",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_in_one_sentence(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(SchemaError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "type_", ["DECIMAL(20,0)", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR", "UUID", "int2", "HUGE"]
)
def test_a_fact_is_cut_by_any_type_with_an_order(type_: str) -> None:
    if type_ == "HUGE":
        with pytest.raises(SchemaError, match="table events, column id: 'HUGE'"):
            fact("events", column(type_))
        return
    assert fact("events", column(type_)).group == "events"


def test_a_uuid_and_a_text_are_stored_alike_and_may_be_of_one_group() -> None:
    found = business(fact("a", column("UUID"), group="g"), fact("b", column("VARCHAR"), group="g"))
    assert [group.names for group in found.groups] == [("a", "b")]


def test_a_module_without_a_business_is_refused() -> None:
    with pytest.raises(
        SchemaError, match=r"the module tpch_assets_tests.businesses has no BUSINESS = Business\(\.\.\.\)"
    ):
        load_business("tpch_assets_tests.businesses")


@pytest.mark.parametrize("module", ["no_such_module", "tpch_assets_tests.businesses.no_such", "no_such.module"])
def test_a_module_that_does_not_exist_is_refused(module: str) -> None:
    with pytest.raises(SchemaError, match=f"there is no Python module {re.escape(module)}"):
        load_business(module)


def test_a_module_that_lacks_another_one_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lacking.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_business("lacking")


def test_the_command_line_refuses_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(
        "from tpch_assets.schema import *\nTABLE = Table('users', '', (Column('id', 'DOUBEL', ''),), key=('id',))\n"
    )
    environment = {**Place(tmp_path).environment(business="wrong"), "PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"}
    code = "import sys; sys.argv = ['tpch-assets', 'status']; from tpch_assets.commands.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "tpch-assets: TPCH_BUSINESS=wrong: table users, column id: 'DOUBEL' is not a known type"
    )
    assert done.stderr.count("\n") == 1
