"""The page of an evaluation: complete, escaped, and loading nothing."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from semrec.evaluation import Evaluation, Measure, evaluate, evaluate_ratings, render_report
from semrec.evaluation.report import page, style_sheet
from semrec.evaluation.splits import split_random

EVIL = "<script>alert('1')</script>\"&"


class Reader(HTMLParser):
    """Collects the elements, and what they would load."""

    def __init__(self):
        super().__init__()
        self.elements, self.loads = [], []

    def handle_starttag(self, element, attributes):
        self.elements.append(element)
        self.loads += [
            value for name, value in attributes if name in {"src", "href", "srcset", "data", "action"}
        ]


@pytest.fixture
def evaluation(events):
    split = split_random(events)
    rng = np.random.default_rng(0)
    names = ("ours", EVIL, *(f"other {n}" for n in range(5)))
    recommenders = {name: lambda users: rng.random((len(users), 20)).astype(np.float32) for name in names}
    return evaluate(recommenders, split, k=3, n_resamples=20, notes=[EVIL])


def test_page_loads_nothing_and_escapes(evaluation, tmp_path):
    path = render_report(
        evaluation, tmp_path / "out.html", title=EVIL, weights={EVIL: {EVIL: 0.3, "b": -1.0}}
    )
    text = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert "script" not in reader.elements
    assert not reader.loads
    assert not re.search(r"https?://|//[a-z]|url\(|@import", text)
    assert len(text.encode()) < 500_000
    assert reader.elements.count("svg") == 5
    assert "prefers-color-scheme:dark" in text
    assert "width=device-width" in text


def test_plots_are_well_formed(evaluation):
    for svg in re.findall(r"<svg.*?</svg>", page(evaluation, title="t"), flags=re.S):
        assert "nan" not in svg.lower().replace("&quot;", "")
        ElementTree.fromstring(svg)


def test_the_page_is_about_the_first_recommender(evaluation):
    text = page(evaluation, title="t")
    assert "<b>ours</b> reaches an NDCG of" in text
    assert '<tr class="s0"><td>ours</td>' in text


def test_the_first_recommender_and_the_best_others_have_a_colour(evaluation):
    text = page(evaluation, title="t")
    legend = re.search(r'<p class="legend">(.*?)</p>', text, flags=re.S)[1]
    assert re.findall(r'<i class="(\w+)"></i>', legend) == ["s0", "s1", "s2", "s3", "rest"]
    assert "all others" in legend


def test_the_style_sheet_has_a_colour_for_every_style():
    css = style_sheet()
    for style in ("s0", "s1", "s2", "s3", "s4", "s5"):
        assert f"--{style}:" in css
        assert f"rect.{style}" in css


def test_one_recommender_and_no_slices():
    only = Measure("alone", "all", "all", "ndcg", 0.0, 0.0, 0.0, 1)
    text = page(Evaluation((only,), 10, "last"), title="t")
    assert "alone" in text
    assert text.count("<svg") == 1


def test_a_page_with_ratings_only_and_an_empty_page(events):
    measures = evaluate_ratings({"mean": lambda users, items: np.full(len(users), 3.0)}, split_random(events))
    assert "RMSE" in page(Evaluation(measures, 10, "random"), title="t")
    assert "How it was measured" in page(Evaluation((), 10, "random"), title="t")
