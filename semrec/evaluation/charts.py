"""Small plots as inline SVG; the style sheet of the page has the colours.

A plot is 420 units wide, about the width of a phone, so that its text is readable there. Styles are classes
of the style sheet: `s0` for the first recommender, `s1` … for others, `rest` is grey.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from semrec.evaluation import svg

WIDTH = 420
LEFT, RIGHT, TOP, BOTTOM = 46, 22, 16, 38
"""Margins of a plot with axes."""
PLACES = (
    ("", 9, 4),
    ("end", -9, 4),
    ("middle", 0, -9),
    ("middle", 0, 18),
    ("", 7, -9),
    ("", 7, 17),
    ("end", -7, -9),
    ("end", -7, 17),
)
"""Where the name of a dot may be written: anchor, and distance to the right and down."""


@dataclass(frozen=True, slots=True)
class Point:
    """A named value with its interval."""

    name: str
    value: float
    low: float
    high: float
    style: str = "rest"


@dataclass(frozen=True, slots=True)
class Dot:
    """A named place in a plane."""

    name: str
    x: float
    y: float
    style: str = "rest"


@dataclass(frozen=True, slots=True)
class Line:
    """A named line with a point for each label; None: no point."""

    name: str
    points: tuple[Point | None, ...]
    style: str = "rest"


def bars(points: Sequence[Point], label: str) -> Markup:
    """Draw horizontal bars with whiskers; the name is above its bar."""
    scale = (WIDTH - 60) / max([1e-9, *(p.high for p in points)])
    rows = [_bar(34 * place, point, scale) for place, point in enumerate(points)]
    return svg.picture(WIDTH, 34 * len(rows) + 4, label, *rows)


def _bar(y: float, point: Point, scale: float) -> Markup:
    end, low, high = (max(0.0, value) * scale for value in (point.value, point.low, point.high))
    whisker = f"M{low:.1f} {y + 23:.1f}H{high:.1f}M{low:.1f} {y + 20:.1f}v6M{high:.1f} {y + 20:.1f}v6"
    return svg.joined(
        svg.text(0, y + 12, point.style, _short(point.name, 52)),
        svg.rect(0, y + 17, max(1.0, end), 12, point.style, _in_words(point)),
        svg.path(whisker, "whisker"),
        svg.text(max(end, high) + 6, y + 27, "value", _number(point.value)),
    )


def scatter(dots: Sequence[Dot], x_label: str, y_label: str, label: str) -> Markup:
    """Draw dots in a plane, with their names where there is space."""
    plane = _Plane(330, _nice_top([d.y for d in dots]), x_label, y_label)
    x_top = _nice_top([d.x for d in dots])
    ticks = [(plane.x(value / x_top), _tick(value)) for value in _ticks(x_top)]
    placed = [(d, plane.x(d.x / x_top), plane.y(d.y)) for d in dots]
    marks = [
        svg.circle(x, y, 5.5, d.style, f"{d.name}: {_number(d.x)}, {_number(d.y)}") for d, x, y in placed
    ]
    return svg.picture(WIDTH, plane.height, label, *plane.frame(ticks), *marks, *_names(placed, plane.y(0)))


def lines(series: Sequence[Line], labels: Sequence[str], x_label: str, y_label: str, label: str) -> Markup:
    """Draw lines over labelled steps, with bands for the intervals of coloured lines."""
    values = [p.high if line.style != "rest" else p.value for line in series for p in line.points if p]
    plane = _Plane(280, _nice_top(values), x_label, y_label)
    xs = [plane.x((place + 0.5) / len(labels)) for place in range(len(labels))]
    ticks = [(x, _short(name, 9)) for x, name in zip(xs, labels, strict=True)]
    coloured_last = sorted(series, key=lambda line: line.style != "rest")
    return svg.picture(
        WIDTH, plane.height, label, *plane.frame(ticks), *(_line(line, xs, plane) for line in coloured_last)
    )


def stacks(weights: Mapping[str, Mapping[str, float]], styles: Mapping[str, str], label: str) -> Markup:
    """Draw one bar a row over the whole width, divided by the weights of its parts.

    Parameters
    ----------
    weights : row -> part -> weight; a weight below 0 has no width.
    styles : part -> its style.
    label : what the plot shows.
    """
    rows = [_stack(26 * place, name, parts, styles) for place, (name, parts) in enumerate(weights.items())]
    return svg.picture(WIDTH, 26 * len(rows) + 4, label, *rows)


def _stack(y: float, name: str, parts: Mapping[str, float], styles: Mapping[str, str]) -> Markup:
    x = float(LEFT)
    total = sum(max(0.0, value) for value in parts.values()) or 1.0
    drawn = [svg.text(x - 6, y + 15, "tick end", _short(name, 7))]
    for part, value in parts.items():
        share = max(0.0, value) / total
        width = share * (WIDTH - LEFT - 4)
        hint = f"{name}, {part}: {_number(value)}"
        drawn.append(svg.rect(x, y + 2, max(0.0, width - 1.5), 18, styles[part], hint))
        if width > 34:
            drawn.append(svg.text(x + width / 2, y + 15, "inside middle", f"{share:.0%}"))
        x += width
    return svg.joined(*drawn)


@dataclass(frozen=True, slots=True)
class _Plane:
    """The area of a plot with axes: y from 0 to `y_top`, x as a share of the width from 0 to 1."""

    height: float
    y_top: float
    x_label: str
    y_label: str

    def x(self, share: float) -> float:
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        base = self.height - BOTTOM
        return base - max(0.0, value) / self.y_top * (base - TOP)

    def frame(self, x_ticks: Sequence[tuple[float, str]]) -> list[Markup]:
        """Draw grid, ticks and the names of the axes."""
        ticks = _ticks(self.y_top)
        return [
            *(svg.path(f"M{LEFT} {self.y(v):.1f}H{WIDTH - RIGHT}", "grid") for v in ticks),
            *(svg.text(LEFT - 6, self.y(v) + 4, "tick end", _tick(v)) for v in ticks),
            *(svg.text(x, self.y(0) + 16, "tick middle", name) for x, name in x_ticks),
            svg.text(self.x(0.5), self.height - 5, "axis middle", self.x_label),
            svg.text(LEFT + 4, 11, "axis", self.y_label),
        ]


def _line(line: Line, xs: Sequence[float], plane: _Plane) -> Markup:
    known = [(x, p) for x, p in zip(xs, line.points, strict=True) if p]
    if not known:
        return Markup()
    path = svg.path(_polyline([(x, plane.y(p.value)) for x, p in known]), f"line {line.style}", line.name)
    if line.style == "rest":
        return path
    edge = [(x, plane.y(p.high)) for x, p in known] + [(x, plane.y(p.low)) for x, p in reversed(known)]
    band = svg.path(_polyline(edge) + "Z", f"band {line.style}")
    dots = [svg.circle(x, plane.y(p.value), 3.5, line.style, _in_words(p)) for x, p in known]
    return svg.joined(band, path, *dots)


def _polyline(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _names(placed: Sequence[tuple[Dot, float, float]], base: float) -> list[Markup]:
    """Return names at the first free place around each dot; without a free place only the tooltip has it."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for _, x, y in placed]
    drawn = []
    for dot, x, y in sorted(placed, key=lambda place: place[0].style == "rest"):
        name = _short(dot.name, 28)
        width = 6.6 * len(name)
        for anchor, dx, dy in PLACES:
            start = x + dx - {"": 0.0, "middle": width / 2, "end": width}[anchor]
            box = (start, y + dy - 10, start + width, y + dy + 3)
            fits = box[0] > LEFT and box[2] < WIDTH and box[1] > TOP and box[3] < base
            if fits and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                drawn.append(svg.text(x + dx, y + dy, f"dot {anchor} {dot.style}", name))
                break
    return drawn


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _in_words(point: Point) -> str:
    return f"{point.name}: {_number(point.value)} ({_number(point.low)} to {_number(point.high)})"


def _step(values: Sequence[float]) -> float:
    """Return the distance of ticks, 1, 2, 2.5 or 5 times a power of ten, with at most five ticks."""
    largest = max((v for v in values if math.isfinite(v)), default=0.0)
    if largest <= 0:
        return 0.25
    power = 10.0 ** math.floor(math.log10(largest / 5))
    return next(part * power for part in (1, 2, 2.5, 5, 10) if part * power * 5 >= largest)


def _nice_top(values: Sequence[float]) -> float:
    """Return the end of an axis that starts at 0: the first tick at or above all values."""
    step = _step(values)
    largest = max((v for v in values if math.isfinite(v)), default=0.0)
    return step * max(1, math.ceil(largest / step - 1e-9))


def _ticks(top: float) -> list[float]:
    step = _step([top])
    return [step * place for place in range(round(top / step) + 1)]


def _tick(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
