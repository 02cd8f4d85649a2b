"""Which dimensions are better joined in combine: those whose columns are only shown, and whose key is grouped by.

Partials then hold a number instead of names and addresses, and do not depend on these.
"""

from sqlglot import exp

from tpch_assets.gold.derive.block import Block, Item
from tpch_assets.gold.derive.locality import Key, Locality, column_key
from tpch_assets.gold.derive.tree import columns, equality, free


def late_items(block: Block, locality: Locality) -> set[str]:
    """The aliases of a block's dimensions that may wait for combine without making partials longer."""
    late: set[str] = set()
    if not block.select.args.get("group") or block.windows:
        return late
    grouped = {column_key(node) for node in block.group if isinstance(node, exp.Column)}
    used = {column.table for node in block.aggregates for column in columns(node)}
    changed = True
    while changed:
        changed = False
        for item in block.inner:
            if item.alias not in late | used and _can_wait(block, item, locality, grouped, late):
                late.add(item.alias)
                changed = True
    while left_over := {alias for alias in late if not _is_about(block, alias, late, locality)}:
        late -= left_over
    return late


def _is_about(block: Block, alias: str, late: set[str], locality: Locality) -> bool:
    """Whether all conditions of a late dimension are about its key, or about other late ones."""
    item = next(item for item in block.items if item.alias == alias)
    key = locality.primary_key(item) or ()
    for term in block.terms:
        pair = equality(term.condition)
        if pair and alias in (pair[0].table, pair[1].table):
            own, other = pair if pair[0].table == alias else (pair[1], pair[0])
            if own.name.lower() not in key and other.table not in late:
                return False
    return True


def _can_wait(block: Block, item: Item, locality: Locality, grouped: set[Key], late: set[str]) -> bool:
    key = locality.primary_key(item)
    if key is None:
        return False
    mine = [term.condition for term in block.terms if item.alias in free(term.condition)]
    found: dict[str, exp.Column] = {}
    for term in mine:
        pair = equality(term)
        if pair is None:
            return False
        own, other = pair if pair[0].table == item.alias else (pair[1], pair[0])
        if own.table != item.alias or other.table == item.alias:
            return False
        if own.name.lower() in key:
            found[own.name.lower()] = other
        elif not _waits_on(block, other, locality):
            return False
    if set(found) != set(key):
        return False
    shown = {name for alias, name in grouped if alias == item.alias}
    if not shown - set(key):
        return False
    for name, other in found.items():
        if other.table not in late and not {(item.alias, name), column_key(other)} & grouped:
            return False
    return True


def _waits_on(block: Block, other: exp.Column, locality: Locality) -> bool:
    """Whether a column is the key of a dimension, which may wait then with the one that refers to it."""
    item = next((item for item in block.inner if item.alias == other.table), None)
    key = locality.primary_key(item) if item else None
    return key == (other.name.lower(),)
