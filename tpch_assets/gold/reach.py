"""Which rows of a dimension a shard's statement can reach, told from its syntax tree.

Where a statement takes a dimension's rows by `its key = a column of the shard` alone, rows whose key lies beyond
that column's values change nothing, so a new customer makes no partial of the past anew. What is not evident counts
as all.

A condition counts if rows that do not meet it are gone: in WHERE, in ON of an inner join around both tables, or in ON
of an outer join that has the dimension on the side which may be missing. So does `column IN (SELECT key FROM
dimension)` in WHERE.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tpch_assets.gold.syntax import Node, nodes, tree
from tpch_assets.schema import Group, Table

Column = tuple[str, str]
"""The name of a fact, and of one of its columns."""
_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DATE", "VARCHAR")  # Their order is Python's, and exact.


@lru_cache(1 << 10)
def reached_by(statement: str, dimension: Table, group: Group) -> tuple[Column, ...]:
    """The columns of the group by whose values alone a statement reaches a dimension; none if it may read other rows.

    Only rows count whose first key column lies between the least and the greatest of these values.
    """
    root = tree(statement)
    parts = list(nodes(root))
    if any(part.get("sample") for part in parts) or _names_given(parts) & {dimension.name, *group.names}:
        return ()
    uses = [part for part in parts if _table_name(part) == dimension.name]
    proven: dict[int, Column] = {}
    for part in parts:
        if part.get("type") == "SELECT_NODE":
            proven |= _Block(part, dimension, group).proven()
    return tuple(dict.fromkeys(proven.values())) if uses and proven.keys() == set(map(id, uses)) else ()


def _names_given(parts: Sequence[Node]) -> set[str]:
    """Names that WITH gives to queries."""
    maps = (part.get("cte_map") for part in parts)
    found = {str(entry["key"]).lower() for ctes in maps if isinstance(ctes, dict) for entry in ctes.get("map") or ()}
    return found | {str(part["cte_name"]).lower() for part in parts if part.get("cte_name")}


def _table_name(part: object) -> str | None:
    """The table that a node reads, in lower case."""
    if isinstance(part, dict) and part.get("type") == "BASE_TABLE":
        return str(part.get("table_name")).lower()
    return None


@dataclass
class _Block:
    """One SELECT with its FROM: the tables that its conditions may name."""

    node: Node
    dimension: Table
    group: Group
    scope: list[Node] = field(default_factory=list)
    found: dict[int, Column] = field(default_factory=dict)

    def proven(self) -> dict[int, Column]:
        """The uses of the dimension, by identity of their nodes, that are reached by a column of a fact alone."""
        source = self.node.get("from_table")
        if not _is_plain(source):
            return {}
        self.scope = list(_visible(source))
        where = self.node.get("where_clause")
        self._take(self.scope, where)
        for join in _joins(source):
            self._take(list(_held(join)), join.get("condition"))
        if isinstance(where, dict):
            for condition in _conjuncts(where):
                self._take_in(condition)
        return self.found

    def _take(self, within: Sequence[Node], condition: object) -> None:
        """Note the dimension's uses within some tables of which a condition holds."""
        for use in within:
            if _table_name(use) == self.dimension.name and (column := self._implied(condition, use)):
                self.found.setdefault(id(use), column)

    def _implied(self, condition: object, use: Node) -> Column | None:
        """The fact's column that equals the key of a use of the dimension wherever a condition holds."""
        if not isinstance(condition, dict):
            return None
        kind = condition.get("type")
        if kind == "COMPARE_EQUAL":
            left, right = condition.get("left"), condition.get("right")
            return self._equal(left, right, use) or self._equal(right, left, use)
        if kind not in ("CONJUNCTION_AND", "CONJUNCTION_OR"):
            return None
        children = condition.get("children")
        told = [self._implied(child, use) for child in children] if isinstance(children, list) else []
        if kind == "CONJUNCTION_AND":
            return next(filter(None, told), None)
        return told[0] if told and len(set(told)) == 1 else None

    def _equal(self, ours: object, theirs: object, use: Node) -> Column | None:
        table, name = self._column(ours)
        if table is not use or name != self.dimension.key[0].lower():
            return None
        return self._fact(theirs)

    def _fact(self, expression: object) -> Column | None:
        """The column of a fact that an expression is, if it has the type of the dimension's key."""
        table, name = self._column(expression)
        for fact in self.group.facts if table is not None else ():
            for column in fact.columns:
                if (fact.name, column.name.lower()) == (_table_name(table), name):
                    same = column.stored == self.dimension.column(self.dimension.key[0]).stored
                    return (fact.name, column.name) if same and column.stored in _TYPES else None
        return None

    def _take_in(self, condition: object) -> None:
        """Note the dimension's use in `column IN (SELECT key FROM dimension WHERE ...)`."""
        if not isinstance(condition, dict) or condition.get("subquery_type") != "ANY":
            return
        query = condition.get("subquery")
        node = query.get("node") if isinstance(query, dict) else None
        if condition.get("comparison_type") != "COMPARE_EQUAL" or not isinstance(node, dict):
            return
        use, selected = node.get("from_table"), node.get("select_list")
        if not (isinstance(use, dict) and _table_name(use) == self.dimension.name and _filters_only(node)):
            return
        inner = _Block(node, self.dimension, self.group, [use])
        if isinstance(selected, list) and len(selected) == 1 and not use.get("column_name_alias"):
            table, name = inner._column(selected[0])
            if table is use and name == self.dimension.key[0].lower() and (column := self._fact(condition["child"])):
                self.found.setdefault(id(use), column)

    def _column(self, expression: object) -> tuple[Node | None, str]:
        """The table of this FROM, and the column, that an expression names; no table if that is not evident."""
        names = expression.get("column_names") if isinstance(expression, dict) else None
        if not isinstance(expression, dict) or expression.get("type") != "COLUMN_REF" or not isinstance(names, list):
            return None, ""
        *qualifier, name = (str(part).lower() for part in names)
        if len(qualifier) > 1:
            return None, name
        tables = [use for use in self.scope if _named(use) == qualifier[0]] if qualifier else self._with_column(name)
        return (tables[0] if len(tables) == 1 else None), name

    def _with_column(self, name: str) -> list[Node]:
        """The tables of this FROM that have a column. What else has one of that name would be refused by DuckDB."""
        tables = {table.name: table for table in (*self.group.facts, self.dimension)}
        return [
            use
            for use in self.scope
            if (table := tables.get(_table_name(use) or "")) and name in map(str.lower, table.column_names)
        ]


def _named(use: Node) -> str:
    return str(use.get("alias") or use.get("table_name") or "").lower()


def _conjuncts(condition: Node) -> Iterator[object]:
    children = condition.get("children")
    if condition.get("type") == "CONJUNCTION_AND" and isinstance(children, list):
        for child in children:
            yield from _conjuncts(child)
    else:
        yield condition


def _is_plain(source: object) -> bool:
    """Whether a FROM is made of tables, subqueries and usual joins alone, none with renamed columns."""
    if not isinstance(source, dict):
        return False
    if source.get("type") == "JOIN":
        usual = source.get("ref_type") in ("REGULAR", "CROSS") and not source.get("using_columns")
        known = source.get("join_type") in ("INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI")
        return usual and known and _is_plain(source.get("left")) and _is_plain(source.get("right"))
    return source.get("type") in ("BASE_TABLE", "SUBQUERY") and not source.get("column_name_alias")


def _visible(source: object) -> Iterator[Node]:
    """The tables and subqueries of a FROM that conditions may name."""
    if not isinstance(source, dict):
        return
    if source.get("type") != "JOIN":
        yield source
        return
    yield from _visible(source.get("left"))
    if source.get("join_type") not in ("SEMI", "ANTI"):
        yield from _visible(source.get("right"))


def _joins(source: object) -> Iterator[Node]:
    if isinstance(source, dict) and source.get("type") == "JOIN":
        yield source
        yield from _joins(source.get("left"))
        yield from _joins(source.get("right"))


def _held(join: Node) -> Iterator[Node]:
    """The tables whose rows are gone, or leave no trace, where a join's condition does not hold."""
    kind = join.get("join_type")
    if kind in ("INNER", "RIGHT"):
        yield from _visible(join.get("left"))
    if kind in ("INNER", "LEFT"):
        yield from _visible(join.get("right"))


def _filters_only(node: Node) -> bool:
    """Whether a SELECT gives a row, or none, for each row of its FROM, whatever other rows there are."""
    odd = ("group_expressions", "group_sets", "having", "qualify", "modifiers", "sample")
    selected = node.get("select_list")
    plain = isinstance(selected, list) and all(isinstance(s, dict) and s.get("type") == "COLUMN_REF" for s in selected)
    return node.get("type") == "SELECT_NODE" and plain and not any(node.get(name) for name in odd)
