"""HTML that is safe whatever the lake holds, and its styles. How figures are worded does not belong here.

Functions escape what they are given, unless their docstring says that they take HTML.
"""

import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_FIGURE = re.compile(r"([+-]?[\d,.]+(?: [kMBT])?) ((?![kMBT]$)[^\d\s]\S*)")


@cache
def css(name: str) -> str:
    """The styles of a kind of part: `parts`, `table` or `button`. Each part needs them, since parts share no style."""
    return (Path(__file__).parent / "styles" / f"{name}.css").read_text(encoding="utf-8")


def escape(value: object) -> str:
    """Text that HTML shows as it is."""
    return html.escape(str(value), quote=True)


def cards(items: Sequence[tuple[str, str, str]]) -> str:
    """A row of figures, each as (title, figure, note)."""
    return '<div class="cards">' + "".join(_card(*item) for item in items) + "</div>"


def figure(value: str) -> str:
    """A figure whose unit is smaller: 1.23 M USD."""
    parts = _FIGURE.fullmatch(value)
    return f"{escape(parts[1])} <small>{escape(parts[2])}</small>" if parts else escape(value)


def definitions(items: Mapping[str, object]) -> str:
    """Names and values as a list."""
    pairs = (f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in items.items())
    return f"<dl>{''.join(pairs)}</dl>"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A plain table that scrolls sideways if it is too wide. Its cells are HTML."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def sentence(words: str) -> str:
    """A sentence that stands where there are no rows."""
    return f'<p class="empty">{escape(words)}</p>'


def in_dagster(dagster_url: str, asset: str, words: str = "") -> str:
    """A link to an asset in the Dagster UI.

    Args:
        words: What it says, if not the asset's name.
    """
    name = f"{words} {asset}".strip()
    return (
        f'<a href="{escape(f"{dagster_url}/assets/{asset}")}" target="_blank" rel="noopener" '
        f'aria-label="{escape(name)} in Dagster">{escape(words or asset)}&nbsp;↗</a>'
    )


def unusable(errors: Mapping[str, str]) -> str:
    """Files that are no queries, each with what is wrong with it. Empty if there are none."""
    if not errors:
        return ""
    items = "".join(
        f'<p><span class="state red">{escape(name)}</span> {escape(why)}</p>' for name, why in errors.items()
    )
    return f"<h2>Files that cannot be used</h2>{items}"


def _card(title: str, value: str, note: str) -> str:
    return (
        f'<div class="card"><h3>{escape(title)}</h3><p class="figure">{figure(value)}</p>'
        f'<p class="note">{escape(note)}</p></div>'
    )
