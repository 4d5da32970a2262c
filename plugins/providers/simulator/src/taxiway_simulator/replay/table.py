"""A report as tables, for a terminal."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from taxiway.codec import Json

_WIDE: Final = 10_000
"""Columns where stdout is no terminal: a pipe has no edge, so nothing is folded or cut."""

Cell: TypeAlias = Callable[[Json], str]


def seconds(value: float | None) -> str:
    """Write a time."""
    return "-" if value is None else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def dollars(value: float) -> str:
    """Write a cost: to four digits below a cent."""
    return f"${value:,.4f}" if value < 100 else f"${value:,.2f}"


def percent(value: float) -> str:
    """Write a share."""
    return f"{value * 100:.2f} %" if 0 < value < 0.1 else f"{value * 100:.1f} %"


COLUMNS: Final[tuple[tuple[str, Cell], ...]] = (
    ("run", lambda run: str(run["name"])),
    ("calls", lambda run: f"{run['calls']:,}"),
    ("failed", lambda run: f"{run['failed']:,}"),
    ("cost", lambda run: dollars(run["cost_usd"]) + (" and more" if run["unpriced_attempts"] else "")),
    ("first token p50", lambda run: seconds(run["first_token"]["p50"])),
    ("p95", lambda run: seconds(run["first_token"]["p95"])),
    ("p99", lambda run: seconds(run["first_token"]["p99"])),
    ("whole answer p50", lambda run: seconds(run["whole_answer"]["p50"])),
    ("p95", lambda run: seconds(run["whole_answer"]["p95"])),
    ("attempts a call", lambda run: f"{run['attempts_per_call']:.3f}"),
    ("upstream 429", lambda run: f"{run['upstream_429']['count']:,} ({percent(run['upstream_429']['share'])})"),
)
"""What is compared: a column's heading, and what a run has in it."""

SPREADS: Final = (("endpoints", "endpoint"), ("keys", "key"))
"""What calls are spread over: where a report has it, and what each is called by."""


def spread(report: Json, over: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Give each endpoint or key, with its share of the served calls in each run."""
    names = sorted({(one["provider"], one[name]) for run in report["runs"] for one in run[over]})
    shares: list[dict[Any, str]] = [
        {(one["provider"], one[name]): f"{one['served']:,} ({percent(one['share'])})" for one in run[over]}
        for run in report["runs"]
    ]
    for provider, one in names:
        label = one if over == "endpoints" else f"{provider} {one}"
        yield label, [run.get((provider, one), "-") for run in shares]


def show(report: Json) -> None:
    """Print it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    table = _table([heading for heading, _ in COLUMNS])
    for run in report["runs"]:
        table.add_row(*(Text(cell(run)) for _, cell in COLUMNS))
    console.print(table)
    for run in report["runs"]:
        if run["failures"]:
            told = ", ".join(f"{count:,} {kind}" for kind, count in run["failures"].items())
            console.print(Text(f"{run['name']}: clients saw {told}"))
    for what, count in report["traffic"]["notes"].items():
        console.print(Text(f"{count:,} {what}"))
    runs = [run["name"] for run in report["runs"]]
    for over, name in SPREADS:
        console.print()
        table = _table([name, *(f"served by {run}" for run in runs)])
        for label, cells in spread(report, over, name):
            table.add_row(Text(label), *map(Text, cells))
        console.print(table)


def _table(headings: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", justify="right" if index else "left")
    return table
