"""Definitions load without asking DuckDB what it has said before; whatever changes is asked anew."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import pytest

import tpch_assets
from tpch_assets.compute import catalog
from tpch_assets.gold import kept
from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.lineage import origins
from tpch_assets.gold.queries import broken_queries, load_queries
from tpch_assets.models.declared import load_models
from tpch_assets.orchestration.assemble import assemble
from tpch_assets.schema import Business, Column, Table
from tpch_assets.settings import load_settings
from tpch_assets.tpch import BUSINESS

ID, PRICE = Column("kept_id", "BIGINT", ""), Column("kept_price", "DECIMAL(15,2)", "")
SALES = Table("kept_sales", "", (ID, PRICE), ("kept_id",), "every batch", "kept_id")
SHOPS = Table("kept_shops", "", (ID,), ("kept_id",))
SQL = """-- Sales
-- How much is sold?
-- param least: 1 + 1
-- param a_most: 100

SELECT sum(kept_price) * $scale_factor AS price, min(kept_shops.kept_id) AS first
FROM kept_sales, kept_shops
WHERE kept_price > $least AND kept_price < $a_most AND $as_of IS NOT NULL
"""


@dataclass
class Shop:
    """A business of one query, and how often DuckDB was asked about it."""

    place: pytest.MonkeyPatch
    folder: Path
    tables: tuple[Table, ...] = (SALES, SHOPS)
    asked: list[str] = field(default_factory=list)

    @property
    def business(self) -> Business:
        return Business(self.tables, queries=self.folder)

    def write(self, old: str = "", new: str = "") -> None:
        assert old in SQL
        (self.folder / "sales.sql").write_text(SQL.replace(old, new, 1))

    def load(self, scale_factor: float = 1) -> list[str]:
        """Load as a new process does; gives what DuckDB was asked."""
        self.forget()
        del self.asked[:]
        business = self.business
        for query in load_queries(business).values():
            code_digest(query, business, scale_factor)
            origins(query, business)
        return self.asked

    def forget(self) -> None:
        self.place.setattr(kept, "_used", {})
        kept._kept.cache_clear()
        kept._makers.cache_clear()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    made, empty = Shop(monkeypatch, tmp_path), catalog._empty

    def asked() -> duckdb.DuckDBPyConnection:
        made.asked.append(sys._getframe(2).f_code.co_name)
        return empty()

    monkeypatch.setattr(catalog, "_empty", asked)
    made.write()
    yield made
    monkeypatch.undo()
    kept._kept.cache_clear()
    kept._makers.cache_clear()


@pytest.fixture
def shipped(shop: Shop) -> Shop:
    assert shop.load(), "nothing is kept yet"
    assert kept.ship(shop.folder) == 3
    return shop


@pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")
def test_the_shipped_business_loads_without_asking_duckdb(shop: Shop, environment: Path) -> None:
    shop.forget()
    business = replace(BUSINESS)
    assert assemble(load_settings(scale_factor=0.1), business)
    assert load_queries(business).keys() == load_queries(BUSINESS).keys() and load_models(business)
    assert shop.asked == [], "`tpch-assets check --ship-forms` writes bindings.json anew"


def test_what_is_kept_is_what_would_be_found(shipped: Shop) -> None:
    def found() -> tuple[object, ...]:
        business = shipped.business
        (query,) = load_queries(business).values()
        types, known = list(query.param_types.items()), list(origins(query, business).items())
        return query.columns, types, query.tables, code_digest(query, business, 1), known

    assert shipped.load() == []
    as_kept = found()
    assert shipped.asked == []
    (shipped.folder / kept.SHIPPED).unlink()
    assert shipped.load() and found() == as_kept


def test_what_is_no_part_of_a_statement_asks_nothing(shipped: Shop) -> None:
    shipped.write("How much is sold?", "What was sold?")
    assert shipped.load() == []


def _code(shop: Shop) -> None:
    shop.place.setattr(kept, "MAKERS", kept.MAKERS[1:])


def _tables(*tables: Table) -> Callable[[Shop], None]:
    return lambda shop: setattr(shop, "tables", tables)


CHANGES: dict[str, Callable[[Shop], None]] = {
    "statement": lambda shop: shop.write(">", ">="),
    "parameter": lambda shop: shop.write("1 + 1", "1 + 2"),
    "type": _tables(replace(SALES, columns=(ID, replace(PRICE, type="DECIMAL(15,3)"))), SHOPS),
    "column": _tables(replace(SALES, columns=(ID, PRICE, Column("n", "BIGINT", ""))), SHOPS),
    "table": _tables(SALES, SHOPS, replace(SHOPS, name="kept_more")),
    "kind": _tables(SALES, replace(SHOPS, arrives="every batch", colocated_by="kept_id", group="kept_sales")),
    "release": lambda shop: shop.place.setattr(duckdb, "__version__", "0.0.1"),
    "code": _code,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_asked_anew(shipped: Shop, change: str) -> None:
    assert shipped.load() == []
    CHANGES[change](shipped)
    assert "binder" in shipped.load()
    assert not broken_queries(shipped.business)


def test_another_scale_factor_is_other_code_of_the_same_statements(shipped: Shop) -> None:
    business = shipped.business
    (query,) = load_queries(business).values()
    assert code_digest(query, business, 1) != code_digest(query, business, 2)
    assert "binder" not in shipped.load(scale_factor=2)


def test_a_mistake_is_told_as_ever_and_never_kept(shipped: Shop) -> None:
    shipped.write("kept_price >", "kept_pric >")
    for _ in range(2):
        assert shipped.load()
        (broken,) = broken_queries(shipped.business).values()
        assert "sales.sql:8: " in broken.error and "Did you mean" in broken.error
        assert kept.ship(shipped.folder) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"makers": null, "findings": null}', "<<<<<<< ours"])
def test_a_damaged_file_is_no_file(shipped: Shop, text: str) -> None:
    (shipped.folder / kept.SHIPPED).write_text(text)
    assert shipped.load()
    assert kept.ship(shipped.folder) == 3 and shipped.load() == []


def test_all_code_that_finds_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package, ran = Path(tpch_assets.__file__).parent, set[str]()
    real = kept.found

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            ran.add(frame.f_code.co_filename)

    def traced(folder: Path, inputs: object, make: Callable[[], object], read: Callable[[Any], object]) -> object:
        def making() -> object:
            before = sys.getprofile()
            sys.setprofile(note)
            try:
                return make()
            finally:
                sys.setprofile(before)

        return real(folder, inputs, making, read)

    monkeypatch.setattr(kept, "found", traced)
    shop.load()
    assert load_models(replace(BUSINESS, queries=tmp_path / "none"))
    found = {Path(name).relative_to(package).as_posix() for name in ran if name.startswith(f"{package}/")}
    inputs = {"schema/__init__.py", "gold/queries.py"}  # What tables and queries hold is part of each digest.
    assert found - inputs <= set(kept.MAKERS)
    assert found >= set(kept.MAKERS) - {"gold/kept.py"}
