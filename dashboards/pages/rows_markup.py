"""The parts of the rows page, as HTML: a row with what its columns mean, rows beside it, and raw lines.

Finding rows does not belong here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote

from dashboards.charts.looks import Look
from dashboards.pages.markup import escape, sentence, table
from dashboards.store import business
from dashboards.store.rows_behind import Behind, Delivery, Row, key_text
from tpch_assets.schema import Table


def address(name: str, key: Sequence[object]) -> str:
    """The address of a row on the rows page."""
    return f"./rows?table={quote(name, safe='')}&key={quote(key_text(key), safe='')}"


def asks(of: Table, examples: Sequence[str]) -> str:
    """What to do where no row is chosen."""
    order = " and ".join(of.key) if len(of.key) < 3 else ", ".join(of.key)
    how = f"Write the value of {order}" + (", with a comma between them." if len(of.key) > 1 else ".")
    queries = business.queries()
    links = ", ".join(
        f'<a href="./queries?query={escape(name)}">{escape(queries[name].title)}</a>' for name in examples[:6]
    )
    more = f"<p>Or follow a row from an answer: {links}.</p>" if links else ""
    return f"<p>{escape(of.description)} {escape(how)}</p>{more}"


def page(found: Behind, look: Look) -> str:
    """A row and what belongs to it."""
    name = f"{found.table.name} {key_text(list(found.key.values()))}"
    parts = [f"<h2>{escape(name)}</h2>", f'<p class="muted">{escape(found.table.description)}</p>']
    if found.row is None:
        parts.append(sentence("Bronze has it, but silver does not yet: its window is not built, or is built again."))
    else:
        parts.append(_row(found.table, found.row, look))
    for fact, (rows, every) in found.facts.items():
        parts.append(_rows(business.table(fact), rows, every, look))
    for other, row in found.pointed.items():
        parts.append(_pointed(found.table, business.table(other), row, look))
    parts.append(_deliveries(found))
    return "".join(parts)


def _row(of: Table, row: Row, look: Look) -> str:
    lines = [
        [escape(look.heading(column.name)), _cell(of, column.name, row), f"<span>{escape(column.description)}</span>"]
        for column in of.columns
    ]
    return table(["Column", "Value", "Meaning"], lines, f"The row in silver/{of.name}")


def _rows(of: Table, rows: Sequence[Row], every: bool, look: Look) -> str:
    if not rows:
        return f"<h2>{escape(of.name)}</h2>" + sentence(f"No row of {of.name} belongs to it.")
    lines = [[_cell(of, name, row, own=True) for name in of.column_names] for row in rows]
    count = f"{len(rows):,} row{'s' * (len(rows) != 1)}" if every else f"the first {len(rows):,} rows"
    caption = f"{count} of silver/{of.name} with the same {of.shard_key}"
    return f"<h2>{escape(of.name)}</h2>" + table([look.heading(name) for name in of.column_names], lines, caption)


def _pointed(of: Table, other: Table, row: Row | None, look: Look) -> str:
    by = ", ".join(of.references[other.name])
    if row is None:
        return f"<h2>{escape(other.name)}</h2>" + sentence(f"silver/{other.name} has no row that {by} points to.")
    lines = [[_cell(other, name, row, own=True) for name in other.column_names]]
    headings = [look.heading(name) for name in other.column_names]
    return f"<h2>{escape(other.name)}</h2>" + table(
        headings, lines, f"The row of silver/{other.name} that {by} points to"
    )


def _deliveries(found: Behind) -> str:
    head = "<h2>Delivered by</h2>"
    if not found.deliveries:
        return head + sentence("Bronze does not hold the delivery any more.")
    lines = [_delivery(found.table, one, alone=len(found.deliveries) == 1) for one in found.deliveries]
    more = (
        f'<p class="note">{found.more_deliveries:,} older deliveries are not shown.</p>'
        if found.more_deliveries
        else ""
    )
    return head + "".join(lines) + more


def _delivery(of: Table, one: Delivery, *, alone: bool) -> str:
    kept = "" if alone else " · silver keeps this one" if one.kept else " · an earlier one"
    where = f"raw/{of.name}/{one.batch}/{one.file}" + (f", line {one.line.number:,}" if one.line.number else "")
    batch = f'<a href="./pipeline?layer=bronze&amp;table={escape(of.name)}">batch {escape(one.batch)}</a>'
    text = (
        f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere" tabindex="0">{escape(one.line.text)}</pre>'
        if one.line.text
        else sentence(one.line.why)
    )
    return f"<p><code>{escape(where)}</code> · {batch}{escape(kept)}</p>{text}"


def _cell(of: Table, name: str, row: Row, *, own: bool = False) -> str:
    """A value, with a link to the row it names.

    Args:
        own: Link the last column of the table's own key to its row.
    """
    value = escape(_shown(row.get(name)))
    target = _target(of, name, row, own)
    return f'<a href="{escape(target)}">{value}</a>' if target and row.get(name) is not None else value


def _target(of: Table, name: str, row: Mapping[str, object], own: bool) -> str | None:
    if own and name == of.key[-1]:
        return address(of.name, [row[column] for column in of.key])
    if of.parent and name == of.shard_key and business.table(of.parent).key == (business.table(of.parent).shard_key,):
        return address(of.parent, [row[name]])
    for other, columns in of.references.items():
        if columns[-1] == name:
            return address(other, [row[column] for column in columns])
    return None


def _shown(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, Decimal) else str(value)
