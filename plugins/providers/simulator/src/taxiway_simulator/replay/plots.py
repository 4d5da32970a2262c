"""Plots as inline SVG: lines over time, curves, and bars of shares. Colours are the page's variables, so they follow its light or dark."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import floor, log10
from typing import Final, TypeAlias

Values: TypeAlias = Sequence[float | None]

COLOURS: Final = 8
"""How many the page has (`--c0`, ...); further ones begin again."""

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 10, 28
_INNER: Final = _WIDTH - _LEFT - _RIGHT
_DEEP: Final = _HEIGHT - _TOP - _BOTTOM
_BAR: Final = 26


def colour(number: int) -> str:
    """Return the colour of the run, endpoint or key of that number."""
    return f"var(--c{number % COLOURS})"


def lines(
    series: Mapping[str, Values], across: Sequence[float], *, up: str, along: str, what: str, colours: Mapping[str, int]
) -> str:
    """Plot values over `across`, a line for each name. `up` and `along` write the numbers of the scales, `{:g} s`."""
    top = _above(max((value for values in series.values() for value in values if value is not None), default=0.0))
    last = max(across, default=0.0) or 1.0
    parts = [_grid(top, up), _scale(last, along)]
    for name, values in series.items():
        stroke = colour(colours[name])
        for points in _unbroken(list(zip(across, values, strict=True))):
            path = " ".join(f"{_x(x, last):.1f},{_y(y, top):.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="1.8"/>')
            if len(points) == 1:
                x, y = points[0]
                parts.append(f'<circle cx="{_x(x, last):.1f}" cy="{_y(y, top):.1f}" r="2" fill="{stroke}"/>')
    return _figure(_HEIGHT, parts, what)


def bars(rows: Mapping[str, Sequence[float]], names: Sequence[str], *, what: str) -> str:
    """Plot shares, a bar for each row; each name has its part of it."""
    label = 12 + 7 * max(map(len, rows), default=0)
    inner = _WIDTH - label - _RIGHT
    parts = []
    for index, (row, shares) in enumerate(rows.items()):
        top = index * _BAR + 4
        parts.append(f'<text x="{label - 8}" y="{top + 14}" text-anchor="end">{escape(row)}</text>')
        x = float(label)
        for number, share in enumerate(shares):
            width = share * inner
            if width <= 0:
                continue
            title = f"<title>{escape(names[number])}: {share * 100:.1f} %</title>"
            parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="18" fill="{colour(number)}">{title}</rect>'
            )
            x += width
    return _figure(len(rows) * _BAR + 6, parts, what)


def legend(names: Iterable[str]) -> str:
    """Say which colour is whose."""
    items = (f'<li><i style="background:{colour(number)}"></i>{escape(name)}</li>' for number, name in enumerate(names))
    return f'<ul class="legend">{"".join(items)}</ul>'


def _figure(height: int, parts: Iterable[str], what: str) -> str:
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(what)}">{inside}</svg>'


def _unbroken(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Cut a line where there is no value."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            found.append([])
        else:
            found[-1].append((x, y))
    return [run for run in found if run]


def _grid(top: float, up: str) -> str:
    parts = []
    for number in range(5):
        value = top * number / 4
        y = _y(value, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(up.format(value))}</text>')
    return "".join(parts)


def _scale(last: float, along: str) -> str:
    """Write round numbers along the way, up to the last that has room."""
    step = _above(last) / 4
    step = step / 2 if last / step < _FEWEST else step
    parts = []
    for number in range(floor(last / step + 1e-9) + 1):
        value = round(step * number, 9)
        anchor = "middle" if number else "start"
        parts.append(
            f'<text x="{_x(value, last):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{escape(along.format(value))}</text>'
        )
    return "".join(parts)


_FEWEST: Final = 3
"""Numbers along the way, at least."""


def _x(value: float, last: float) -> float:
    return _LEFT + _INNER * value / last


def _y(value: float, top: float) -> float:
    return _TOP + _DEEP * (1 - value / top)


def _above(value: float) -> float:
    """Return the next round number: 1, 2, 4 or 8 by a power of ten, so that quarters of it are round too."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(round(step * power, 12) for step in (1, 2, 4, 8, 10) if step * power >= value * (1 - 1e-9))
