"""Tables on the screen: sorted, filtered and paged in this process, so that a page carries one screenful of rows."""

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import pyarrow as pa
import pyarrow.csv

from dashboards.text import css, label

_PLAIN = ("key", "year", "rank", "line", "size", "c_count")  # Whole numbers that name things rather than count them.


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """A frame as it is shown: times as text that also sorts by time."""
    times = [name for name in rows.columns if pd.api.types.is_datetime64_any_dtype(rows[name])]
    if not times:
        return rows
    shown = rows.copy()
    for name in times:
        days = (rows[name].dt.normalize() == rows[name]).all()
        shown[name] = rows[name].dt.strftime("%Y-%m-%d" if days else "%Y-%m-%d %H:%M").astype(object)
    return shown


def tabulator(
    rows: pd.DataFrame, *, titles: dict[str, str] | None = None, page_size: int = 15, stretch: bool = False
) -> pn.widgets.Tabulator:
    """A table of a frame: every column sorts and filters; text is never read as HTML. `stretch`: the last column."""
    return pn.widgets.Tabulator(
        **_columns(cells(rows), titles or {}),
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


def retable(table: pn.widgets.Tabulator, rows: pd.DataFrame) -> None:
    """Show other rows with other columns in a table: from the first page, neither sorted nor filtered."""
    table.param.update(**_columns(cells(rows), {}), page=1, sorters=[], filters=[])


def _columns(shown: pd.DataFrame, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "value": shown,
        "titles": {name: titles.get(name, label(name)) for name in shown.columns},
        "formatters": {name: _formatter(name, shown[name]) for name in shown.columns},
        "text_align": {name: "right" for name in shown.columns if pd.api.types.is_numeric_dtype(shown[name])},
        "header_filters": {name: _filter(shown[name]) for name in shown.columns},
    }


def _formatter(name: str, column: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_float_dtype(column):
        small = len(column) and column.abs().max() < 1
        return {"type": "money", "precision": 4 if small else 2, "thousand": ",", "decimal": "."}
    if pd.api.types.is_integer_dtype(column) and not name.endswith(_PLAIN):
        return {"type": "money", "precision": 0, "thousand": ","}
    return {"type": "plaintext"}


def _filter(column: pd.Series) -> dict[str, str]:
    if pd.api.types.is_numeric_dtype(column):
        return {"type": "number", "func": ">=", "placeholder": "from"}
    return {"type": "input", "func": "like", "placeholder": "contains"}


def download(make: Callable[[], pa.Table], filename: str) -> pn.widgets.FileDownload:
    """A button that downloads rows as CSV, decimals exact. Nothing is made before it is pressed."""

    def content() -> io.BytesIO:
        out = io.BytesIO()
        pyarrow.csv.write_csv(make(), out)
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
