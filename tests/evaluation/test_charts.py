"""Plots are well-formed SVG, also without data."""

from __future__ import annotations

from xml.etree import ElementTree

from semrec.evaluation.charts import Dot, Line, Point, bars, lines, scatter, stacks


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.text]


def test_charts_without_data_and_with_zeros():
    zero = Point("a", 0.0, 0.0, 0.0, "s0")
    for svg in (
        bars([], "x"),
        bars([zero], "x"),
        scatter([], "x", "y", "z"),
        scatter([Dot("a", 0.0, 0.0)] * 30, "x", "y", "z"),
        lines([], [], "x", "y", "z"),
        lines([Line("a", (zero, None), "s0"), Line("b", (None, None))], ["1", "2"], "x", "y", "z"),
    ):
        ElementTree.fromstring(svg)
    ElementTree.fromstring(stacks({"1": {"a": 0.0}}, {"a": "s0"}, "x"))


def test_a_bar_holds_its_name_its_value_and_its_interval():
    svg = bars([Point("a < b", 0.25, 0.2, 0.3, "s0")], "NDCG")
    assert texts(svg) == ["a < b", "a < b: 0.250 (0.200 to 0.300)", "0.250"]


def test_a_stack_is_divided_by_the_weights():
    svg = stacks({"1": {"a": 3.0, "b": 1.0, "c": -2.0}}, dict.fromkeys("abc", "s1"), "x")
    assert [text for text in texts(svg) if text.endswith("%")] == ["75%", "25%"]
    widths = [float(rect.get("width")) for rect in ElementTree.fromstring(svg).iter() if rect.get("width")]
    assert abs(widths[0] - 3 * widths[1]) < 4  # the gap between parts
    assert widths[2] == 0


def test_names_of_dots_do_not_overlap():
    svg = scatter([Dot(f"dot {n}", 0.5, 0.5) for n in range(30)], "x", "y", "z")
    named = [text for text in texts(svg) if text.startswith("dot") and ":" not in text]
    assert 1 <= len(named) < 30
