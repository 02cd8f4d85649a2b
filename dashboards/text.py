"""Figures and cells as people read them, HTML that is safe whatever the lake holds, and its styles. No Panel."""

import html
import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tpch_assets.calendar import parse


@cache
def css(name: str) -> str:
    """The styles of a kind of part: `parts`, `table` or `button`. They go into each, since parts share no style."""
    return (Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")


def escape(value: object) -> str:
    return html.escape(str(value), quote=True)


def short(value: float | Decimal | None) -> str:
    """A figure for a card: 1.23 M."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "—"
    value = float(value)
    for limit, unit in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= limit:
            return f"{value / (limit if unit != ' k' else 1e3):,.{1 if unit == ' k' else 2}f}{unit}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


def size(count: float) -> str:
    """Bytes: 3.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def span(length: timedelta) -> str:
    """A length of time: 3 h 20 min."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 0:
        return "0 min"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def moment(value: datetime | date | str) -> str:
    """A point in time in UTC, to the minute; partition keys too."""
    if isinstance(value, str):
        if len(value) == 10:
            return value
        value = parse(value)
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else f"{value:%Y-%m-%d}"


def change(now: float | None, before: float | None, *, unit: str = "") -> str:
    """The change against the day before, in words and with its sign."""
    if now is None or before is None:
        return "no day before to compare with"
    difference = now - before
    if abs(difference) <= 1e-9 * abs(before):  # Sums of floats differ in their last digits.
        return "as the day before"
    share = f" ({difference / abs(before):+.1%})" if before else ""
    sign = "+" if difference > 0 else "-"
    return f"{sign}{short(abs(difference))}{unit}{share} against the day before"


def older(age: timedelta, before: timedelta | None) -> str:
    """How an age compares with the day before's."""
    if before is None:
        return "no day before to compare with"
    difference = age - before
    if abs(difference) < timedelta(minutes=1):
        return "as old as the day before"
    return f"{span(abs(difference))} {'older' if difference > timedelta(0) else 'younger'} than the day before"


def label(column: str) -> str:
    """A column's name as a heading: `sum_disc_price` is Sum disc price; TPC-H's one-letter prefixes go."""
    name = column.split("_", 1)[1] if column[1:2] == "_" or column[:3] == "ps_" else column
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def card(title: str, figure: str, note: str = "") -> str:
    return (
        f'<div class="card"><h3>{escape(title)}</h3><p class="figure">{escape(figure)}</p>'
        f'<p class="note">{escape(note)}</p></div>'
    )


def cards(items: Sequence[tuple[Any, ...]]) -> str:
    """A row of figures, each (title, figure, note)."""
    return '<div class="cards">' + "".join(card(*item) for item in items) + "</div>"


def definitions(items: Sequence[tuple[str, object]]) -> str:
    """Names and values as a list."""
    return (
        "<dl>" + "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in items) + "</dl>"
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A plain table of cells that are HTML already; it scrolls sideways where it is too wide."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
