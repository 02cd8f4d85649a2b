"""Proposes tables from samples: types, nullability, keys, and which tables are facts. People confirm what is a guess.

How a table is spelled in Python does not belong here, but in `text`; the type of one column does in `types`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from tpch_assets.commands.scaffold.samples import Row, Sample
from tpch_assets.commands.scaffold.types import DATE, LOCAL, TEXT, WHOLE, ZONED, Seen
from tpch_assets.schema import Column, Table
from tpch_assets.schema.types import ColumnType, Decimal, Scalar
from tpch_assets.settings import SettingsError

TIMES = (ZONED, LOCAL)
MONEY = re.compile(r"price|amount|total|cost|revenue|fee|tax|discount|balance|paid|salary", re.IGNORECASE)
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ID = re.compile(r"(^|_)(id|key|uuid|guid|sku|code|number|no)$|[a-z](Id|ID|Key)$", re.IGNORECASE)
_ORDINAL = re.compile(r"(^|_)(line|position|pos|seq|sequence|index|nr|item)(_?(no|nr|number))?$", re.IGNORECASE)
_IDENTIFIES, _NEVER = 1, 9  # Ranks of columns: up to the first they identify rows, at the last they never do.
_PROBE = 2_000  # Rows that rule out most keys.
_MANY = 10  # A table with a time is a fact if it has more than a tenth of the largest table's rows.


@dataclass(frozen=True)
class Proposal:
    """A table, and what was guessed about it.

    Attributes:
        table: As proposed.
        time: The column by which a fact's rows are spread over a day, if it has one.
        notes: What people must confirm, by attribute of the table: `key`, `colocated_by`, `parent`.
        left_out: Fields whose names no column can have; bronze keeps them in `_rescued`.
        rows: Lines in the samples.
        distinct: The number of distinct values of each column of text.
        greatest: The greatest whole number in each column of such.
    """

    table: Table
    time: str | None
    notes: dict[str, str]
    left_out: tuple[str, ...]
    rows: int
    distinct: dict[str, int]
    greatest: dict[str, int]


def propose(samples: Sequence[Sample]) -> list[Proposal]:
    """Tables for some samples, in their order.

    Raises:
        SettingsError: A table has no column that can be its key.
    """
    drafts = [_Draft(sample) for sample in samples]
    most = max(draft.count for draft in drafts)
    facts = [draft for draft in drafts if draft.time is not None and draft.count * _MANY > most]
    facts = facts or [max(drafts, key=lambda draft: draft.count)]
    parents = {draft.name: parent for draft in drafts if (parent := _parent(draft, facts))}
    facts += [draft for draft in drafts if draft.name in parents and draft not in facts]
    with_children = {parent.name for parent in parents.values()}
    return [
        _proposal(draft, draft in facts, parents.get(draft.name), is_parent=draft.name in with_children)
        for draft in drafts
    ]


class _Draft:
    """What the samples of one table say: the types of its columns, its key, and its time."""

    def __init__(self, sample: Sample) -> None:
        self.name, self.count = sample.table, len(sample.rows)
        self.rows = list(dict(zip(sample.lines, sample.rows, strict=True)).values())  # A line sent twice counts once.
        self.seen: dict[str, Seen] = {}
        for row in sample.rows:
            for name, value in row.items():
                self.seen.setdefault(name, Seen()).add(value)
        self.left_out = tuple(name for name in self.seen if not self._can_be_column(name))
        self.types = {name: _type(name, seen) for name, seen in self.seen.items() if name not in self.left_out}
        self.solid = tuple(name for name in self.types if not self.nullable(name))
        times = [name for kind in (TIMES, (DATE,)) for name in self.solid if self.types[name] in kind]
        self.time = times[0] if times else None
        self.key, self.note = _key(self)

    def nullable(self, name: str) -> bool:
        return self.seen[name].values < self.count

    def columns(self) -> tuple[Column, ...]:
        return tuple(
            Column(name, type_.sql, self._describe(name), nullable=self.nullable(name))
            for name, type_ in self.types.items()
        )

    def distinct(self) -> dict[str, int]:
        texts = (name for name, type_ in self.types.items() if type_ == TEXT)
        return {name: len({row.get(name) for row in self.rows}) for name in texts}

    def greatest(self) -> dict[str, int]:
        whole = (name for name, type_ in self.types.items() if type_ == WHOLE)
        return {name: max(abs(int(str(row.get(name) or 0))) for row in self.rows) for name in whole}

    def _can_be_column(self, name: str) -> bool:
        first = next(other for other in self.seen if other.lower() == name.lower())
        return bool(_COLUMN.fullmatch(name)) and name.lower() != "file_row_number" and first == name

    def _describe(self, name: str) -> str:
        example = next((row[name] for row in self.rows if row.get(name) is not None), None)
        text = "" if isinstance(example, dict | list) or example is None else " ".join(str(example).split())
        shown = f", such as {text[:40]}" if text and text.isprintable() else ""
        return f"{name.replace('_', ' ').capitalize()}{shown}."


def _proposal(draft: _Draft, is_fact: bool, parent: _Draft | None, *, is_parent: bool) -> Proposal:
    notes, colocated, group = {"key": draft.note}, None, ""
    if is_fact:
        colocated = _link(draft, parent) if parent else draft.key[0] if is_parent else _colocation(draft)
        group = parent.name if parent else draft.name if is_parent else ""
        notes["colocated_by"] = "joins and groups on it need no shuffle"
        if parent:
            notes["parent"] = f"each row names its row of {parent.name}"
    what = f"{draft.name.replace('_', ' ').capitalize()}, one in each line."
    arrives: Literal["every batch", "once"] = "every batch" if is_fact else "once"
    of = parent.name if parent else None
    table = Table(draft.name, what, draft.columns(), draft.key, arrives, colocated, group, of)
    return Proposal(table, draft.time, notes, draft.left_out, draft.count, draft.distinct(), draft.greatest())


def _type(name: str, seen: Seen) -> ColumnType:
    """A column's type; money with few decimals is exact."""
    found = seen.type()
    if found == Scalar("DOUBLE") and MONEY.search(name) and seen.decimals <= 4:
        return Decimal(18, max(2, seen.decimals))
    return found


def _key(draft: _Draft) -> tuple[tuple[str, ...], str]:
    """The key, and what to confirm about it."""
    usable = [name for name in draft.solid if draft.types[name].can_be_key and _rank(draft, name) < _NEVER]
    usable.sort(key=lambda name: _rank(draft, name))
    for names in _candidates(draft, usable):
        if _unique(draft.rows[:_PROBE], names) and _unique(draft.rows, names):
            return names, f"unique in {draft.count:,} sample lines"
    if not usable:
        raise SettingsError(
            f"the samples of {draft.name} have no column that can be a key: one that is in every line, and a whole "
            "number, time or text"
        )
    names = tuple(usable[:1] if _rank(draft, usable[0]) <= _IDENTIFIES else usable)
    return names, "NOT unique in the samples: of rows with the same key silver keeps the last"


def _unique(rows: Sequence[Row], names: Sequence[str]) -> bool:
    return len({tuple(str(row[name]) for name in names) for row in rows}) == len(rows)


def _colocation(draft: _Draft) -> str:
    """The column at whose values a lone fact is cut: one whose values do not come back in every window."""
    usable = [name for name in draft.key if draft.types[name].can_be_colocation_key]
    times = [name for name in usable if draft.types[name] in (*TIMES, DATE)]
    return times[0] if times and len(draft.key) > 1 else usable[0]


def _rank(draft: _Draft, name: str) -> int:
    """How well a column suits a key: 0 best."""
    singular = re.sub(r"(?<=[^s])s$", "", draft.name)
    type_ = draft.types[name]
    if name.lower() in ("id", "uuid", "key", f"{singular}_id", f"{draft.name}_id", f"{singular}id"):
        return 0
    if (isinstance(type_, Decimal) and type_.scale) or type_ == Scalar("BOOLEAN"):
        return _NEVER
    if _ID.search(name) or type_ == Scalar("UUID"):
        return 1
    if _ORDINAL.search(name):
        return 2
    if type_ in (*TIMES, DATE):
        return 3
    return 4


def _candidates(draft: _Draft, usable: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Keys to try, the likeliest first."""
    ids = [name for name in usable if _rank(draft, name) <= _IDENTIFIES]
    yield from ((name,) for name in ids)
    for size in (2, 3):
        yield from (names for names in combinations(usable[:12], size) if names[0] in ids)
    yield from ((name,) for name in usable)
    for size in (2, 3):
        yield from combinations(usable[:12], size)


def _link(child: _Draft, parent: _Draft) -> str | None:
    """The column of a table that names its row of another one."""
    (key,) = parent.key if len(parent.key) == 1 else ("",)
    singular = re.sub(r"(?<=[^s])s$", "", parent.name)
    names = {key, f"{singular}_id", f"{parent.name}_id", f"{singular}Id"} if key.lower() in ("id", "uuid") else {key}
    found = (name for name in child.solid if name in names - {"id", "uuid"})
    return next((name for name in found if child.types[name] == parent.types[key]), None)


def _parent(child: _Draft, facts: Sequence[_Draft]) -> _Draft | None:
    """The fact to whose rows a table's rows belong. A fact that belongs to another one has no children of its own."""
    for parent in facts:
        others = [fact for fact in facts if fact is not parent and fact is not child]
        many = child in facts or child.count >= parent.count
        if many and _is_link(child, parent, facts) and not any(_is_link(parent, other, facts) for other in others):
            return parent
    return None


def _is_link(child: _Draft, parent: _Draft, facts: Sequence[_Draft]) -> bool:
    if child is parent or not _link(child, parent):
        return False
    # Of two that name each other, the first is the parent.
    mutual = child in facts and _link(parent, child) is not None
    return not mutual or facts.index(parent) < facts.index(child)
