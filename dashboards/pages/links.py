"""Links from the rows of an answer to the rows of silver behind them.

What an answer's columns are the keys of does not belong here, but in `store.business`.
"""

from collections.abc import Sequence
from json import dumps
from urllib.parse import quote

from bokeh.models.widgets.tables import HTMLTemplateFormatter

from dashboards.store import business
from dashboards.store.business import Query

# A value with a comma or a quote in it is quoted, as `rows_behind.key_of` reads it.
_QUOTED = """/[",]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text"""
_KEY = f"[{{columns}}].map((name) => String(obj[name])).map((text) => {_QUOTED}).join(',')"


def links(query: Query) -> dict[str, HTMLTemplateFormatter]:
    """How the cells of an answer that name rows are shown, by column."""
    return {column: link(table, columns) for column, (table, columns) in business.rows_in(query).items()}


def link(table: str, columns: Sequence[str]) -> HTMLTemplateFormatter:
    """A cell that links to the row of a table whose key is in some columns of its row. Text is never read as HTML."""
    key = _KEY.format(columns=", ".join(map(dumps, columns)))
    target = f"./rows?table={quote(table, safe='')}&amp;key=<%- encodeURIComponent({key}) %>"
    return HTMLTemplateFormatter(template=f'<a href="{target}" style="color: inherit"><%- value %></a>')
