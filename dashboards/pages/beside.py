"""Two answers to the same question side by side, row by row.

Choosing the days does not belong here, but in `ask`.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

CHANGE = "change"


def side_by_side(
    rows: pd.DataFrame,
    other: pd.DataFrame,
    day: str,
    other_day: str,
    names_things: Callable[[str], bool] = lambda column: False,
) -> tuple[pd.DataFrame, dict[str, str]] | None:
    """Rows with the figures of both days and their difference, and headings by column, `{}` standing for its own name.

    Rows belong together that are about the same: whose columns other than figures are alike.

    Args:
        names_things: Whether a column's whole numbers name things rather than count them.

    Returns:
        None if nothing tells which row belongs to which.
    """
    figures = [name for name in rows.columns if _is_figure(rows[name]) and not names_things(name)]
    keys = [name for name in rows.columns if name not in figures]
    if any(_nested(rows[name]) or _nested(other[name]) for name in keys):
        return None
    # Whole numbers may name things, such as years: as many of them as it takes to tell rows apart.
    while figures and (_ambiguous(rows, keys) or _ambiguous(other, keys)):
        whole = next((name for name in figures if pd.api.types.is_integer_dtype(rows[name])), None)
        if whole is None:
            return None
        figures.remove(whole)
        keys.append(whole)
    if not figures:
        return None
    how = {"on": keys, "how": "outer"} if keys else {"how": "cross"}
    both = rows.merge(other, suffixes=("", "\0"), **how)
    found, headings = both[keys].copy(), {}
    for name in figures:
        found[name], headings[name] = both[name], f"{{}}, {day}"
        found[f"{name} {other_day}"], headings[f"{name} {other_day}"] = both[f"{name}\0"], f"{{}}, {other_day}"
        found[f"{name} {CHANGE}"] = both[name].astype(float) - both[f"{name}\0"].astype(float)
        headings[f"{name} {CHANGE}"] = f"{{}}, {CHANGE}"
    return found, headings


def figure_of(column: str, other_day: str) -> str:
    """The column of the answer from which one of `side_by_side` comes."""
    return column.removesuffix(f" {CHANGE}").removesuffix(f" {other_day}")


def _is_figure(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _ambiguous(rows: pd.DataFrame, keys: list[str]) -> bool:
    if not keys:
        return len(rows) != 1
    return bool(rows.duplicated(keys).any())


def _nested(column: pd.Series) -> bool:
    return column.dtype == object and any(isinstance(value, dict | list | np.ndarray) for value in column)
