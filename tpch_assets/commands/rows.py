"""Prints an answer's rows: as a table for people, or as CSV or JSON for programs."""

import argparse
import csv
import math
import sys
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json")
LIMIT = 100  # Rows of a table. A longer one is rarely read, and programs get all.
DIGITS = 4  # Significant digits of a number with a fraction, at least.


def add_rows(command: argparse.ArgumentParser) -> None:
    """Add the options that `print_rows` is handed."""
    command.add_argument(
        "--limit", type=_count, help=f"print so many rows (default: a table's first {LIMIT}, else all)"
    )
    command.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="how to print them (default: table)")


def print_rows(title: str, rows: "pa.Table", form: str = "table", limit: int | None = None) -> None:
    """Print rows: a table under a title, CSV with a line of names, or a JSON array with an object for each row.

    A table is as wide as its values, whatever the terminal's width: nothing is left out or cut. Programs get every
    digit.
    """
    if form == "csv":
        _print_csv(rows if limit is None else rows.slice(0, limit))
    elif form == "json":
        _print_json(rows if limit is None else rows.slice(0, limit))
    else:
        _print_table(title, rows, LIMIT if limit is None else limit)


def cell(value: object, decimals: int = 2) -> str:
    """A value as people read it; `decimals` is for numbers with a fraction."""
    if value is None:
        return "NULL"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.{decimals}f}" if value == 0 or abs(value) >= 10.0 ** (1 - decimals) else f"{value:.{DIGITS}g}"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "auto" if value.microsecond else "seconds")
    # A line break would break the table, and a control sequence the terminal.
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value))


def size(count: float) -> str:
    """A number of bytes, such as 3.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _print_table(title: str, rows: "pa.Table", limit: int) -> None:
    import pyarrow as pa

    print(title)
    columns = []
    for field, column in zip(rows.schema, rows.slice(0, limit).columns, strict=True):
        values = column.to_pylist()
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        columns.append(_aligned([field.name, *(cell(value, _decimals(values)) for value in values)], right=number))
    for line in zip(*columns, strict=True):
        print(f" {'  '.join(line)}".rstrip())
    if rows.num_rows > limit:
        print(f"{rows.num_rows - limit:,} more of {rows.num_rows:,} rows: print them with --limit {rows.num_rows}")


def _aligned(texts: list[str], *, right: bool) -> list[str]:
    """Texts made equally wide on a terminal, where Chinese characters take two places."""
    from rich.cells import cell_len

    width = max(map(cell_len, texts))
    return [
        " " * (width - cell_len(text)) * right + text + " " * (width - cell_len(text)) * (not right) for text in texts
    ]


def _decimals(values: list[object]) -> int:
    """The digits after the point of a column's numbers: two, or what the smallest needs, within reason."""
    sizes = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value) and value]
    return min(max(2, DIGITS - 1 - math.floor(math.log10(min(sizes)))), 8) if sizes else 2


def _print_csv(rows: "pa.Table") -> None:
    from tpch_assets.compute.database import cursor

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.column_names)
    with cursor() as con:
        con.register("answer", rows)
        writer.writerows(con.sql("SELECT COLUMNS(*)::VARCHAR FROM answer").fetchall())


def _print_json(rows: "pa.Table") -> None:
    from tpch_assets.compute.database import cursor

    with cursor() as con:  # DuckDB writes a DECIMAL as a number, with all its digits.
        con.register("answer", rows)
        lines = [line for (line,) in con.sql("SELECT to_json(answer)::VARCHAR FROM answer").fetchall()]
    print("[" + ",\n ".join(lines) + "]")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of rows, 0 or more")
    return int(text)
