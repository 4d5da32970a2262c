"""Tables for people. Keys and machine output never come through here: rich would wrap and style them."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 10_000
"""Columns where stdout is no terminal: a pipe has no edge, so nothing is folded or cut."""


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        # Text, not markup: a label may have brackets in it.
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
