"""Small data sets full of what makes a wrong derivation show: made for one statement, from a seed, for any business.

There are NULLs where a column allows them, dimension rows that are missing, facts without a partner, duplicate values,
ties, zeros, negative and extreme numbers, empty texts, and the statement's own constants and their neighbours. What the
lake promises holds: colocation keys and primary keys are not NULL, primary keys are unique, and a colocation key never
spans two shards.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import pyarrow as pa

from tpch_assets.gold.derive.hints import Hints, hints
from tpch_assets.gold.derive.values import Domain, Row
from tpch_assets.schema import Table

BATCH = "_batch"
"""The engine's own column of facts and dimensions."""


@dataclass(frozen=True)
class Flavour:
    """How a data set is nasty.

    Attributes:
        keys: Different colocation keys.
        others: Different values of all other columns that are joined.
        lines: Rows of a fact, per colocation key.
        present: The share of dimension rows that are there.
        hinted: The share of values taken from the statement's constants and their neighbours.
        exact: The share of constants among these.
        nulls: The share of NULLs in columns that allow them.
        wide: Other columns have many different values, so that there are few ties.
        extreme: Numbers reach the limits of their types.
        shards: The number of shards with rows; one more has none.
    """

    name: str
    keys: int = 24
    others: int = 10
    lines: float = 4
    present: float = 0.8
    hinted: float = 0.6
    exact: float = 0.5
    nulls: float = 0.2
    wide: bool = False
    extreme: bool = False
    shards: int = 3


FLAVOURS: tuple[Flavour, ...] = (
    Flavour("many ties"),
    Flavour("few ties", keys=40, wide=True, present=0.9),
    Flavour("all match", keys=12, others=7, present=1, hinted=0.95, exact=0.4, lines=8, nulls=0, shards=2),
    Flavour("little matches", keys=16, others=6, present=0.5, hinted=0.4, lines=2, nulls=0.05, shards=4),
    Flavour("extreme numbers", extreme=True, wide=True, hinted=0.3),
    Flavour("few rows", keys=4, others=3, lines=1.5, shards=2),
    Flavour("one key", keys=1, lines=9, others=4, shards=1),
    Flavour("no facts", keys=0),
)


@dataclass(frozen=True)
class Nasty:
    """One data set.

    Attributes:
        tables: All rows of each table.
        homes: Of each fact, the number of each row's shard; the shards of one group have the same numbers.
        shards: The number of shards, one of them empty.
    """

    name: str
    tables: Mapping[str, pa.Table]
    homes: Mapping[str, Sequence[int]]
    shards: int


def data_sets(
    statement: str,
    tables: Sequence[Table],
    values: Mapping[str, object],
    schemas: Callable[[Table], pa.Schema],
    seed: int,
    first: int = 0,
) -> Iterator[Nasty]:
    """Endless data sets for a statement: each flavour once, then again and again those with the most to tell.

    Args:
        tables: Those to fill.
        schemas: The Arrow schema of a table as the lake stores it.
        first: The number of the first data set to make.
    """
    known = hints(statement, values)
    flavours = FLAVOURS
    if known.limit > 1:
        # One shard alone has more rows than the limit, and some of the best find no dimension row.
        many = known.limit * 3
        over = Flavour(
            "over the limit", many, many, lines=2.5, present=0.65, hinted=0.9, exact=0.9, wide=True, shards=2
        )
        flavours += (over,)
    number = 0
    while True:
        for flavour in flavours:
            if number >= first:
                yield _data_set(tables, flavour, known, values, schemas, seed)
            number += 1
        seed += 1
        flavours = FLAVOURS[1:4]


def _data_set(
    tables: Sequence[Table],
    flavour: Flavour,
    known: Hints,
    values: Mapping[str, object],
    schemas: Callable[[Table], pa.Schema],
    seed: int,
) -> Nasty:
    chance = Random(f"{seed} {flavour.name}")
    keys = {column for table in tables for column in table.key}
    joined = frozenset({*keys, *known.joined})
    domain = Domain(chance, known, joined, flavour.nulls, flavour.wide, flavour.extreme, values)
    filled: dict[str, pa.Table] = {}
    homes: dict[str, list[int]] = {}
    for table in tables:
        rows = _fact(table, domain, flavour) if table.is_fact else _dimension(table, domain, flavour)
        filled[table.name] = pa.Table.from_pylist(rows, schemas(table))
        if table.is_fact:
            homes[table.name] = [_home(row[table.shard_key], table.group, flavour, seed) for row in rows]
    return Nasty(f"{flavour.name}, seed {seed}", filled, homes, flavour.shards + 1)


def _home(key: object, group: str, flavour: Flavour, seed: int) -> int:
    """The shard of a colocation key. The first is the largest, and the empty one lies between the others."""
    number = int(flavour.shards * Random(f"{seed} {group} {key}").random() ** 2)
    return number + (number >= flavour.shards // 2)


def _fact(table: Table, domain: Domain, flavour: Flavour) -> list[Row]:
    """Rows of a fact. A key that is its whole primary key may be missing: its children then have no parent."""
    single = table.key == (table.colocated_by,)
    count = flavour.keys * 2 if single else int(flavour.keys * flavour.lines)
    return _rows(table, domain, flavour, count)


def _dimension(table: Table, domain: Domain, flavour: Flavour) -> list[Row]:
    rows = _rows(table, domain, flavour, flavour.others * (5 if len(table.key) == 1 else 6))
    return [row for row in rows if domain.chance.random() < flavour.present]


def _rows(table: Table, domain: Domain, flavour: Flavour, count: int) -> list[Row]:
    """Up to `count` rows, unique by primary key; the first of each stays."""
    rows: dict[tuple[object, ...], Row] = {}
    for _ in range(count):
        key: Row = {
            name: domain.key(table.column(name), flavour.keys if name == table.colocated_by else flavour.others)
            for name in dict.fromkeys((*table.key, *((table.shard_key,) if table.is_fact else ())))
        }
        identity = tuple(key[name] for name in table.key)
        if identity not in rows:
            rows[identity] = {
                **{c.name: domain.value(c, flavour.others, flavour.hinted, flavour.exact) for c in table.columns},
                **key,
                BATCH: "2026-01-01T0000",
            }
    return list(rows.values())
