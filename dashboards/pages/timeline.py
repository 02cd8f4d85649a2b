"""The timeline of the pipeline page, as HTML: a strip per day and layer, and what comes next.

Which state a stretch is in does not belong here, but in `store.timeline`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from dashboards.pages.markup import escape
from dashboards.store.health import LAYERS
from dashboards.store.timeline import CELLS, Cell, State, Timeline, next_due
from tpch_assets import layers
from tpch_assets.layers import every

LOOKS: Mapping[State, tuple[str, str, float, str]] = {
    "whole": ("whole", "#2e9d4e", 1.0, ""),
    "rejects": ("whole, with rejected lines", "#b86e00", 1.0, "top"),
    "stale": ("to be built again", "#8e5bbf", 0.75, ""),
    "partly": ("in part", "#d1392b", 0.5, ""),
    "missing": ("missing", "#d1392b", 0.25, ""),
    "due": ("not due yet", "#7d838c", 0.1, ""),
    "unknown": ("not known", "none", 0.0, ""),
}
"""How a state is called and drawn: colour, height, and a mark. Heights differ, so that nobody needs the colours."""
WIDE = 240


def panel(found: Timeline, now: datetime) -> str:
    """The newest days as columns, the layers as rows."""
    if not found.days:
        return ""
    head = "".join(f'<th scope="col">{escape(day)}</th>' for day in found.days)
    rows = "".join(_row(layer, [found.days[day][layer] for day in found.days], now) for layer in LAYERS)
    caption = "Which hours, windows and days are in which layer. Point at a bar for its figures."
    return (
        '<h2>Timeline</h2><div class="scroll" tabindex="0" role="region" aria-label="Timeline">'
        f"<table><caption>{caption}</caption><thead><tr><th scope='col'>Layer</th>{head}<th scope='col'>Next</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div>{_legend(found)}"
    )


def _row(layer: str, days: Sequence[Sequence[Cell]], now: datetime) -> str:
    cells = "".join(f"<td>{_strip(layer, cells)}</td>" for cells in days)
    end, late = next_due(layer, now)
    partition = layers.LAYERS[layer].partition
    words = f"{partition} ends {end:%H:%M}, late from {late:%H:%M}"
    return f'<tr><th scope="row"><a href="?layer={layer}">{layer}</a></th>{cells}<td>{escape(words)}</td></tr>'


def _strip(layer: str, cells: Sequence[Cell]) -> str:
    """A day of a layer as bars."""
    wide = WIDE / len(cells)
    bars = "".join(_bar(cell, number * wide, wide) for number, cell in enumerate(cells))
    counts = Counter(LOOKS[cell.state][0] for cell in cells)
    unit = every(CELLS[layer])
    label = f"{layer}, by {unit}: " + ", ".join(f"{count} {words}" for words, count in counts.items())
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDE} 24" width="{WIDE}" height="24" '
        f'preserveAspectRatio="none">{bars}</svg>'
    )


def _bar(cell: Cell, x: float, wide: float) -> str:
    words, colour, height, mark = LOOKS[cell.state]
    tall = 24 * height
    title = f"<title>{escape(f'{cell.begin:%Y-%m-%d %H:%M} to {cell.end:%H:%M}: {words}, {cell.words}')}</title>"
    notch = f'<rect x="{x + 0.5:g}" y="0" width="{wide - 1:g}" height="6" fill="currentColor"/>' if mark else ""
    return (
        f'<g>{title}<rect x="{x:g}" y="0" width="{wide:g}" height="24" fill="transparent"/>'
        f'<rect x="{x + 0.5:g}" y="{24 - tall:g}" width="{wide - 1:g}" height="{tall:g}" fill="{colour}"/>{notch}</g>'
    )


def _legend(found: Timeline) -> str:
    """The states that occur, each with its bar."""
    shown = {cell.state for day in found.days.values() for cells in day.values() for cell in cells}
    items = "".join(
        f'<span style="display:inline-flex;gap:6px;align-items:flex-end;margin-right:18px">'
        f'<svg aria-hidden="true" viewBox="0 0 10 24" width="7" height="16">{_bar(_EXAMPLE[state], 0, 10)}</svg>'
        f"{escape(words)}</span>"
        for state, (words, *_) in LOOKS.items()
        if state in shown and state != "unknown"
    )
    return f'<p class="note">{items}</p>'


_EXAMPLE: Mapping[State, Cell] = {state: Cell(datetime.min, datetime.min, state, "") for state in LOOKS}
