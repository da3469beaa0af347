"""What a catalog of 10,000 to 1,000,000 items costs: building the index, and one query on it.

Items come with their vectors (`synthetic.py`), so nothing is encoded: 384 dimensions of text, 128 factors,
200 item-item weights, the words of a title, popularity, one field to filter by. A query is a history of 50
items out of five topics, or a text with a filter that one item in twenty passes. Each is asked for the first
time when it is timed, by a process that has answered as many others before.

Every size is built, and asked, by a process of its own, whose peak memory is reported: the most that was
resident, pages of mapped files included, which the system takes back when it needs them. (That of building
the search structures is never below that of the process that starts it.) Two plots are written beside this
program: `scale-queries.svg` and `scale-build.svg`.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from markupsafe import Markup
from report import announce, report
from synthetic import DIMENSION, FINGERPRINT, RANK, SyntheticCatalog

from semrec.config import Settings
from semrec.encoder.encoder import Encoder
from semrec.evaluation import svg
from semrec.evaluation.charts import Line, Point, lines
from semrec.evaluation.report import style_sheet
from semrec.mathematics.rows import unit_rows
from semrec.ranking.generation import Generation
from semrec.ranking.history import interests_of, known_history, no_history
from semrec.ranking.pipeline import Filters, find_candidates
from semrec.ranking.threads import one_blas_thread
from semrec.recommender import Recommender
from semrec.signals import Question
from semrec.signals.blend import best_first
from semrec.store.build import Build
from semrec.store.edge import EdgeStore
from semrec.store.protocol import TEXT
from semrec.types import Event, Float1D, Float2D, Keys, item_keys
from semrec.workspace.folder import make_workspace

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (2_000, 5_000)
ASKED, CHECKED = 200, 20
"""Queries that are timed, and that are compared with scoring every item."""

K = 10
SHELF = "shelf 7"
LEAST_FREE_BYTES = 4 * 2**30
CHUNK = 20_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Built:
    """What building one size cost: seconds, bytes.

    Parameters
    ----------
    made_s, written_s, optimized_s : making the vectors, writing the points, building the search structures.
    folder, peak, optimize_peak : size of the index, most memory of the building process and of its child.
    """

    made_s: float
    written_s: float
    optimized_s: float
    folder: int
    peak: int
    optimize_peak: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking cost: milliseconds of every query, recall@10, bytes, seconds."""

    history_ms: list[float]
    text_ms: list[float]
    history_recall: float
    text_recall: float
    opened_s: float
    peak: int


class GivenEncoder(Encoder):
    """Knows the vector of every text it will be asked for."""

    def __init__(self, vectors: dict[str, Float1D]) -> None:
        self.name, self.fingerprint, self.dimension = "synthetic", FINGERPRINT, DIMENSION
        self.query_prompt = self.document_prompt = self.device = ""
        self.passage_tokens, self.precision = 256, "float32"
        self._vectors = vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words."""
        return [len(text.split()) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return the given vectors."""
        return np.stack([self._vectors[text] for text in texts])

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return the given vectors."""
        return self.encode_queries(texts)


def build(folder: Path, n_items: int) -> Built:
    """Build the index of a catalog in a workspace folder, as the indexer and `fit` would."""
    catalog = SyntheticCatalog(n_items)
    make_workspace(folder, qdrant=None, collection=None)
    text_sum, gram = np.zeros(DIMENSION), np.zeros((RANK, RANK), np.float32)
    made = written = 0.0
    started = time.perf_counter()
    with Build(EdgeStore(folder), catalog.fields) as next_one:
        for block in catalog.blocks():
            points = catalog.points(block)
            text_sum += block.text.sum(axis=0)
            gram += block.factors.T @ block.factors
            made += (now := time.perf_counter()) - started
            next_one.index.upsert(points)
            written += (started := time.perf_counter()) - now
            if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
                raise SystemExit("less than 4 GiB are free on the disk: the build was given up")
        next_one.complete(catalog.manifest(text_sum / n_items, gram))
    return Built(
        made_s=made,
        written_s=written,
        optimized_s=time.perf_counter() - started,
        folder=sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()),
        peak=peak_memory(resource.RUSAGE_SELF),
        optimize_peak=peak_memory(resource.RUSAGE_CHILDREN),
    )


def ask(folder: Path, n_items: int) -> Asked:
    """Ask the index of a catalog and compare some answers with scoring every item."""
    catalog = SyntheticCatalog(n_items)
    encoder = GivenEncoder({})
    started = time.perf_counter()
    with (
        Recommender(folder, Settings(), encoder=encoder) as recommender,
        recommender.reading() as generation,
    ):
        opened = time.perf_counter() - started
        texts = texts_for(generation, catalog, 2 * ASKED)
        encoder._vectors.update(texts)
        histories = catalog.histories(2 * ASKED, seed=1)
        by_history = [partial(recommender.recommend, history=history, k=K) for history in histories]
        by_text = [partial(recommender.recommend, text=text, where={"shelf": SHELF}, k=K) for text in texts]
        history_ms, text_ms = milliseconds(by_history), milliseconds(by_text)
        peak = peak_memory(resource.RUSAGE_SELF)
        on_shelf = catalog.keys[catalog.on_shelf(SHELF)]
        return Asked(
            history_ms,
            text_ms,
            recall(
                by_history[:CHECKED],
                [history_question(history, generation) for history in histories[:CHECKED]],
                np.sort(catalog.keys),
                generation,
            ),
            recall(
                by_text[:CHECKED],
                [text_question(text, texts[text], generation) for text in list(texts)[:CHECKED]],
                np.sort(on_shelf),
                generation,
            ),
            opened,
            peak,
        )


def texts_for(generation: Generation, catalog: SyntheticCatalog, count: int) -> dict[str, Float1D]:
    """Return texts with their vectors, each near some item; its words are a topic's and a number."""
    rng = np.random.default_rng(3)
    numbers = rng.choice(catalog.n_items, count, replace=False)
    vectors = generation.index.vectors(TEXT, catalog.keys[numbers])
    near = unit_rows(vectors + rng.normal(size=vectors.shape).astype(np.float32) * 0.3 / DIMENSION**0.5)
    return {f"topic{n % catalog.n_topics} {n}": row for n, row in zip(numbers.tolist(), near, strict=True)}


def milliseconds(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Return how long each call of the second half takes; the first half is made before."""
    spent = []
    for call in calls:
        started = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - started))
    return spent[len(calls) // 2 :]


def history_question(history: list[str], generation: Generation) -> Question:
    """Return what the signals see of a history."""
    index, fields = generation.index, generation.history_fields
    events = [Event(name) for name in history]
    known = known_history(events, generation, lambda keys: index.fetch(keys, fields))
    interests = interests_of(known, generation)
    return Question(None, None, known.keys, known.weights, interests, known.centred, known.items, 1)


def text_question(text: str, vector: Float1D, generation: Generation) -> Question:
    """Return what the signals see of a text."""
    known = no_history(generation)
    return Question(
        text, vector, known.keys, known.weights, np.empty(0, np.int64), known.centred, known.items, 1
    )


def recall(
    calls: Sequence[Callable[[], object]], questions: Sequence[Question], keys: Keys, generation: Generation
) -> float:
    """Return the share of the ten best items, found by scoring every item, that the answers have.

    Parameters
    ----------
    calls : give the answers.
    questions : the same as the signals see them; items of the history are not recommended.
    keys : of all items that may be recommended, ascending.
    generation : that the answers come from.
    """
    shares = []
    for call, question in zip(calls, questions, strict=True):
        with one_blas_thread():
            scores = every_score(question, keys, generation)
        scores[np.isin(keys, question.history)] = -np.inf
        best = set(keys[best_first(scores, keys)[:K]].tolist())
        found = set(item_keys(item.item_id for item in call()).tolist())  # type: ignore[attr-defined]
        shares.append(len(best & found) / K)
    return float(np.mean(shares))


def every_score(question: Question, keys: Keys, generation: Generation) -> Float1D:
    """Return the exact score of items, whether the signals find them or not, float32 (n,)."""
    weights = generation.weights({}, len(question.history))
    scores = np.empty(len(keys), np.float32)
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        found = find_candidates(question, generation, Filters(), weights, K, K, also=chunk)
        scores[start : start + CHUNK] = found.scores[np.searchsorted(found.keys, chunk)]
    return scores


def peak_memory(who: int) -> int:
    """Return the most bytes that were resident in this process or its largest child."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_own_process(function: Callable[[Path, int], T], folder: Path, n_items: int) -> T:
    """Return what the function returns in a fresh process, so that peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, folder, n_items).result()


def built(folder: Path, n_items: int) -> Built:
    """Return what building cost; what is there already is not built again."""
    figures = folder / "built.json"
    if not figures.exists():
        cost = in_own_process(build, folder, n_items)
        figures.write_text(json.dumps(asdict(cost)))
    return Built(**json.loads(figures.read_text()))


def report_size(n_items: int, cost: Built, asked: Asked, first: Asked | None) -> None:
    """Print the figures of one size; `first` are those of the smallest one."""
    of = f"{n_items:,} items"
    for name, seconds in (
        ("make the vectors", cost.made_s),
        ("write the points", cost.written_s),
        ("build the search structures", cost.optimized_s),
        ("open the index", asked.opened_s),
    ):
        report("scale", f"{name}, {of}", seconds, "s")
    for name, size in (
        ("size of the folder", cost.folder),
        ("peak memory of the build", cost.peak),
        ("peak memory of building the search structures", cost.optimize_peak),
        ("peak memory of asking", asked.peak),
    ):
        report("scale", f"{name}, {of}", size / 2**20, "MiB")
    for name, spent in (
        ("recommend by history", asked.history_ms),
        ("filtered text query", asked.text_ms),
    ):
        for percent in (50, 95, 99):
            report("scale", f"{name}, p{percent}, {of}", float(np.percentile(spent, percent)), "ms")
    report("scale", f"recall@10 by history, {of}", asked.history_recall, "share", least=0.98)
    report("scale", f"recall@10 of the filtered text query, {of}", asked.text_recall, "share", least=0.98)
    if first:
        for name, here, there in (
            ("by history", asked.history_ms, first.history_ms),
            ("filtered text query", asked.text_ms, first.text_ms),
        ):
            ratio = float(np.median(here) / np.median(there))
            report("scale", f"{name}, p50 at {of} over the smallest size", ratio, "x", most=4)


def plot(path: Path, name: str, sizes: Sequence[int], y_label: str, series: Sequence[Line]) -> None:
    """Write a line chart as a file of its own."""
    chart = lines(series, [f"{size:,}" for size in sizes], "items", y_label, name)
    named = [
        svg.text(60, 36 + 16 * place, f"dot {line.style}", line.name) for place, line in enumerate(series)
    ]
    page = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 280"><style>{}</style>'
        '<rect width="100%" height="100%" fill="var(--page)"></rect>{}</svg>\n'
    )
    path.write_text(page.format(Markup(style_sheet()), svg.joined(chart, *named)))


def plots(folder: Path, sizes: Sequence[int], costs: Sequence[Built], answers: Sequence[Asked]) -> None:
    """Write both plots."""

    def spread(name: str, spent: list[float]) -> Point:
        low, middle, high = np.percentile(spent, (5, 50, 95)).tolist()
        return Point(name, middle, low, high)

    def exact(name: str, value: float) -> Point:
        return Point(name, value, value, value)

    queries = [
        Line("recommend by history", tuple(spread("history", a.history_ms) for a in answers), "s0"),
        Line("filtered text query", tuple(spread("text", a.text_ms) for a in answers), "s1"),
    ]
    plot(folder / "scale-queries.svg", "A query", sizes, "ms, median and 5 to 95 %", queries)
    each = list(zip(sizes, costs, strict=True))
    building = [
        Line("write the points", tuple(exact("write", 1e3 * c.written_s / n) for n, c in each), "s0"),
        Line("search structures", tuple(exact("optimize", 1e3 * c.optimized_s / n) for n, c in each), "s1"),
    ]
    plot(folder / "scale-build.svg", "Building", sizes, "ms an item", building)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of items, ascending")
    parser.add_argument("--keep", type=Path, help="build here, and ask again what was built here before")
    parser.add_argument("--plots", type=Path, help="folder of the plots; without it a quick run writes none")
    options = parser.parse_args()
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    announce()
    costs: list[Built] = []
    answers: list[Asked] = []
    with tempfile.TemporaryDirectory() as temporary:
        for n_items in sizes:
            folder = (options.keep or Path(temporary)) / str(n_items)
            costs.append(built(folder, n_items))
            answers.append(in_own_process(ask, folder, n_items))
            report_size(n_items, costs[-1], answers[-1], answers[0] if len(answers) > 1 else None)
    where = options.plots or (None if options.quick else Path(__file__).parent)
    if where:
        where.mkdir(parents=True, exist_ok=True)
        plots(where, sizes, costs, answers)


if __name__ == "__main__":
    main()
