"""Random SELECT statements over any business, from a seed: joins of all kinds, subqueries, groups, windows, unions.

They need to be valid, not sensible. Statements that DuckDB does not bind are thrown away by who asks for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tpch_assets.compute.database import identifier
from tpch_assets.schema import Business, Table


@dataclass(frozen=True)
class Value:
    """An expression: its SQL, and the kind of its type."""

    sql: str
    kind: str


Scope = list[Value]
_KINDS = {"VARCHAR": "text", "DATE": "date", "BOOLEAN": "bool", "DOUBLE": "float", "FLOAT": "float"}
_CONSTANTS = {
    "number": ("0", "1", "2", "10", "-1", "0.05", "300"),
    "float": ("0.5", "0.1", "2"),
    "text": ("'a'", "''", "'b'", "'F'", "'R'", "'x'"),
    "date": ("DATE '1995-03-15'", "DATE '1994-01-01'", "DATE '2026-01-02'"),
    "time": ("TIMESTAMPTZ '2026-01-02 00:00:00Z'",),
    "bool": ("true", "false"),
}


class RandomQueries:
    """Makes one statement after the other."""

    def __init__(self, business: Business, seed: object) -> None:
        self.business, self.chance, self.aliases = business, Random(f"{seed}"), 0
        self.group = self.chance.choice(business.groups)

    def statement(self) -> str:
        """One statement, ordered and limited as it comes."""
        self.aliases = 0
        roll = self.chance.random()
        if roll < 0.15:
            sql, width = self._set_operation()
        elif roll < 0.3:
            sql, width = self._with()
        else:
            sql, width = self._block(2)
        if self._likely(0.3):
            return sql
        if self._likely(0.5):
            return f"{sql} ORDER BY ALL{self._limit()}"
        direction = self.chance.choice(("", " DESC", " NULLS FIRST"))
        return f"{sql} ORDER BY {self.chance.randint(1, width)}{direction}{self._limit()}"

    def _limit(self) -> str:
        roll = self.chance.random()
        return "" if roll < 0.5 else f" LIMIT {self.chance.randint(1, 8)}" + (" OFFSET 2" if roll > 0.9 else "")

    def _likely(self, share: float) -> bool:
        return self.chance.random() < share

    def _alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    # Blocks

    def _block(self, depth: int, kinds: Sequence[str] | None = None) -> tuple[str, int]:
        """A SELECT without ORDER BY, and the number of its columns, which have the given kinds."""
        source, scope, conditions = self._from(depth)
        where = " AND ".join(
            [*conditions, *(self._condition(scope, depth) for _ in range(self.chance.choice((0, 1, 1, 2))))]
        )
        tail = f" FROM {source}" + (f" WHERE {where}" if where else "")
        shape = self.chance.random()
        if shape < 0.35:
            return self._grouped(scope, tail, kinds, depth)
        if shape < 0.5 and kinds is None:
            return self._total(scope, tail)
        return self._rows(scope, tail, kinds)

    def _rows(self, scope: Scope, tail: str, kinds: Sequence[str] | None) -> tuple[str, int]:
        if kinds is not None:
            values = [self._of_kind(scope, kind) for kind in kinds]
        else:
            values = [self._value(scope) for _ in range(self.chance.randint(1, 4))]
            if self._likely(0.3):
                values.append(self._window(scope))
        distinct = "DISTINCT " if self._likely(0.25) else ""
        qualify = ""
        if kinds is None and self._likely(0.15):
            qualify = f" QUALIFY {self._window(scope, ranks=True).sql} <= {self.chance.randint(1, 2)}"
        return f"SELECT {distinct}{_named(values)}{tail}{qualify}", len(values)

    def _total(self, scope: Scope, tail: str) -> tuple[str, int]:
        values = [self._aggregate(scope) for _ in range(self.chance.randint(1, 4))]
        having = f" HAVING {self._having(scope)}" if self._likely(0.15) else ""
        return f"SELECT {_named(values)}{tail}{having}", len(values)

    def _grouped(self, scope: Scope, tail: str, kinds: Sequence[str] | None, depth: int) -> tuple[str, int]:
        if kinds is not None:
            values = [self._of_kind(scope, kind) for kind in kinds]
            groups, values = values, values
        else:
            groups = [self._value(scope) for _ in range(self.chance.randint(1, 2))]
            values = [*groups, *(self._aggregate(scope) for _ in range(self.chance.randint(1, 3)))]
            if self._likely(0.1):
                values.append(Value(f"rank() OVER (ORDER BY {values[-1].sql})", "number"))
            if self._likely(0.1):
                values = values[len(groups) :]
        listed = ", ".join(value.sql for value in groups)
        by = f"ROLLUP ({listed})" if self._likely(0.1) else listed
        having = f" HAVING {self._having(scope)}" if self._likely(0.25) else ""
        return f"SELECT {_named(values)}{tail} GROUP BY {by}{having}", len(values)

    def _set_operation(self) -> tuple[str, int]:
        kinds = [self.chance.choice(("number", "text", "number", "date")) for _ in range(self.chance.randint(1, 2))]
        kind = self.chance.choice(("UNION ALL", "UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL"))
        parts = [self._block(1, kinds)[0] for _ in range(2)]
        sql = f" {kind} ".join(parts)
        if self._likely(0.4):
            scope = [Value(f"u.c{number}", found) for number, found in enumerate(kinds)]
            return self._grouped(scope, f" FROM ({sql}) u", None, 0)
        return sql, len(kinds)

    def _with(self) -> tuple[str, int]:
        kinds = ["number", self.chance.choice(("text", "number", "date"))]
        inner, _ = self._block(1, kinds)
        scope = [Value(f"{alias}.c{number}", kind) for alias in ("w", "v") for number, kind in enumerate(kinds)]
        twice = self._likely(0.4)
        join = self.chance.choice(
            (
                " JOIN w v ON v.c0 = w.c0",
                " LEFT JOIN w v ON v.c0 = w.c0 AND v.c1 > w.c1",
                ", (SELECT max(c0) AS c0, min(c1) AS c1 FROM w) v",
            )
        )
        tail = f" FROM w{join if twice else ''}"
        scope = scope if twice else scope[:2]
        sql, width = self._grouped(scope, tail, None, 0) if self._likely(0.5) else self._rows(scope, tail, None)
        return f"WITH w AS ({inner}) {sql}", width

    # FROM

    def _from(self, depth: int) -> tuple[str, Scope, list[str]]:
        table = self.chance.choice(self.group.facts) if self._likely(0.85) else self._table()
        source, scope, key = self._source(table, depth)
        conditions: list[str] = []
        known: list[tuple[Table, dict[str, str]]] = [(table, key)]
        for _ in range(self.chance.choice((0, 0, 1, 1, 2, 3))):
            other = self._table()
            joined, more, names = self._source(other, depth)
            on = self._link(known, other, names)
            if on is None:
                continue
            kind = self.chance.choice(
                (
                    "JOIN",
                    "JOIN",
                    "JOIN",
                    "LEFT JOIN",
                    "LEFT JOIN",
                    "comma",
                    "SEMI JOIN",
                    "ANTI JOIN",
                    "RIGHT JOIN",
                    "FULL JOIN",
                )
            )
            if kind in ("RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN") and self._likely(0.5):
                kind = "JOIN"
            if kind == "comma":
                source, conditions = f"{source}, {joined}", [*conditions, on]
            else:
                if self._likely(0.2):
                    on += f" AND {self._simple(more if self._likely(0.7) else scope)}"
                source = f"{source} {kind} {joined} ON {on}"
            if kind not in ("SEMI JOIN", "ANTI JOIN"):
                scope = scope + more
                known.append((other, names))
        if ", " in source and " JOIN " in source:  # A comma binds less than JOIN: names would not be known.
            return self._from(depth)
        return source, scope, conditions

    def _table(self) -> Table:
        return self.chance.choice((*self.group.facts, *self.group.facts, *self.business.dimensions))

    def _source(self, table: Table, depth: int) -> tuple[str, Scope, dict[str, str]]:
        """A table, or a subquery over it: its SQL, the values in it, and the names of its columns."""
        alias = self._alias()
        names = {column.name: f"{alias}.{identifier(column.name)}" for column in table.columns}
        scope = [Value(names[c.name], _kind(c.stored)) for c in table.columns]
        if not self._likely(0.15) or depth == 0:
            return f"{identifier(table.name)} {alias}", scope, names
        inner = self._alias()
        keys = list(
            dict.fromkeys((*((table.shard_key,) if table.is_fact else ()), self.chance.choice(table.columns).name))
        )
        shown = [Value(f"{inner}.{identifier(name)}", _kind(table.column(name).stored)) for name in keys]
        within = [Value(f"{inner}.{identifier(c.name)}", _kind(c.stored)) for c in table.columns]
        named = ", ".join(f"{value.sql} AS {identifier(name)}" for name, value in zip(keys, shown, strict=True))
        groups = ", ".join(value.sql for value in shown)
        measure = self._aggregate(within)
        where = f" WHERE {self._simple(within)}" if self._likely(0.4) else ""
        tail = f"FROM {identifier(table.name)} {inner}{where} GROUP BY {groups}"
        sql = f"(SELECT {named}, {measure.sql} AS m {tail}) {alias}"
        scope = [Value(f"{alias}.{identifier(n)}", v.kind) for n, v in zip(keys, shown, strict=True)]
        return sql, [*scope, Value(f"{alias}.m", measure.kind)], {name: f"{alias}.{identifier(name)}" for name in keys}

    def _link(self, known: list[tuple[Table, dict[str, str]]], other: Table, names: dict[str, str]) -> str | None:
        """An equality that ties a table to one before: by the colocation key, by a primary key, or by any columns."""
        links: list[str] = []
        anything: list[str] = []
        for table, columns in known:
            if table.is_fact and other.is_fact and table.shard_key in columns and other.shard_key in names:
                links += [f"{columns[table.shard_key]} = {names[other.shard_key]}"] * 3
            for column in (c for c in table.columns if c.name in columns):
                for target in (c for c in other.columns if c.name in names and _kind(c.stored) == _kind(column.stored)):
                    if _kind(column.stored) in ("other", "float", "bool"):
                        continue
                    pair = f"{columns[column.name]} = {names[target.name]}"
                    anything.append(pair)
                    if _bare(column.name) == _bare(target.name) and (
                        target.name in other.key or column.name in table.key
                    ):
                        links.append(pair)
        if links and self._likely(0.85):
            return self.chance.choice(links)
        return self.chance.choice(anything) if anything else None

    # Values

    def _value(self, scope: Scope) -> Value:
        value = self.chance.choice([v for v in scope if v.kind != "other"] or [Value("1", "number")])
        roll = self.chance.random()
        if roll < 0.75:
            return value
        if value.kind == "number":
            return Value(
                self.chance.choice(
                    (f"{value.sql} % 3", f"coalesce({value.sql}, 0)", f"{value.sql} > 1", f"-{value.sql}")
                ),
                "number",
            )
        if value.kind == "text":
            return Value(
                self.chance.choice((f"upper({value.sql})", f"coalesce({value.sql}, 'none')", f"left({value.sql}, 1)")),
                "text",
            )
        if value.kind == "date":
            return Value(f"date_trunc('month', {value.sql})", "date")
        return Value(f"CASE WHEN {self._simple(scope)} THEN {value.sql} END", value.kind)

    def _of_kind(self, scope: Scope, kind: str) -> Value:
        found = [value for value in scope if value.kind == kind]
        constant = {"number": "1", "text": "'a'", "date": "DATE '2026-01-02'"}[kind]
        return self.chance.choice(found) if found and self._likely(0.95) else Value(constant, kind)

    def _aggregate(self, scope: Scope) -> Value:
        value = self._value(scope)
        functions = [
            "count(*)",
            f"count({value.sql})",
            f"count(DISTINCT {value.sql})",
            f"min({value.sql})",
            f"max({value.sql})",
        ]
        if value.kind == "number" and " > " not in value.sql:
            functions += [f"sum({value.sql})", f"sum({value.sql})", f"avg({value.sql})", f"sum(DISTINCT {value.sql})"]
            functions += [f"stddev({value.sql})", f"median({value.sql})"]
        if value.kind == "bool":
            functions += [f"bool_or({value.sql})", f"bool_and({value.sql})"]
        if value.kind == "float":
            functions += [f"sum({value.sql})", f"avg({value.sql})"]
        picked = self.chance.choice(functions)
        sql = picked + (f" FILTER (WHERE {self._simple(scope)})" if self._likely(0.15) else "")
        kind = value.kind if picked.startswith(("min", "max", "median")) else "number"
        return Value(sql, "float" if picked.startswith(("avg", "stddev")) else kind)

    def _window(self, scope: Scope, *, ranks: bool = False) -> Value:
        partition, order, other = self._value(scope), self._value(scope), self._value(scope)
        by = f"PARTITION BY {partition.sql} " if self._likely(0.8) else ""
        if ranks or self._likely(0.5):
            return Value(f"rank() OVER ({by}ORDER BY {order.sql}, {other.sql})", "number")
        return Value(
            self.chance.choice(
                (
                    f"count(*) OVER ({by})",
                    f"max({other.sql}) OVER ({by})",
                    f"count({other.sql}) OVER ({by}ORDER BY {order.sql})",
                )
            ),
            "number",
        )

    def _having(self, scope: Scope) -> str:
        roll = self.chance.random()
        if roll < 0.5:
            return f"count(*) > {self.chance.randint(0, 3)}"
        return (
            f"{self._aggregate(scope).sql} IS NOT NULL"
            if roll < 0.7
            else f"count(DISTINCT {self._value(scope).sql}) > 1"
        )

    # Conditions

    def _simple(self, scope: Scope) -> str:
        value = self.chance.choice([v for v in scope if v.kind in _CONSTANTS] or [Value("1", "number")])
        constant = self.chance.choice(_CONSTANTS[value.kind])
        other = self.chance.choice([v for v in scope if v.kind == value.kind] or [value])
        operator = self.chance.choice(("=", "<>", "<", ">", ">=", "IS DISTINCT FROM"))
        return self.chance.choice(
            (
                f"{value.sql} {operator} {constant}",
                f"{value.sql} {operator} {constant}",
                f"{value.sql} {operator} {other.sql}",
                f"{value.sql} IS NOT NULL",
                f"{value.sql} IS NULL",
                f"({value.sql} = {constant} OR {other.sql} {operator} {constant})",
                f"NOT ({value.sql} {operator} {constant})",
                f"{value.sql} IN ({', '.join(_CONSTANTS[value.kind])})",
            )
        )

    def _condition(self, scope: Scope, depth: int) -> str:
        if depth == 0 or self._likely(0.65):
            return self._simple(scope)
        table = self._table()
        inner, alias = self._alias(), identifier(table.name)
        within = [Value(f"{inner}.{identifier(c.name)}", _kind(c.stored)) for c in table.columns]
        value = self.chance.choice([v for v in scope if v.kind in ("number", "text", "date")] or [Value("1", "number")])
        same = [v for v in within if v.kind == value.kind]
        if not same:
            return self._simple(scope)
        key = next((v for v in within if table.is_fact and v.sql == f"{inner}.{identifier(table.shard_key)}"), None)
        mine = [v for v in scope if key and v.sql.split(".")[-1] in {identifier(t.shard_key) for t in self.group.facts}]
        target = self.chance.choice(same)
        if key and mine and self._likely(0.6):
            value, target = self.chance.choice(mine), key
        more = f" AND {self._simple(within)}" if self._likely(0.5) else ""
        negated = "NOT " if self._likely(0.4) else ""
        where = f" WHERE true{more}"
        tie = f"{target.sql} = {value.sql}"
        measure = self._aggregate([v for v in within if v.kind == "number"] or within)
        numbers = [v for v in scope if v.kind == "number"] or [Value("1", "number")]
        return self.chance.choice(
            (
                f"{value.sql} {negated}IN (SELECT {target.sql} FROM {alias} {inner}{where})",
                f"{value.sql} {negated}IN (SELECT {target.sql} FROM {alias} {inner}{where})",
                f"{negated}EXISTS (SELECT 1 FROM {alias} {inner} WHERE {tie}{more})",
                f"{negated}EXISTS (SELECT 1 FROM {alias} {inner} WHERE {tie}{more})",
                f"{self.chance.choice(numbers).sql} > (SELECT count(*) FROM {alias} {inner} WHERE {tie}{more})",
                f"{self.chance.choice(numbers).sql} >= (SELECT {measure.sql} FROM {alias} {inner} WHERE {tie}{more})",
                f"{self.chance.choice(numbers).sql} < (SELECT count(*) FROM {alias} {inner}{where})",
            )
        )


def _named(values: Sequence[Value]) -> str:
    return ", ".join(f"{value.sql} AS c{number}" for number, value in enumerate(values))


def _kind(type_: str) -> str:
    if type_.endswith(("[]", ")")) and not type_.startswith("DECIMAL"):
        return "other"
    if type_.startswith("TIMESTAMP"):
        return "time"
    return _KINDS.get(type_, "number")


def _bare(name: str) -> str:
    """The name of a column without its table's prefix."""
    return name.split("_", 1)[-1].lower()
