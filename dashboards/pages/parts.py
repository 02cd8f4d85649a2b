"""The parts pages are made of: HTML, choices, rows that wrap, and places for charts.

What a part says does not belong here. Tables are in `tables`.
"""

from collections.abc import Sequence

import panel as pn
from bokeh.models import Plot

from dashboards.charts.chart import Chart
from dashboards.pages.markup import css
from dashboards.panel_private import Block, Select


def block(content: str = "") -> Block:
    """HTML in the pages' style. Escape whatever comes from the lake."""
    return Block(content, stylesheets=[css("parts")], sizing_mode="stretch_width", margin=(4, 0))


def select(label: str, options: Sequence[str] | dict[str, str], value: str, width: int = 220) -> pn.widgets.Select:
    """A choice of one: the browser's own menu, which every keyboard and phone supports."""
    return Select(
        label=label,
        options=options,
        value=value,
        margin=(0, 12, 4, 0),
        sizing_mode="stretch_width",
        max_width=width,
        styles={"flex": f"1 1 {160 if width <= 220 else 280}px"},
        stylesheets=[css("parts")],
    )


def search_field(label: str, value: str, longest: int) -> pn.widgets.TextInput:
    """A field for words. `value_input` follows each letter, `value` the Enter key."""
    return pn.widgets.TextInput(
        label=label,
        value=value,
        value_input=value,
        max_length=longest,
        placeholder="customer, revenue, Q5 …",
        margin=(4, 12, 0, 0),
        sizing_mode="stretch_width",
        max_width=420,
        stylesheets=[css("parts")],
    )


def choices_row(*widgets: pn.viewable.Viewable) -> pn.Row:
    """The page's choices in a row that wraps."""
    return wrapping_row(*widgets, gap="0", align="flex-end")


def grid(*parts: tuple[pn.viewable.Viewable, float]) -> pn.Row:
    """Parts side by side on wide screens, below each other on narrow ones, each as (part, share of the width)."""
    for part, width in parts:
        part.styles = {"flex": f"{width:g} 1 {max(420, 80 * width):g}px", "min-width": "min(100%, 340px)"}
    return wrapping_row(*(part for part, _ in parts), gap="24px")


def column(*parts: pn.viewable.Viewable) -> pn.Column:
    """Parts below each other."""
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0)


def place() -> pn.Column:
    """A place for a part that appears, changes and disappears."""
    return column()


def pane(plot: Plot) -> pn.pane.Bokeh:
    """A plot as a part of a page."""
    return pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0)


def replace_chart(where: pn.Column, chart: Chart | None) -> None:
    """Put a chart in its place, or hide the place. Makes a new pane each time: a hidden one cannot be laid out."""
    where[:] = [] if chart is None else [pane(chart.plot)]
    where.visible = chart is not None


def wrapping_row(*parts: pn.viewable.Viewable, gap: str, align: str = "flex-start") -> pn.Row:
    """A row that wraps. Plain CSS, since pn.FlexBox and pmui.Grid cost several times as much per page."""
    styles = {"flex-wrap": "wrap", "gap": gap, "align-items": align}
    return pn.Row(*parts, styles=styles, sizing_mode="stretch_width", margin=0)
