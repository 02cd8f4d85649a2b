"""Tables that people sort, filter, page and download, all in this process: a page carries one screenful of rows.

Plain HTML tables do not belong here, but in `markup`.
"""

import io
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypedDict

import numpy as np
import pandas as pd
import panel as pn
import pyarrow as pa
import pyarrow.csv
from bokeh.models.widgets.tables import HTMLTemplateFormatter, NumberFormatter

from dashboards.charts.figures import SHARE
from dashboards.charts.looks import Look
from dashboards.charts.views import as_text
from dashboards.pages.markup import css

Formatter: TypeAlias = dict[str, str | int] | NumberFormatter | HTMLTemplateFormatter
Filter: TypeAlias = dict[str, str | dict[str, str]]
FROZEN_FROM = 3
"""A table of more columns keeps its first one in sight while people scroll sideways."""


class _Columns(TypedDict):
    """What Tabulator needs to know of a frame and its columns."""

    value: pd.DataFrame
    titles: dict[str, str]
    formatters: dict[str, Formatter]
    text_align: dict[str, str]
    header_filters: dict[str, Filter]
    frozen_columns: list[str]
    editors: dict[str, None]


def cells(rows: pd.DataFrame, look: Look) -> pd.DataFrame:
    """A frame as it is shown: first the column that says what a row is about, and times and structures as text."""
    subject = look.subject(rows)
    rows = rows[sorted(rows.columns, key=lambda name: name != subject)]
    others = [name for name in rows.columns if pd.api.types.is_datetime64_any_dtype(rows[name]) or _nested(rows[name])]
    if not others:
        return rows
    shown = rows.copy()
    for name in others:
        shown[name] = as_text(rows[name])
    return shown


def tabulator(
    rows: pd.DataFrame,
    look: Look,
    *,
    titles: Mapping[str, str] | None = None,
    page_size: int = 15,
    stretch: bool = False,
    links: Mapping[str, Formatter] | None = None,
) -> pn.widgets.Tabulator:
    """A table of a frame. Every column sorts and filters; text is never read as HTML.

    Args:
        titles: Headings by column; `look` labels the other columns.
        stretch: Let the last column fill the width.
        links: How to show columns that name rows, instead of as they are (see `links`).
    """
    return pn.widgets.Tabulator(
        **_columns(cells(rows, look), look, titles or {}, links or {}),
        pagination="remote",
        page_size=page_size,
        show_index=False,
        disabled=True,
        selectable=False,
        layout="fit_data_stretch" if stretch else "fit_data_fill",
        sizing_mode="stretch_width",
        stylesheets=[css("table")],
        margin=(0, 0, 8, 0),
    )


def show_other(
    table: pn.widgets.Tabulator, rows: pd.DataFrame, look: Look, links: Mapping[str, Formatter] | None = None
) -> None:
    """Show other columns in a table: from the first page, neither sorted nor filtered."""
    table.param.update(**_columns(cells(rows, look), look, {}, links or {}), page=1, sorters=[], filters=[])


def download(read: Callable[[], pa.Table], filename: str) -> pn.widgets.FileDownload:
    """A button that downloads rows as CSV, decimals exact. It reads nothing before somebody presses it."""

    def content() -> io.BytesIO:
        out = io.BytesIO()
        pyarrow.csv.write_csv(read(), out)
        out.seek(0)
        return out

    return pn.widgets.FileDownload(
        callback=content,
        filename=filename,
        label="Download CSV",
        align="end",
        margin=(0, 0, 4, 0),
        width=150,
        stylesheets=[css("button")],
    )


def _nested(column: pd.Series) -> bool:
    return column.dtype == object and any(isinstance(value, (dict, list, np.ndarray)) for value in column.head(50))


def _columns(shown: pd.DataFrame, look: Look, titles: Mapping[str, str], links: Mapping[str, Formatter]) -> _Columns:
    names = list(shown.columns)
    headings = {name: titles.get(name, look.heading(name)) for name in names}
    return {
        "value": shown,
        "titles": headings,
        "formatters": {name: links.get(name) or _formatter(name, shown[name], look) for name in names},
        "text_align": {name: "right" for name in names if pd.api.types.is_numeric_dtype(shown[name])},
        "header_filters": {name: _filter(shown[name], headings[name]) for name in names},
        "frozen_columns": names[:1] if len(names) > FROZEN_FROM else [],
        "editors": dict.fromkeys(names),  # A cell with an editor stops the Tab key, even if it cannot be edited.
    }


def _formatter(name: str, column: pd.Series, look: Look) -> Formatter:
    if pd.api.types.is_float_dtype(column):
        # Unlike Tabulator's own, Bokeh's does not write NaN where there is no value.
        return NumberFormatter(format=_digits(column, look.units.get(name, "")), nan_format="—")
    if pd.api.types.is_integer_dtype(column) and not look.names_things(name):
        return {"type": "money", "precision": 0, "thousand": ","}
    return {"type": "plaintext"}


def _digits(column: pd.Series, unit: str) -> str:
    """How figures are written: whole ones without a fraction, money with cents, fractions with four digits."""
    known = column.dropna()
    if unit == SHARE:
        return "0.00 %"
    if unit == "" and len(known) and (known % 1 == 0).all():
        return "0,0"
    return "0,0.0000" if len(known) and known.abs().max() < 1 else "0,0.00"


def _filter(column: pd.Series, heading: str) -> Filter:
    if pd.api.types.is_numeric_dtype(column):
        return {"type": "number", "func": ">=", "placeholder": "from", **_labelled(f"{heading}: from")}
    return {"type": "input", "func": "like", "placeholder": "contains", **_labelled(f"{heading}: contains")}


def _labelled(label: str) -> dict[str, dict[str, str]]:
    return {"elementAttributes": {"aria-label": label}}
