"""Prints rows as a table on the terminal."""

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pyarrow as pa


def print_rows(title: str, rows: "pa.Table") -> None:
    """Print all rows under a title. Where no terminal sets the width, lines are up to 240 characters long."""
    table = Table(box=None)
    for name in rows.column_names:
        table.add_column(name, no_wrap=True)
    for row in rows.to_pylist():
        table.add_row(*(Text(f"{value:,.2f}" if isinstance(value, float) else str(value)) for value in row.values()))
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(title, style="italic", highlight=False)
    console.print(table)
