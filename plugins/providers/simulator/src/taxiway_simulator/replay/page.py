"""A report as one page: tables and plots, nothing to load. Readable in light and dark, and the same bytes for the same report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Final

from taxiway.codec import Json
from taxiway_simulator.replay.plots import Values, bars, legend, lines
from taxiway_simulator.replay.table import COLUMNS, SPREADS, spread

_STYLE: Final = """
:root{color-scheme:light dark;--back:#fbfbf9;--card:#fff;--text:#1d2430;--soft:#5c6675;--line:#dcdfe4;
--c0:#2563c9;--c1:#d2601a;--c2:#1f8a5b;--c3:#a63fa0;--c4:#b8860b;--c5:#0e8ba0;--c6:#c2334d;--c7:#6b6f76}
@media (prefers-color-scheme:dark){:root{--back:#14171c;--card:#1b2027;--text:#e4e8ee;--soft:#9aa5b4;--line:#323a45;
--c0:#6ea2f5;--c1:#f0935a;--c2:#5cc596;--c3:#d68bd1;--c4:#dfb54c;--c5:#57c1d3;--c6:#f07f93;--c7:#a7adb6}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1400px;padding:24px;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:0 0 8px}p{margin:0 0 16px;color:var(--soft)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;margin-bottom:16px;overflow-x:auto}
.plots section{margin:0}section table{margin-top:8px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:4px 14px 4px 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}td.best{font-weight:700;color:var(--c2)}
svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}svg .grid{stroke:var(--line)}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:8px 0 0;padding:0}
.legend i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
""".strip().replace("\n", "")

_LEAST: Final[tuple[tuple[str, Callable[[Json], float | None]], ...]] = (
    ("failed", lambda run: run["failed"]),
    ("cost", lambda run: None if run["unpriced_attempts"] else run["cost_usd"]),
    ("first token p50", lambda run: run["first_token"]["p50"]),
    ("p99", lambda run: run["first_token"]["p99"]),
    ("attempts a call", lambda run: run["attempts_per_call"]),
)
"""Columns in which the least is the best."""

_MINUTES: Final = "{:g} min"


def page(report: Json) -> str:
    """Write it."""
    runs = report["runs"]
    title = "Replay: " + ", ".join(run["name"] for run in runs)
    sections = "".join(f"<section><h2>{escape(heading)}</h2>{body}</section>" for heading, body in _plots(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(_about(report))}</p>"
        f"<section><h2>Compared</h2>{_compared(runs)}{_failures(runs)}</section>"
        f'<div class="plots">{sections}</div></body></html>\n'
    )


def _about(report: Json) -> str:
    traffic = report["traffic"]
    minutes = traffic["seconds"] / 60
    models = ", ".join(f"{name} ({count:,})" for name, count in traffic["models"].items())
    notes = "".join(f" {count:,} {what}." for what, count in traffic["notes"].items())
    return (
        f"{traffic['calls']:,} calls in {minutes:.1f} minutes ({traffic['source']}), {traffic['streamed']:,} of them streamed, "
        f"{traffic['tokens_in']:,} tokens in and {traffic['tokens_out']:,} out, for {models}. Simulated providers, virtual time, "
        f"seed {report['seed']}.{notes}"
    )


def _compared(runs: Sequence[Json]) -> str:
    values = {heading: [v for v in map(value, runs) if v is not None] for heading, value in _LEAST}
    # Where all are alike, none is the best.
    best = {heading: min(some) if len(set(some)) > 1 else None for heading, some in values.items()}
    rows = []
    for run in runs:
        cells = []
        marked: set[str] = set()
        for heading, cell in COLUMNS:
            value = next((value for name, value in _LEAST if name == heading and heading not in marked), None)
            marked.add(heading)
            wins = value is not None and best[heading] is not None and value(run) == best[heading]
            cells.append(f"<td{' class=best' if wins else ''}>{escape(cell(run))}</td>")
        rows.append("".join(cells))
    return _table([heading for heading, _ in COLUMNS], rows)


def _failures(runs: Iterable[Json]) -> str:
    told = [
        f"<p>{escape(run['name'])}: clients saw {escape(', '.join(f'{n:,} {kind}' for kind, n in run['failures'].items()))}</p>"
        for run in runs
        if run["failures"]
    ]
    return "".join(told)


def _table(headings: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def _plots(report: Json) -> Iterable[tuple[str, str]]:
    runs, step = report["runs"], report["step_seconds"]
    colours = {run["name"]: number for number, run in enumerate(runs)}
    key = legend(colours)

    def over_time(heading: str, up: str, read: Callable[[Json], Values]) -> tuple[str, str]:
        series = {run["name"]: read(run["timeline"]) for run in runs}
        if not any(value for values in series.values() for value in values):
            return heading, "<p>None.</p>"
        longest = max(map(len, series.values()))
        padded = {name: [*values, *[None] * (longest - len(values))] for name, values in series.items()}
        minutes = [number * step / 60 for number in range(longest)]
        return heading, lines(padded, minutes, up=up, along=_MINUTES, what=heading, colours=colours) + key

    if any(run["first_token_curve"] for run in runs):
        heading = "How many calls have their first token within"
        yield heading, _curve(runs, heading, colours) + key
        yield over_time("95 % of calls have their first token within", "{:g} s", lambda line: line["first_token_p95"])
    yield over_time("Cost so far", "${:g}", lambda line: _sums(line["cost_usd"]))
    yield over_time(f"Failures that clients saw, every {step} s", "{:g}", lambda line: line["failed"])
    yield over_time(f"Upstream 429s, every {step} s", "{:g}", lambda line: line["upstream_429"])
    for over, name in SPREADS:
        labels = [label for label, _ in spread(report, over, name)]
        shares = {run["name"]: _shares(run[over], name, report, over) for run in runs}
        rows = (
            f"<td>{escape(label)}</td>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            for label, cells in spread(report, over, name)
        )
        plot = bars(shares, labels, what=f"calls served, by {over}") + legend(labels)
        yield f"Calls served, by {over}", plot + _table([name, *colours], rows)
    yield from _attempts(runs, step)


def _attempts(runs: Iterable[Json], step: int) -> Iterable[tuple[str, str]]:
    """Plot for each run when which endpoint was tried; an endpoint has one colour throughout."""
    every = sorted({name for run in runs for name in run["timeline"]["attempts"]})
    colours = {name: number for number, name in enumerate(every)}
    for run in runs:
        heading = f"{run['name']}: attempts at each endpoint, every {step} s"
        minutes = [number * step / 60 for number in range(len(run["timeline"]["calls"]))]
        plot = lines(run["timeline"]["attempts"], minutes, up="{:g}", along=_MINUTES, what=heading, colours=colours)
        yield heading, plot + legend(every)


def _curve(runs: Sequence[Json], heading: str, colours: Mapping[str, int]) -> str:
    """Plot the share of calls over the time in which they have their first token, up to a little beyond the slowest run's p99."""
    curves = {run["name"]: run["first_token_curve"] for run in runs}
    last = 1.1 * (max((curve[99] for curve in curves.values() if curve), default=0.0) or 1.0)
    across = [last * number / 200 for number in range(201)]
    series = {
        name: [float(sum(value <= x for value in curve[1:])) for x in across] for name, curve in curves.items() if curve
    }
    return lines(series, across, up="{:g} %", along="{:g} s", what=heading, colours=colours)


def _sums(values: Iterable[float]) -> list[float]:
    total, found = 0.0, []
    for value in values:
        total += value
        found.append(total)
    return found


def _shares(spread_: Iterable[Json], name: str, report: Json, over: str) -> list[float]:
    every = sorted({(one["provider"], one[name]) for run in report["runs"] for one in run[over]})
    known = {(one["provider"], one[name]): one["share"] for one in spread_}
    return [known.get(one, 0.0) for one in every]
