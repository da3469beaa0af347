"""An evaluation as one HTML page: it loads nothing, follows light and dark, and fits a phone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from semrec.evaluation import charts
from semrec.evaluation.charts import Dot, Line, Point
from semrec.evaluation.markup import Markup, join, tag
from semrec.evaluation.results import Evaluation, Measure

N_COLOURS = 4
"""The first recommender and the best others get a colour, the rest is grey."""
NAMES = {
    "ndcg": "NDCG",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "map": "MAP",
    "mrr": "MRR",
    "hit_rate": "Hit rate",
    "auc": "AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "coverage": "Coverage",
    "novelty": "Novelty, bits",
    "diversity": "Diversity",
    "gini": "Gini",
    "tail_share": "Tail share",
}
LOWER_IS_BETTER = ("rmse", "mae", "gini")
STYLE = """
:root{--ink:#1c2330;--soft:#5d6778;--page:#fbfaf8;--card:#fff;--grid:#e7e5e0;--rest:#c3c8d0;
--s0:#d9480f;--s1:#1971c2;--s2:#2b8a3e;--s3:#9c36b5;--s4:#b08900;--s5:#0c8599;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e9ebf0;--soft:#9aa4b5;--page:#13161c;--card:#1b1f28;
--grid:#2c323e;--rest:#4d5666;--s0:#ff8a4c;--s1:#5eb0ff;--s2:#63d17a;--s3:#d98bf0;--s4:#e5c04b;--s5:#4fd0e0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1040px;margin:0 auto;padding:28px 16px 60px}
h1{font-size:clamp(1.5rem,5vw,2.2rem);line-height:1.2;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 2px}
p{margin:0 0 10px}.soft,figcaption{color:var(--soft);font-size:.9rem}
.lead{font-size:1.08rem;margin:14px 0 24px;overflow-wrap:anywhere}.lead b{color:var(--s0)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:18px;align-items:stretch}
section,.card{background:var(--card);border:1px solid var(--grid);border-radius:14px;padding:18px;margin:0}
section{margin-top:18px}
svg{display:block;width:100%;height:auto;margin-top:10px;font:12px system-ui,sans-serif;fill:var(--ink)}
.tick,.axis{fill:var(--soft);font-size:11px}.middle{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--grid);fill:none}.whisker{stroke:var(--ink);stroke-width:1.3;fill:none;opacity:.75}
.value{font-weight:600;font-variant-numeric:tabular-nums}.inside{fill:var(--card);font-weight:600;font-size:11px}
rect.rest,circle.rest{fill:var(--rest)}.line{fill:none;stroke:var(--rest);stroke-width:1.4}
.line.s0,.line.s1,.line.s2,.line.s3{stroke-width:2.4}.band{opacity:.13;stroke:none}
text.rest{fill:var(--soft)}text.dot{font-size:11px}text.s0{font-weight:700}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:10px 0 0;font-size:.85rem}
.legend i{display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.45em;
background:var(--rest)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.86rem;
font-variant-numeric:tabular-nums}
th,td{padding:7px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--card);
white-space:normal;min-width:9.5em;max-width:14em;overflow-wrap:break-word}
td small{display:block;color:var(--soft);font-size:.75rem}td.best{font-weight:700}
tr.s0 td:first-child{color:var(--s0);font-weight:700}
"""
COLOURS = "".join(
    f"rect.s{n},circle.s{n},.band.s{n},text.s{n}{{fill:var(--s{n})}}"
    f".line.s{n}{{stroke:var(--s{n})}}.legend .s{n}{{background:var(--s{n})}}"
    for n in range(6)
)


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
    evaluation : what to show; its first recommender is the one the page is about.
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
            "How well users are served, by how many items they know.",
        ),
        _lines_card(
            evaluation,
            styles,
            "item popularity",
            "By item popularity",
            "How well items are found, by how many training events they have.",
        ),
        _weights_card(weights),
    ]
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE + COLOURS)),
    )
    body = tag(
        "main",
        _headline(evaluation, title),
        tag("div", *cards, class_="cards"),
        *_tables(evaluation),
        _notes(evaluation),
    )
    return f'<!doctype html><html lang="en">{tag("head", head)}{tag("body", body)}</html>\n'


def _styles(evaluation: Evaluation) -> dict[str, str]:
    """Give the first recommender and the best others a colour each."""
    names = evaluation.recommenders
    best = [m.recommender for m in _best_first(evaluation.find("ndcg"))]
    coloured = [*names[:1], *[name for name in best if name not in names[:1]]][:N_COLOURS]
    return {name: f"s{coloured.index(name)}" if name in coloured else "rest" for name in names}


def _best_first(measures: Sequence[Measure]) -> list[Measure]:
    return sorted(measures, key=lambda m: -m.value)


def _headline(evaluation: Evaluation, title: str) -> Markup:
    found = evaluation.find("ndcg")
    counts = evaluation.counts
    facts = [
        f"{evaluation.split} split",
        f"lists of {evaluation.k}",
        *[f"{found[0].n_users:,} users asked" for _ in found[:1]],
        *[
            f"{counts[name]:,} {words}"
            for name, words in (("train_events", "events to learn from"), ("test_events", "held out"))
            if name in counts
        ],
    ]
    return tag("header", tag("h1", title), tag("p", " · ".join(facts), class_="soft"), _lead(found))


def _lead(found: Sequence[Measure]) -> Markup:
    """One sentence: the first recommender against the best of the others."""
    if not found:
        return Markup()
    first, others = found[0], _best_first(found[1:])
    text = [
        tag("b", first.recommender),
        f" reaches an NDCG of {first.value:.3f} ({first.low:.3f} to {first.high:.3f})",
    ]
    if others and others[0].value > 0:
        change = first.value / others[0].value - 1
        where = f"{abs(change):.0%} {'above' if change >= 0 else 'below'}"
        text.append(f", {where} {others[0].recommender} ({others[0].value:.3f}), the best of the others")
    return tag("p", *text, ".", class_="lead")


def _card(heading: str, caption: str, *content: Markup) -> Markup:
    return tag("figure", tag("h2", heading), tag("figcaption", caption), *content, class_="card")


def _accuracy_card(evaluation: Evaluation, styles: Mapping[str, str]) -> Markup:
    found = _best_first(evaluation.find("ndcg"))
    if not found:
        return Markup()
    heading = f"NDCG@{evaluation.k}"
    points = [Point(m.recommender, m.value, m.low, m.high, styles[m.recommender]) for m in found]
    return _card(
        heading,
        "Are the held-out items high in the list? Whiskers: 95 % interval over users.",
        charts.bars(points, heading),
    )


def _coverage_card(evaluation: Evaluation, styles: Mapping[str, str]) -> Markup:
    quality = {m.recommender: m.value for m in evaluation.find("ndcg")}
    dots = [
        Dot(m.recommender, m.value, quality[m.recommender], styles[m.recommender])
        for m in evaluation.find("coverage")
        if m.recommender in quality
    ]
    if not dots:
        return Markup()
    drawn = charts.scatter(
        dots, "share of the catalog that anyone is shown", f"NDCG@{evaluation.k}", "Accuracy against coverage"
    )
    return _card(
        "Accuracy against coverage", "Top right is best: good lists, and not the same for everyone.", drawn
    )


def _lines_card(
    evaluation: Evaluation, styles: Mapping[str, str], group: str, heading: str, caption: str
) -> Markup:
    found = evaluation.find("ndcg", group)
    labels = list(dict.fromkeys(m.slice for m in found))
    if len(labels) < 2:
        return Markup()
    series = [
        Line(name, tuple(_point(found, name, label) for label in labels), style)
        for name, style in styles.items()
    ]
    x_label = "items known of the user" if group == "history length" else "training events of the item"
    drawn = charts.lines(series, labels, x_label, f"NDCG@{evaluation.k}", heading)
    shown = sorted(((n, s) for n, s in styles.items() if s != "rest"), key=lambda entry: entry[1])
    grey = [("the others", "rest")] if "rest" in styles.values() else []
    return _card(heading, caption, drawn, charts.legend(shown + grey))


def _point(found: Sequence[Measure], recommender: str, label: str) -> Point | None:
    for m in found:
        if m.recommender == recommender and m.slice == label:
            return Point(f"{recommender}, {label}", m.value, m.low, m.high)
    return None


def _weights_card(weights: Mapping[str, Mapping[str, float]] | None) -> Markup:
    if not weights:
        return Markup()
    return _card(
        "What the blend listens to",
        "Weight of each signal, by history length.",
        charts.stacks(weights, "Weights of the blend by history length"),
    )


def _tables(evaluation: Evaluation) -> list[Markup]:
    return [
        tag("section", tag("h2", heading), tag("div", table, class_="scroll"))
        for heading, table in (
            ("All numbers", _table(evaluation)),
            (f"NDCG@{evaluation.k} of hot, warm and cold", _temperature_table(evaluation)),
        )
        if table
    ]


def _table_order(evaluation: Evaluation) -> list[str]:
    """Return the first recommender, then the others by NDCG, then those without one."""
    ranked = [m.recommender for m in _best_first(evaluation.find("ndcg"))]
    return list(dict.fromkeys([*evaluation.recommenders[:1], *ranked, *evaluation.recommenders]))


def _table(evaluation: Evaluation) -> Markup:
    metrics = [name for name in NAMES if evaluation.find(name)]
    columns = {NAMES[metric]: {m.recommender: m for m in evaluation.find(metric)} for metric in metrics}
    lower = tuple(NAMES[metric] for metric in LOWER_IS_BETTER)
    return _grid(_table_order(evaluation), columns, lower) if metrics else Markup()


def _temperature_table(evaluation: Evaluation) -> Markup:
    """NDCG of users and items with much, little and no data; how many users each stands on."""
    found = [m for group in ("users", "items") for m in evaluation.find("ndcg", group)]
    columns: dict[str, dict[str, Measure]] = {}
    for m in found:
        columns.setdefault(f"{m.slice} {m.group} ({m.n_users:,})", {})[m.recommender] = m
    return _grid(_table_order(evaluation), columns) if found else Markup()


def _grid(
    names: Sequence[str], columns: Mapping[str, Mapping[str, Measure]], lower: Sequence[str] = ()
) -> Markup:
    head = tag("tr", tag("th", "recommender"), *(tag("th", column) for column in columns))
    best = {
        column: (min if column in lower else max)((m.value for m in cells.values()), default=math.nan)
        for column, cells in columns.items()
    }
    rows = [
        tag(
            "tr",
            tag("td", name),
            *(_cell(cells.get(name), best[c]) for c, cells in columns.items()),
            class_="s0" if name == names[0] else None,
        )
        for name in names
    ]
    return tag("table", tag("thead", head), tag("tbody", *rows))


def _cell(measure: Measure | None, best: float) -> Markup:
    if measure is None:
        return tag("td", "–")
    interval = tag("small", f"{measure.low:.3f}–{measure.high:.3f}")
    return tag("td", f"{measure.value:.3f}", interval, class_="best" if measure.value == best else None)


def _notes(evaluation: Evaluation) -> Markup:
    """Say how it was measured, what was left out, and what the split counted."""
    counts = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in evaluation.counts.items())
    lines = [
        "Every number is a mean over users with its 95 % bootstrap interval. A tie ranks the positive last.",
        "Coverage and Gini look at all lists together. "
        "Gini 0: all items are shown alike; 1: one takes all. Tail: outside the most popular fifth.",
        "Cold: at most 3 training events; warm: 4 to 19; hot: 20 or more.",
        *([f"Counted: {counts}."] if counts else []),
        *evaluation.notes,
    ]
    return tag(
        "section", tag("h2", "How it was measured"), *(tag("p", line, class_="soft") for line in lines)
    )
