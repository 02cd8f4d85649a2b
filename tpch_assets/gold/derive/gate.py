"""The differential gate: a plain statement and what was derived from it, run side by side on small nasty data.

Names, types, values and order have to be the same. Rows are compared as multisets, exactly; DOUBLE values may differ in
their last two bits, as DuckDB's own avg(DECIMAL) does from plan to plan, and by 1e-9 of themselves in columns where
plain SQL does not agree with itself when rows lie in another order. Of the order, the sequence of what ORDER BY names
has to be the same; at a LIMIT any of the tied rows may stand. What plain SQL leaves open, such as `any_value` of
different values, is not compared: see `answers.py`.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from tpch_assets.compute.catalog import parser
from tpch_assets.compute.database import identifier, identifiers, nulls, sql_list
from tpch_assets.gold import exact
from tpch_assets.gold.derive.answers import Answer, Determined, Row, nearly, shown
from tpch_assets.gold.derive.nasty import BATCH, FLAVOURS, Nasty, data_sets
from tpch_assets.gold.derive.order import Ordered, ordered
from tpch_assets.gold.derive.outcome import Derived
from tpch_assets.gold.sql_file import parameter_names
from tpch_assets.schema import Business, Table

if TYPE_CHECKING:
    from tpch_assets.gold.queries import Value

SEED = 20_260_101
_MEMORY = "512MB"
_SECONDS = 30.0  # For all of a statement's data sets; 0.3 s are usual.
_TELLING, _MOST_SETS = 2, 2 * len(FLAVOURS)  # Data sets whose answer is not empty, and data sets to try for them.
_INEXACT = re.compile(r"\b(std|var|corr|covar|regr|skew|kurt|sem\b|entropy|approx)\w*\s*\(", re.IGNORECASE)
"""Statistics whose last digits depend on how they are computed, such as variances."""
_OTHERWISE, _BY_DATA = "whole_2", "aggregate_function_rewriter"  # It may change the last bit of avg(DECIMAL).
_ORDER, _HOME = "__order_", "__shard"  # Columns that no statement sees.
_ORDERS, _MORE_ORDERS = 3, 12  # Runs of plain SQL with other orders of rows: at first, and where a difference shows.


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        difference: One sentence about the first difference; None if there is none.
        telling: The number of data sets whose answer had a row with a value other than NULL and zero.
    """

    difference: str | None
    telling: int


def difference(statement: str, derived: Derived, business: Business, values: Mapping[str, "Value"]) -> str | None:
    """Compare a plain statement with what was derived from it.

    Args:
        values: The parameters' values.

    Returns:
        One sentence about the first difference, with the data set's seed and a row; None if there is none.
    """
    return compare(statement, derived, business, values).difference


def compare(
    statement: str,
    derived: Derived,
    business: Business,
    values: Mapping[str, "Value"],
    seed: int = SEED,
    some: tuple[int, int] | None = None,
) -> Comparison:
    """As `difference`, and how much the comparison could tell.

    Args:
        some: The first and, without, the last of the data sets to use; by default as many as tell something.
    """
    first, end = some or (0, _MOST_SETS)
    telling = failed = 0
    last = ""
    texts = f"{statement} {derived.partial} {derived.combine}".lower()
    tables = [table for table in business.tables if table.name in texts]
    sets = islice(data_sets(statement, tables, values, _schema, seed, first), end - first)
    with _connection() as con, TemporaryDirectory() as folder:
        for number, data in enumerate(sets):
            if number > len(FLAVOURS) and telling >= _TELLING:
                break
            try:
                run = _Run(con, f"{folder}/{number}-", data, statement, derived, tables, values)
                found, tells = run.compared()
            except _PlainFails as error:
                failed, last = failed + 1, str(error)
                continue
            if found:
                return Comparison(f"{found} [{data.name}]", telling)
            telling += tells
    if failed == end - first:
        return Comparison(f"the plain statement fails on every nasty data set, so nothing was compared: {last}", 0)
    return Comparison(None, telling)


class _PlainFails(Exception):
    """The plain statement itself fails on a data set."""


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, interrupted where a statement does not come to an end."""
    with duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY, "temp_directory": ""}) as con:
        con.execute("SET TimeZone = 'UTC'")
        watch = threading.Timer(_SECONDS, con.interrupt)
        watch.daemon = True
        watch.start()
        try:
            yield con
        finally:
            watch.cancel()


@cache
def _schema(table: Table) -> pa.Schema:
    with parser() as con:
        return (
            con.sql(f"SELECT {nulls((*table.stored_columns, (BATCH, 'VARCHAR')))} WHERE false").to_arrow_table().schema
        )


class _Run:
    """One data set in a database, and the statements over it."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        files: str,
        data: Nasty,
        statement: str,
        derived: Derived,
        tables: Sequence[Table],
        values: Mapping[str, "Value"],
    ) -> None:
        self.con, self.files, self.data, self.values = con, files, data, values
        self.statement, self.derived, self.tables = statement, derived, tables
        self.orders = 0
        self._fill()

    def _fill(self) -> None:
        """Every row in the schema `filled`, and views: dimensions, and facts by shard."""
        for schema in ("filled", "dimensions", "combining", *(f"shard_{number}" for number in range(self.data.shards))):
            self.con.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        for table in self.tables:
            rows = self.data.tables[table.name]
            for order in range(1, _ORDERS + _MORE_ORDERS):
                rows = rows.append_column(f"{_ORDER}{order}", pa.array(_order(rows.num_rows, order), pa.int32()))
            if table.is_fact:
                rows = rows.append_column(_HOME, pa.array(self.data.homes[table.name], pa.int32()))
            self.con.register("arrow_rows", rows)
            self.con.execute(f"CREATE TABLE filled.{identifier(table.name)} AS FROM arrow_rows")
            self.con.unregister("arrow_rows")
            if not table.is_fact:
                self._view("dimensions", table, "")
            elif self._is_cut(table):
                for number in range(self.data.shards):
                    self._view(f"shard_{number}", table, f"WHERE {_HOME} = {number}")

    def _view(self, schema: str, table: Table, which: str) -> None:
        columns = identifiers((*table.column_names, BATCH))
        name = identifier(table.name)
        self.con.execute(f"CREATE VIEW {schema}.{name} AS SELECT {columns} FROM filled.{name} {which}")

    def compared(self) -> tuple[str | None, bool]:
        """The first difference, and whether the answer can tell one."""
        wanted = ordered(self.statement, self.values)
        schemas = [self._whole() for _ in range(_ORDERS)]
        try:
            plain = [self._answer(schema, self.statement) for schema in schemas]
        except duckdb.Error as error:
            if _is_certain(error):
                return self._must_fail(error), True
            raise _PlainFails(_first_line(error)) from error
        try:
            actual = self._derived()
        except (duckdb.Error, ValueError) as error:
            return f"plain SQL answers, what was derived fails: {_first_line(error)}", True
        tells = any(cell not in (None, 0, False) for row in plain[0].rows for cell in row)
        found = self._difference(wanted, schemas, plain, actual)
        if found:  # Perhaps plain SQL does not agree with itself: more orders may show it.
            schemas += [self._whole() for _ in range(_MORE_ORDERS)]
            plain += [self._answer(schema, self.statement) for schema in schemas[_ORDERS:]]
            found = self._difference(wanted, schemas, plain, actual)
        return found, tells

    def _must_fail(self, error: duckdb.Error) -> str | None:
        try:
            self._derived()
        except (duckdb.Error, ValueError):
            return None
        return f"plain SQL fails, what was derived answers: {_first_line(error)}"

    def _difference(self, wanted: Ordered, schemas: list[str], plain: list[Answer], actual: Answer) -> str | None:
        first = plain[0]
        if found := _different_columns(first.columns, actual.columns):
            return found
        counts = sorted({len(answer.rows) for answer in plain})
        if len(counts) == 1 and counts[0] != len(actual.rows):
            stray = self._determined(plain).unmatched(first, actual)
            return f"plain SQL gives {counts[0]} rows, what was derived {len(actual.rows)}{_only(stray)}"
        base = self._unlimited(wanted, schemas) or plain
        limited = base is not plain and wanted.limited
        width = len(first.columns)
        visible = [Answer(answer.columns[:width], tuple(row[:width] for row in answer.rows)) for answer in base]
        determined = self._determined(visible)
        if stray := determined.unmatched(visible[0], actual, contained=limited):
            return f"rows differ{_only(stray)}"
        return _different_order(wanted, determined, base[0], first, actual)

    def _determined(self, answers: list[Answer]) -> Determined:
        return Determined(answers, inexact=bool(_INEXACT.search(self.statement)))

    def _unlimited(self, wanted: Ordered, schemas: list[str]) -> list[Answer] | None:
        """The plain answers without their LIMIT, with the values of ORDER BY behind their columns."""
        if wanted.statement is None:
            return None
        try:
            return [self._answer(schema, wanted.statement) for schema in schemas]
        except duckdb.Error:
            return None

    def _derived(self) -> Answer:
        if self.derived.partial:
            paths = [self._partial(number) for number in range(self.data.shards)]
            self.con.execute(f"CREATE OR REPLACE VIEW combining.partials AS FROM {self._rows_of(paths)}")
        return self._answer("combining,dimensions", self.derived.combine)

    def _is_cut(self, table: Table) -> bool:
        return table.is_fact and table.group == self.derived.group

    def _partial(self, number: int) -> str:
        self.con.execute(f"SET search_path = 'shard_{number},dimensions'")
        rows = self.con.sql(self.derived.partial, params=self._parameters(self.derived.partial))
        exact.check_partial(zip(rows.columns, map(str, rows.types), strict=True))
        path = f"{self.files}{number}.parquet"
        rows.write_parquet(path)
        return path

    def _rows_of(self, paths: list[str]) -> str:
        scan = f"read_parquet({sql_list(paths)}, union_by_name = true)"
        has_facts = any(self.data.tables[table.name].num_rows for table in self.tables if self._is_cut(table))
        return scan if has_facts else f"{scan} LIMIT 0"  # Without any fact there is no shard, and no partial.

    def _answer(self, schemas: str, sql: str) -> Answer:
        self.con.execute(f"SET search_path = '{schemas}'")
        self.con.execute(f"SET disabled_optimizers = '{_BY_DATA if schemas == _OTHERWISE else ''}'")
        rows = self.con.sql(sql, params=self._parameters(sql))
        columns = tuple(zip(rows.columns, map(str, rows.types), strict=True))
        return Answer.of(columns, rows.to_arrow_table())

    def _parameters(self, sql: str) -> dict[str, "Value"]:
        return {name: self.values[name] for name in parameter_names(sql)}

    def _whole(self) -> str:
        """A schema with all rows, in another order than in the schemas before."""
        schema = f"whole_{self.orders}"
        self.con.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        for table in self.tables:
            self._view(schema, table, f"ORDER BY {_ORDER}{self.orders}" if self.orders else "")
        self.orders += 1
        return schema


def _order(rows: int, order: int) -> list[int]:
    """Places of rows: reversed first, then at random."""
    places = list(range(rows))
    if order == 1:
        places.reverse()
    else:
        Random(f"{order} {rows}").shuffle(places)
    return places


def _different_columns(wanted: tuple[tuple[str, str], ...], actual: tuple[tuple[str, str], ...]) -> str | None:
    names, others = [name for name, _ in wanted], [name for name, _ in actual]
    if names != others:
        return f"plain SQL has the columns {', '.join(names)}, what was derived {', '.join(others)}"
    for (name, type_), (_, other) in zip(wanted, actual, strict=True):
        if _as_stored(type_) != _as_stored(other):
            return f"the column {name} is {type_} in plain SQL, and {other} in what was derived"
    return None


def _as_stored(type_: str) -> str:
    """A type as the answer's file has it, where HUGEINT is a DECIMAL(38,0)."""
    return type_.replace("HUGEINT", "DECIMAL(38,0)") if "UHUGEINT" not in type_ else type_


def _different_order(
    wanted: Ordered, determined: Determined, base: Answer, plain: Answer, actual: Answer
) -> str | None:
    """Whether the derived rows stand in a sequence that ORDER BY does not allow.

    Each row may have one of the sort keys that plain SQL gives to rows that look like it; its place asks for one.
    """
    keys = wanted.keys(base)
    if keys is None:
        return None
    begin = wanted.offset
    possible: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for row, key in zip(base.rows, keys, strict=True):
        possible.setdefault(determined.read(row), []).append(key)
    for place, row in enumerate(actual.rows):
        if begin + place >= len(keys):
            return f"row {place + 1} of what was derived, {shown(row)}, has no place in plain SQL's answer"
        seen = determined.read(row)
        own = possible.get(seen)
        if own is None:  # A DOUBLE with other last bits
            own = next((found for other, found in possible.items() if nearly(other, seen)), [])
        if not any(nearly(key, keys[begin + place]) for key in own):
            return (
                f"row {place + 1} stands at the wrong place: plain SQL has {shown(plain.rows[place])}, "
                f"what was derived {shown(row)}"
            )
    return None


def _only(stray: tuple[Row | None, Row | None] | None) -> str:
    """Rows that only one of both has, in a message."""
    sides = zip(("plain SQL", "what was derived"), stray or (), strict=False)
    return "".join(f"; only {whose} has {shown(row)}" for whose, row in sides if row is not None)


def _is_certain(error: duckdb.Error) -> bool:
    """Whether a statement fails for every way of running it, and not by the order in which values are computed."""
    return "More than one row returned by a subquery" in str(error)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split("LINE ")[0].split())[:300]
