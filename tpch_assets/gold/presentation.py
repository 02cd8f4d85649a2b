"""How a query's answer is to be shown: the lines `chart`, `unit`, `title` and `total` of its header.

What a chart looks like does not belong here, but in the dashboard.

    -- chart: bars nation revenue
    -- unit revenue: USD
    -- unit lost: share
    -- title revenue: Revenue lost
    -- total: none
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

KINDS = ("bars", "lines", "points", "none")
TOTALS = ("sum", "mean", "rows", "none")
"""How an answer becomes one figure: `sum` and `mean` of its figures, or its number of `rows`."""

FIELDS = ("chart", "total", "unit", "title")
"""The header's fields; `unit` and `title` are followed by a column: `unit revenue`."""


@dataclass(frozen=True)
class Chart:
    """A chart of an answer: its kind, the column along it, and columns of figures. `none` has no columns."""

    kind: str
    x: str = ""
    y: tuple[str, ...] = ()


@dataclass(frozen=True)
class Presentation:
    """What a header says of an answer's looks.

    Attributes:
        chart: None leaves the choice to the dashboard.
        units: Units of figures, by column; `share` is a fraction of one.
        titles: Headings, by column.
        total: One of `TOTALS`, or empty to leave the choice to the dashboard.
    """

    chart: Chart | None = None
    units: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    total: str = ""


def parse(fields: Mapping[str, str], columns: Collection[str]) -> Presentation:
    """Read the fields of a header.

    Args:
        fields: Values by field, such as `chart` or `unit revenue`; fields about other things are left alone.
        columns: The answer's columns.

    Raises:
        ValueError: A field is malformed, or names a column that the answer does not have.
    """
    total = fields.get("total", "")
    if total not in ("", *TOTALS):
        raise ValueError(f"total is {total}; allowed are {', '.join(TOTALS)}")
    return Presentation(
        _chart(fields["chart"], columns) if "chart" in fields else None,
        _by_column("unit", fields, columns),
        _by_column("title", fields, columns),
        total,
    )


def _chart(text: str, columns: Collection[str]) -> Chart:
    kind, *named = text.split()
    if kind not in KINDS:
        raise ValueError(f"chart is {kind}; allowed are {', '.join(KINDS)}")
    if kind == "none" and not named:
        return Chart(kind)
    if kind == "none" or len(named) < 2:
        raise ValueError(f"chart is {text!r}; write a kind and two columns or more, such as `bars nation revenue`")
    for name in named:
        _check("chart", name, columns)
    return Chart(kind, named[0], tuple(named[1:]))


def _by_column(what: str, fields: Mapping[str, str], columns: Collection[str]) -> dict[str, str]:
    found = {key.split()[1]: value for key, value in fields.items() if key.startswith(f"{what} ")}
    for name in found:
        _check(what, name, columns)
    return found


def _check(what: str, name: str, columns: Collection[str]) -> None:
    if name not in columns:
        raise ValueError(f"{what} names {name}; the answer's columns are {', '.join(columns)}")
