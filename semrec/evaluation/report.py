"""An evaluation as one HTML page: it loads nothing, follows light and dark mode, and fits a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from semrec.evaluation import charts
from semrec.evaluation.charts import Dot, Line, Point
from semrec.evaluation.report_tables import all_numbers, temperatures
from semrec.evaluation.results import Evaluation, Measure, best_first
from semrec.evaluation.slices import TEMPERATURE

N_COLOURED = 4
"""Recommenders with a colour of their own: the first one and the best others. The rest is grey."""

N_STYLES = 6
"""Styles with a colour in the style sheet: `s0` to `s5`."""

HOW_MEASURED = (
    "Every number is a mean over users with its 95 % bootstrap interval. A tie ranks the positive last.",
    "Coverage and Gini are computed from all lists together. Gini 0: all items are shown equally often; "
    "1: one item is always shown. Tail: outside the most popular fifth of the items.",
    f"Cold: fewer than {TEMPERATURE['warm']} training events; warm: fewer than {TEMPERATURE['hot']}; "
    f"hot: {TEMPERATURE['hot']} or more.",
)

_TEMPLATES = Environment(
    loader=PackageLoader("semrec.evaluation"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["n_styles"] = N_STYLES


@dataclass(frozen=True, slots=True)
class Card:
    """A plot with a heading; `legend` holds names and their styles."""

    heading: str
    caption: str
    chart: Markup
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Lead:
    """The sentence under the headline: the first recommender, and how good it is."""

    name: str
    text: str


def render_report(
    evaluation: Evaluation,
    path: str | Path,
    *,
    title: str = "How good are the recommendations?",
    weights: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write the page.

    Parameters
    ----------
    evaluation : what to show; the page is about its first recommender.
    path : the HTML file; it is replaced.
    title : the headline.
    weights : history length -> signal -> weight in the blend; None: not shown.

    Returns
    -------
    The path.
    """
    target = Path(path)
    target.write_text(page(evaluation, title=title, weights=weights), encoding="utf-8")
    return target


def page(
    evaluation: Evaluation, *, title: str, weights: Mapping[str, Mapping[str, float]] | None = None
) -> str:
    """Return the page as text; see `render_report`."""
    styles = _styles(evaluation)
    cards = [
        _accuracy_card(evaluation, styles),
        _coverage_card(evaluation, styles),
        _lines_card(
            evaluation,
            styles,
            "history length",
            "By history length",
            "How good lists are for users with short and long histories.",
        ),
        _lines_card(
            evaluation,
            styles,
            "item popularity",
            "By item popularity",
            "How often rare and popular items are found.",
        ),
        _weights_card(weights),
    ]
    tables = (all_numbers(evaluation), temperatures(evaluation))
    return _TEMPLATES.get_template("report.html").render(
        title=title,
        facts=_facts(evaluation),
        lead=_lead(evaluation),
        cards=[card for card in cards if card],
        tables=[table for table in tables if table],
        notes=_notes(evaluation),
    )


def style_sheet() -> str:
    """Return the style sheet of the page, for plots in files of their own."""
    return _TEMPLATES.get_template("report.css").render()


def _styles(evaluation: Evaluation) -> dict[str, str]:
    """Return the style of every recommender: a colour for the first one and for the best others."""
    names = evaluation.recommenders
    best = [m.recommender for m in best_first(evaluation.find("ndcg"))]
    coloured = [*names[:1], *[name for name in best if name not in names[:1]]][:N_COLOURED]
    return {name: f"s{coloured.index(name)}" if name in coloured else "rest" for name in names}


def _facts(evaluation: Evaluation) -> list[str]:
    """Return how it was measured, in a few words each."""
    counted = {"train_events": "training events", "test_events": "test events"}
    return [
        f"{evaluation.split} split",
        f"lists of {evaluation.k}",
        *(f"{m.n_users:,} test users" for m in evaluation.find("ndcg")[:1]),
        *(
            f"{evaluation.counts[name]:,} {words}"
            for name, words in counted.items()
            if name in evaluation.counts
        ),
    ]


def _lead(evaluation: Evaluation) -> Lead | None:
    """Compare the first recommender with the best other one."""
    found = evaluation.find("ndcg")
    if not found:
        return None
    first, others = found[0], best_first(found[1:])
    text = f"reaches an NDCG of {first.value:.3f} ({first.low:.3f} to {first.high:.3f})"
    if others and others[0].value > 0:
        change = first.value / others[0].value - 1
        where = f"{abs(change):.0%} {'above' if change >= 0 else 'below'}"
        text += f", {where} {others[0].recommender} ({others[0].value:.3f}), the best other one"
    return Lead(first.recommender, f"{text}.")


def _accuracy_card(evaluation: Evaluation, styles: Mapping[str, str]) -> Card | None:
    found = best_first(evaluation.find("ndcg"))
    if not found:
        return None
    heading = f"NDCG@{evaluation.k}"
    points = [Point(m.recommender, m.value, m.low, m.high, styles[m.recommender]) for m in found]
    caption = "Are the held-out items high in the list? Whiskers: 95 % interval over users."
    return Card(heading, caption, charts.bars(points, heading))


def _coverage_card(evaluation: Evaluation, styles: Mapping[str, str]) -> Card | None:
    quality = {m.recommender: m.value for m in evaluation.find("ndcg")}
    dots = [
        Dot(m.recommender, m.value, quality[m.recommender], styles[m.recommender])
        for m in evaluation.find("coverage")
        if m.recommender in quality
    ]
    if not dots:
        return None
    heading = "Accuracy against coverage"
    x_label, y_label = "share of the catalog that is shown to any user", f"NDCG@{evaluation.k}"
    caption = "Top right is best: good lists, and not the same ones for everyone."
    return Card(heading, caption, charts.scatter(dots, x_label, y_label, heading))


def _lines_card(
    evaluation: Evaluation, styles: Mapping[str, str], group: str, heading: str, caption: str
) -> Card | None:
    found = evaluation.find("ndcg", group)
    labels = list(dict.fromkeys(m.slice for m in found))
    if len(labels) < 2:
        return None
    series = [
        Line(name, tuple(_point(found, name, label) for label in labels), style)
        for name, style in styles.items()
    ]
    x_label = "items in the history" if group == "history length" else "training events of the item"
    coloured = sorted(((n, s) for n, s in styles.items() if s != "rest"), key=lambda entry: entry[1])
    grey = [("all others", "rest")] if "rest" in styles.values() else []
    chart = charts.lines(series, labels, x_label, f"NDCG@{evaluation.k}", heading)
    return Card(heading, caption, chart, coloured + grey)


def _point(found: Sequence[Measure], recommender: str, label: str) -> Point | None:
    for m in found:
        if m.recommender == recommender and m.slice == label:
            return Point(f"{recommender}, {label}", m.value, m.low, m.high)
    return None


def _weights_card(weights: Mapping[str, Mapping[str, float]] | None) -> Card | None:
    if not weights:
        return None
    signals = dict.fromkeys(signal for row in weights.values() for signal in row)
    styles = {signal: f"s{place % N_STYLES}" for place, signal in enumerate(signals)}
    heading, caption = "Weights of the blend", "Weight of each signal, by history length."
    chart = charts.stacks(weights, styles, "Weights of the blend by history length")
    return Card(heading, caption, chart, list(styles.items()))


def _notes(evaluation: Evaluation) -> list[str]:
    """Return how it was measured and what the split left out."""
    counts = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in evaluation.counts.items())
    return [*HOW_MEASURED, *([f"Counts: {counts}."] if counts else []), *evaluation.notes]
