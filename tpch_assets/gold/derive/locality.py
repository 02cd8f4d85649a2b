"""Which queries are local: their rows over all shards are the rows of shard after shard, put together.

All rows with one value of the colocation key lie in one shard. So a query is local if it brings together only rows with
the same key, as far as it reads facts. Dimensions are the same for all shards.
"""

from collections.abc import Iterable

from sqlglot import exp

from tpch_assets.gold.derive.block import Block, Item, Term
from tpch_assets.gold.derive.tree import equality, free, inner_query, nested_queries, tables
from tpch_assets.schema import Business

Key = tuple[str, str]
"""A column: the alias of its source, and its name."""


class Keys:
    """Columns, in classes of those that are equal in every row."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def add(self, key: Key) -> Key:
        """The class of a column; it is a class of its own if it is new."""
        parent = self._parent.setdefault(key, key)
        return key if parent == key else self.add(parent)

    def union(self, one: Key, other: Key) -> None:
        self._parent[self.add(one)] = self.add(other)

    def same(self, key: Key) -> set[Key]:
        root = self.add(key)
        return {other for other in list(self._parent) if self.add(other) == root}

    def __contains__(self, key: Key) -> bool:
        return key in self._parent


def column_key(column: exp.Column) -> Key:
    return column.table, column.name.lower()


class Locality:
    """Tells what is local, for the tables of one business."""

    def __init__(self, business: Business) -> None:
        self.shard_keys = {table.name: table.shard_key.lower() for table in business.facts}
        self.types = {t.name: {name.lower(): type_ for name, type_ in t.stored_columns} for t in business.tables}
        self.primary_keys = {table.name: tuple(name.lower() for name in table.key) for table in business.dimensions}

    def reads_facts(self, node: exp.Expr) -> bool:
        return not tables(node).isdisjoint(self.shard_keys)

    def is_dimension(self, node: exp.Expr) -> bool:
        """Whether a node reads dimensions alone, and not what a query over facts has become."""
        return tables(node) <= set(self.primary_keys)

    def column_type(self, items: Iterable[Item], column: exp.Column) -> str | None:
        """The SQL type of a column, if its source is a table."""
        item = next((item for item in items if item.alias == column.table), None)
        table = self.types.get(item.node.name.lower(), {}) if item and isinstance(item.node, exp.Table) else {}
        return table.get(column.name.lower())

    def primary_key(self, item: Item) -> tuple[str, ...] | None:
        """The primary key of a dimension."""
        return self.primary_keys.get(item.node.name.lower()) if isinstance(item.node, exp.Table) else None

    def output_keys(self, item: Item) -> set[Key] | None:
        """The columns of an item that carry the colocation key; None if it is not local, or reads no facts."""
        if isinstance(item.node, exp.Table):
            key = self.shard_keys.get(item.node.name.lower())
            return None if key is None else {(item.alias, key)}
        names = self.local(inner_query(item.node))
        return None if names is None else {(item.alias, name) for name in names}

    def local(self, query: exp.Expr) -> set[str] | None:
        """The names of the outputs that carry the colocation key, if a query is local; otherwise None."""
        if isinstance(query, exp.SetOperation):
            numbers = self._local_set(query)
            names = query.named_selects
            return None if numbers is None else {names[number].lower() for number in numbers}
        if not isinstance(query, exp.Select) or not self.reads_facts(query):
            return None
        block = Block(query)
        keys = self.joined(block)
        if keys is None or not self.block_is_local(block, keys):
            return None
        pairs = zip(query.named_selects, block.outputs, strict=True)
        return {name.lower() for name, item in pairs if isinstance(item, exp.Column) and column_key(item) in keys}

    def block_is_local(self, block: Block, keys: set[Key]) -> bool:
        """Whether what comes after FROM and WHERE, given the columns there that carry the key, is local too."""
        select = block.select
        if select.args.get("limit") or select.args.get("offset"):
            return False
        if not all(self.evaluable(clause, keys) for clause in [*block.clauses, *block.group]):
            return False
        if block.aggregated and not self.grouped_by_key(block, keys):
            return False
        if not all(_has_key(window.args.get("partition_by") or (), keys) for window in block.windows):
            return False
        distinct = select.args.get("distinct")
        on = distinct.args.get("on") if distinct else None
        return not distinct or _has_key(on.expressions if on else block.outputs, keys)

    def grouped_by_key(self, block: Block, keys: set[Key]) -> bool:
        return not block.has_sets and _has_key(block.group, keys)

    def _local_set(self, query: exp.Expr) -> set[int] | None:
        """The numbers of the outputs of UNION and the like that carry the key, if it is local."""
        if not isinstance(query, exp.SetOperation):
            names = self.local(query)
            if names is None or not isinstance(query, exp.Query):
                return None
            return {number for number, name in enumerate(query.named_selects) if name.lower() in names}
        if query.args.get("limit") or query.args.get("offset"):
            return None
        left, right = (self._local_set(inner_query(side)) for side in (query.this, query.expression))
        if left is None or right is None:
            return None
        both = left & right
        return both if both or (isinstance(query, exp.Union) and not query.args.get("distinct")) else None

    def joined(self, block: Block, outer: Iterable[Key] = ()) -> set[Key] | None:
        """The columns that carry the key in the joined rows of a block, if these are local; otherwise None.

        Args:
            outer: Columns of queries around that carry the key. All rows that are read then have their value.
        """
        found: dict[str, set[Key]] = {}
        for item in block.items:
            if not self.reads_facts(item.node):
                continue
            keys = self.output_keys(item)
            if keys is None:
                return None
            found[item.alias] = keys
        classes = self.classes(block.inner, block.terms, outer)
        inner = [item.alias for item in block.inner if item.alias in found]
        members = self._class_of_all([found[alias] for alias in inner], classes, set(outer))
        if members is None:
            return None
        maybe_null = set(members)
        for item in block.items:
            if not item.left:
                continue
            if item.alias in found and not self.tied_by_on(item, found[item.alias], maybe_null):
                return None
            maybe_null |= found.get(item.alias, set())
        terms = [*(term.condition for term in block.terms), *(term for item in block.items for term in item.on)]
        if not all(self.evaluable(term, members, maybe_null) for term in terms):
            return None
        return members

    def classes(self, inner: list[Item], terms: list[Term], outer: Iterable[Key] = ()) -> Keys:
        """Columns of local items, and of queries around, that are equal in every joined row."""
        classes = Keys()
        for item in inner:
            keys = self.output_keys(item) or ()
            for key in keys:
                classes.union(min(keys), key)
        for key in outer:
            classes.union(min(outer), key)
        locals_ = {item.alias for item in inner if self.reads_facts(item.node)} | {alias for alias, _ in outer}
        for term in terms:
            pair = equality(term.condition)
            if pair and pair[0].table in locals_ and pair[1].table in locals_:
                classes.union(column_key(pair[0]), column_key(pair[1]))
        return classes

    def _class_of_all(self, found: list[set[Key]], classes: Keys, outer: set[Key]) -> set[Key] | None:
        """The columns equal to the key of every local item; None if the items are not tied to each other."""
        if outer:
            found = [outer, *found]
        if not found:
            return None
        if len(found) == 1 and not found[0]:
            return set()
        if not all(found):
            return None
        members = classes.same(min(found[0]))
        return members if all(members & keys for keys in found) else None

    def tied_by_on(self, item: Item, keys: set[Key], others: set[Key]) -> bool:
        """Whether the condition of a LEFT JOIN has `key = key`."""
        for term in item.on:
            pair = equality(term)
            if pair is None:
                continue
            ends = {column_key(pair[0]), column_key(pair[1])}
            if ends & keys and ends & others:
                return True
        return False

    def evaluable(self, node: exp.Expr, keys: set[Key], maybe_null: set[Key] | None = None) -> bool:
        """Whether an expression over local rows needs no rows of other shards: all queries in it are tied to its row.

        Args:
            keys: The columns that carry the key.
            maybe_null: These, and those that are NULL where an outer join found nothing.
        """
        for found in nested_queries(node):
            if not self.reads_facts(found) or self._tied(found, maybe_null or keys):
                continue
            if not self._is_key_in(found, keys):
                return False
        return True

    def _tied(self, query: exp.Expr, outer: set[Key]) -> bool:
        """Whether a correlated query reads facts only with the key of the row around."""
        if isinstance(query, exp.SetOperation):
            sides = [inner_query(side) for side in (query.this, query.expression)]
            return all(not self.reads_facts(side) or self._tied(side, outer) for side in sides)
        if not isinstance(query, exp.Select) or not outer or free(query).isdisjoint({alias for alias, _ in outer}):
            return False
        block = Block(query)
        keys = self.joined(block, outer)
        if keys is None:
            return False
        rest = [*block.clauses, *block.group]
        return all(self.evaluable(node, keys) for node in rest)

    def _is_key_in(self, query: exp.Expr, keys: set[Key]) -> bool:
        """Whether a query stands in `key IN (query)`, is local, and gives nothing but keys."""
        node = query
        while isinstance(node.parent, exp.Subquery):
            node = node.parent
        test = node.parent
        if not isinstance(test, exp.In) or node.arg_key != "query" or free(query):
            return False
        if not isinstance(test.this, exp.Column) or column_key(test.this) not in keys:
            return False
        names = self.local(query)
        return names is not None and isinstance(query, exp.Query) and {n.lower() for n in query.named_selects} == names


def _has_key(items: Iterable[exp.Expr], keys: set[Key]) -> bool:
    return any(isinstance(item, exp.Column) and column_key(item) in keys for item in items)
