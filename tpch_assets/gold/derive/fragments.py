"""Finds the fragments of a block: which of its items, and which of its conditions, each shard can do by itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tpch_assets.gold.derive.block import Block, Item, Term
from tpch_assets.gold.derive.fragment import Fragment
from tpch_assets.gold.derive.late import late_items
from tpch_assets.gold.derive.locality import Key, Locality
from tpch_assets.gold.derive.tree import free


@dataclass(eq=False)
class Split:
    """A block, split into fragments and the rest, which stays for combine.

    Attributes:
        terms: The conditions that no fragment has.
    """

    block: Block
    fragments: list[Fragment] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)

    @property
    def rest(self) -> list[Item]:
        taken = {item.alias for fragment in self.fragments for item in fragment.items}
        return [item for item in self.block.items if item.alias not in taken]

    @property
    def only(self) -> Fragment | None:
        """The fragment that is all of FROM and WHERE, if there is one."""
        alone = len(self.fragments) == 1 and not self.rest and not self.terms and not self.fragments[0].nullable
        return self.fragments[0] if alone else None


class Splitting:
    """Splits one block.

    Args:
        first: The number of the first fragment, for its alias.
    """

    def __init__(self, block: Block, locality: Locality, first: int) -> None:
        self.block, self.locality, self.next = block, locality, first
        self.split = Split(block)
        self.late = late_items(block, locality)

    def run(self) -> Split:
        self._start()
        for item in self.block.items:
            if item.left and self.locality.reads_facts(item.node):
                self._left_facts(item)
        self._take_dimensions()
        self._place_terms()
        return self.split

    def _start(self) -> None:
        """A fragment for each set of items of facts that are tied to each other by the colocation key."""
        classes = self.locality.classes(self.block.inner, self.block.terms)
        for item in self.block.inner:
            keys = self.locality.output_keys(item)
            if keys is None:
                continue
            same = {other for key in keys for other in classes.same(key)}
            found = next((fragment for fragment in self.split.fragments if fragment.keys & same), None)
            if found is None:
                self._new([item], same)
            else:
                found.items.append(item)

    def _new(self, items: list[Item], keys: set[Key], *, nullable: bool = False) -> Fragment:
        fragment = Fragment(f"f{self.next}", items, set(keys), set(keys), nullable)
        self.next += 1
        self.split.fragments.append(fragment)
        return fragment

    def _left_facts(self, item: Item) -> None:
        """LEFT JOINed facts go where their key is that of the rows before; else they are a fragment of their own."""
        keys = self.locality.output_keys(item)
        if keys is None:
            return
        for fragment in self.split.fragments:
            tied = self.locality.tied_by_on(item, keys, fragment.maybe_null)
            if not fragment.nullable and tied and self._fits(item, fragment, keys):
                self._take(item, fragment)
                fragment.maybe_null |= keys
                return
        fragment = self._new([Item(item.node)], keys, nullable=True)
        mine = [term for term in item.on if free(term) == {item.alias} and self.locality.evaluable(term, keys)]
        fragment.terms = [Term(term) for term in mine]
        item.on = [term for term in item.on if term not in mine]

    def _fits(self, item: Item, fragment: Fragment, keys: Iterable[Key] = ()) -> bool:
        """Whether the condition of a LEFT JOIN is about the fragment and the item alone."""
        within = fragment.sources | {item.alias}
        about = {alias for term in item.on for alias in free(term)}
        known = fragment.maybe_null.union(keys)
        can = all(self.locality.evaluable(term, fragment.keys, known) for term in item.on)
        return about <= within and bool(about & fragment.sources) and can

    def _take_dimensions(self) -> None:
        """Dimensions go to the first fragment that a condition ties them to; through these, others."""
        changed = True
        while changed:
            changed = False
            for item in self.split.rest:
                if self.locality.reads_facts(item.node) or item.alias in self.late:
                    continue
                for fragment in self.split.fragments:
                    fits = self._fits(item, fragment) if item.left else self._is_tied(item, fragment)
                    if fits and not fragment.nullable:
                        self._take(item, fragment)
                        changed = True
                        break

    def _is_tied(self, item: Item, fragment: Fragment) -> bool:
        within = fragment.sources | {item.alias}
        for term in self.block.terms:
            about = free(term.condition)
            if item.alias in about and about & fragment.sources and about <= within:
                return True
        return False

    def _take(self, item: Item, fragment: Fragment) -> None:
        fragment.items.append(item)
        fragment.items.sort(key=self.block.items.index)

    def _place_terms(self) -> None:
        for term in self.block.terms:
            for fragment in self.split.fragments:
                fits = not fragment.nullable and fragment.holds(term.condition)
                if fits and self.locality.evaluable(term.condition, fragment.keys, fragment.maybe_null):
                    fragment.terms.append(term)
                    break
            else:
                self.split.terms.append(term)
