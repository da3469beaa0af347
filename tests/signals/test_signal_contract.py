"""What every signal promises: one suite over `SIGNALS`, so that a new signal is tested at once."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import get_args

import numpy as np
import pytest
from asking import found_by, keys_of, new_items, parts_of, question_of, scores_of, standardised_by, terms_of
from event_data import unit
from scipy.sparse import csr_array

from semrec.config import RankingSettings, Settings
from semrec.mathematics.rows import centre
from semrec.signals import SIGNALS, Question, Signal, SignalContext
from semrec.signals.catalog_matrix import ArrayCatalog, Histories
from semrec.signals.fitting import EncodedItems, TrainingData
from semrec.signals.signal import Origin, Source
from semrec.signals.standard import seen_in, standardised
from semrec.signals.text import item_vectors
from semrec.store import Index
from semrec.types import Float1D, Float2D, Item, Keys

N_ITEMS, N_SAMPLE, N_USERS, DIMENSION = 60, 40, 90, 6
N_NEW = 6
"""Items without events."""
DAY = 86_400
WORDS = ("red", "round", "wooden", "green", "square", "iron", "blue", "flat", "paper")
SETTINGS = Settings(ranking=RankingSettings(freshness_field="added"))
CLOSE = {"rtol": 1e-5, "atol": 1e-4}
"""Scores are float32; those of a long history are some hundreds."""


@dataclass(frozen=True)
class Case:
    """A history by rows of the catalog."""

    rows: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    interests: tuple[int, ...] = ()


HISTORIES = {
    "no item": Case(),
    "one item": Case((7,), (1.0,), (0,)),
    "several interests": Case((1, 4, 22, 25, 41, 43), (1.0, 3.0, 1.0, 0.5, 2.0, 1.0), (0, 0, 1, 1, 2, 2)),
    "a dislike": Case((3, 24, 9), (2.0, -1.0, 1.0), (0, -1, 0)),
    "only dislikes": Case((3, 24), (-1.0, -2.0), (-1, -1)),
    "an item without events": Case((N_ITEMS - 1, 5), (1.0, 1.0), (0, 0)),
    "zero weights": Case((8, 30), (0.0, 0.0), (-1, -1)),
    "a weight of zero": Case((8, 30), (0.0, 1.0), (-1, 0)),
}
every_history = pytest.mark.parametrize("history", HISTORIES)
every_signal = pytest.mark.parametrize("kind", SIGNALS, ids=lambda kind: kind.name)


@dataclass(frozen=True)
class Shop:
    """A fitted catalog in memory: its keys ascend, and the first of them are the sample.

    `arrays` are all numbers of `catalog`.
    """

    index: Index
    keys: Keys
    mean: Float1D
    catalog: ArrayCatalog
    arrays: tuple[np.ndarray, ...]
    signals: dict[str, Signal]

    def question(self, signal: Signal, history: str, **options) -> Question:
        case = HISTORIES[history]
        return question_of(
            self.index,
            self.keys[list(case.rows)],
            case.weights,
            fields=signal.history_fields,
            mean=self.mean,
            interests=case.interests,
            limit=10,
            **options,
        )

    def histories(self) -> Histories:
        """Return all histories; an item of weight 0 is an entry too."""
        cases = HISTORIES.values()
        indptr = np.cumsum([0, *(len(case.rows) for case in cases)])
        rows = np.array([row for case in cases for row in sorted(case.rows)])
        weights = [dict(zip(case.rows, case.weights, strict=True)) for case in cases]
        values = np.array([own[row] for own in weights for row in sorted(own)], np.float32)
        return Histories(csr_array((values, rows, indptr), shape=(len(cases), N_ITEMS)))


def encoded_items(random: np.random.Generator, item_ids: list[str]) -> EncodedItems:
    """Return items of three kinds, by turns of twenty, of which every seventh has no date."""
    items, passages = [], []
    for row, item_id in enumerate(item_ids):
        kind = row // 20 % 3
        words = random.choice(WORDS[3 * kind : 3 * kind + 3], 4).tolist()
        added = {} if row % 7 == 0 else {"added": int(time.time()) - int(random.integers(1, 900)) * DAY}
        items.append(Item(item_id, text=" ".join(words), metadata=added))
        middle = np.eye(DIMENSION)[kind] + np.eye(DIMENSION)[3]
        passages.append(unit(random.normal(middle, 0.4, size=(1 + row % 2, DIMENSION))))
    return EncodedItems(items, [item.text for item in items], passages)


def events_of_users(random: np.random.Generator) -> csr_array:
    """Return events of users who like one kind each, by turns of thirty; the last items have none."""
    kinds = np.arange(N_ITEMS) // 20 % 3
    likes = np.where(kinds == np.arange(N_USERS)[:, None] // 30 % 3, 0.4, 0.05)
    events = random.random((N_USERS, N_ITEMS)) < likes
    events[:, N_ITEMS - N_NEW :] = False
    return csr_array(events.astype(np.float32))


def training_data(random: np.random.Generator, text_vectors: Float2D, keys: Keys) -> TrainingData:
    """Return what users did; a user came each day, so the kind that is liked changes with the time."""
    events = events_of_users(random)
    days = np.repeat(np.arange(N_USERS), np.diff(events.indptr))
    times = csr_array((1.5e9 + DAY * days, events.indices, events.indptr), shape=events.shape)
    return TrainingData(events, None, text_vectors, keys=keys, times=times).sorted()


@pytest.fixture(scope="module")
def shop(make_index):
    random = np.random.default_rng(0)
    numbers = np.arange(N_ITEMS)
    item_ids = [str(number) for number in numbers[np.argsort(keys_of(numbers))]]
    keys = np.sort(keys_of(numbers))
    encoded = encoded_items(random, item_ids)
    text_vectors = item_vectors(encoded.passage_vectors)
    data = training_data(random, text_vectors, keys)
    stored, vectors, in_memory, parameters = [], {}, {}, {}
    for kind in SIGNALS:
        stored += kind.catalog_fields(DIMENSION)
        vectors |= kind.catalog_vectors(encoded)
        fitted = kind.fit(data, {}, seed=0)
        if fitted is not None:
            stored += fitted.fields
            vectors |= kind.point_vectors(fitted, keys)
            in_memory |= fitted.vectors
            parameters[kind.name] = fitted.parameters
    metadata = [dict(item.metadata) for item in encoded.items]
    index = make_index(stored, vectors, metadata, item_ids)
    dense = {field.name: index.vectors(field.name, keys) for field in stored if field.kind == "dense"}
    matrices = {**in_memory, **dense}
    arrays = tuple(matrix if isinstance(matrix, np.ndarray) else matrix.data for matrix in matrices.values())
    catalog = ArrayCatalog(matrices, {"added": [values.get("added") for values in metadata]})
    names = tuple({name for kind in SIGNALS for name in kind.sample_fields})
    context = SignalContext(
        settings=SETTINGS,
        text_mean=text_vectors.mean(axis=0),
        n_items=N_ITEMS,
        fields={"added": "integer"},
        sample=index.fetch(index.sample(N_SAMPLE), names),
        metadata_values=index.metadata_values,
    )
    signals = {
        kind.name: kind.open(replace(context, parameters=parameters.get(kind.name, {}))) for kind in SIGNALS
    }
    return Shop(index, keys, context.text_mean, catalog, arrays, signals)


TEXT_VECTOR = unit(np.ones((1, DIMENSION)))[0]


def parts_about_histories(shop, signal, history):
    return parts_of(signal, shop.index, shop.question(signal, history))


def all_parts(shop, signal, history):
    """Return the parts of a history, and of the same history with a text."""
    with_text = shop.question(signal, history, text="a red square", text_vector=TEXT_VECTOR)
    return [*parts_about_histories(shop, signal, history), *parts_of(signal, shop.index, with_text)]


# -- what it declares -----------------------------------------------------------------------------------


def test_names_and_labels_are_unique():
    for attribute in ("name", "label"):
        values = [getattr(kind, attribute) for kind in SIGNALS]
        assert all(values)
        assert len(set(values)) == len(values)


@every_signal
def test_what_it_declares_is_valid(kind, shop):
    assert kind.source in get_args(Source)
    assert kind.because == "" or "{items}" in kind.because
    assert min(kind.default_weight, kind.warm_prior, kind.cold_prior) >= 0
    assert kind.is_wanted(SETTINGS)
    assert shop.signals[kind.name].name == kind.name
    assert set(shop.signals[kind.name].metadata_fields) <= {"added"}


@every_signal
@every_history
def test_its_parts_name_it_and_have_one_offset_for_each_term(kind, shop, history):
    parts = all_parts(shop, shop.signals[kind.name], history)
    for part in parts:
        assert part.signal == kind.name
        assert part.origin in get_args(Origin)
        n_terms = len(HISTORIES[history].rows) if part.origin == "history" else 1
        assert (part.offsets.shape, part.offsets.dtype) == ((n_terms,), np.float32)
        assert part.scale > 0


@every_signal
def test_it_answers_some_question(kind, shop):
    """So no test of this suite passes because a signal has no parts."""
    assert any(all_parts(shop, shop.signals[kind.name], history) for history in HISTORIES)


# -- one question --------------------------------------------------------------------------------------


@every_signal
@every_history
def test_terms_add_up_to_the_score(kind, shop, history):
    for part in all_parts(shop, shop.signals[kind.name], history):
        scores, terms = scores_of(shop.index, part, shop.keys), terms_of(shop.index, part, shop.keys)
        assert (scores.dtype, scores.shape) == (np.float32, (N_ITEMS,))
        assert (terms.dtype, terms.shape) == (np.float32, (N_ITEMS, len(part.offsets)))
        np.testing.assert_allclose(terms.sum(axis=1), scores, **CLOSE)


@every_signal
@every_history
def test_scores_of_some_items_are_those_of_all(kind, shop, history):
    some = shop.keys[[5, 30, 2]]
    for part in all_parts(shop, shop.signals[kind.name], history):
        everything = scores_of(shop.index, part, shop.keys)
        np.testing.assert_allclose(scores_of(shop.index, part, some), everything[[5, 30, 2]], **CLOSE)
        assert scores_of(shop.index, part, shop.keys[:0]).shape == (0,)
        assert terms_of(shop.index, part, shop.keys[:0]).shape == (0, len(part.offsets))


@every_signal
@every_history
def test_the_mean_of_the_terms_over_the_catalog_is_the_offsets(kind, shop, history):
    sample = np.setdiff1d(shop.keys[:N_SAMPLE], shop.keys[list(HISTORIES[history].rows)])
    for part in parts_about_histories(shop, shop.signals[kind.name], history):
        terms = terms_of(shop.index, part, sample)
        np.testing.assert_allclose(np.nanmean(terms, axis=0), part.offsets, **CLOSE)


@every_signal
@every_history
def test_its_searches_find_the_best_item(kind, shop, history):
    for part in all_parts(shop, shop.signals[kind.name], history):
        scores = scores_of(shop.index, part, shop.keys)
        found = np.isin(shop.keys, found_by(shop.index, part))
        assert found.any() == bool(part.searches)
        if part.scale < float("inf"):
            assert np.nanmax(scores[found]) == pytest.approx(np.nanmax(scores), rel=1e-4)


@every_signal
@every_history
def test_an_estimate_is_one_number_for_every_candidate(kind, shop, history):
    for part in all_parts(shop, shop.signals[kind.name], history):
        estimate = part.estimate(shop.keys, shop.index.search(part.searches))
        if estimate is not None:
            assert (estimate.dtype, estimate.shape) == (np.float32, (N_ITEMS,))
            assert np.isfinite(estimate).all()


# -- whole catalogs ------------------------------------------------------------------------------------


def scored_catalog(shop, kind, rows=slice(0, N_ITEMS)):
    return shop.signals[kind.name].score_catalog(shop.catalog, shop.histories(), rows)


@every_signal
@every_history
def test_a_catalog_gets_the_scores_of_single_questions(kind, shop, history):
    everything = scored_catalog(shop, kind)
    parts = parts_about_histories(shop, shop.signals[kind.name], history)
    if everything is None:
        assert parts == []
        return
    assert everything.dtype == np.float32
    assert len(parts) <= 1
    for part in parts:
        own = everything[list(HISTORIES).index(history)]
        np.testing.assert_allclose(own, scores_of(shop.index, part, shop.keys), **CLOSE)


@every_signal
@every_history
def test_standardised_catalogs_are_standardised_questions(kind, shop, history):
    """A signal without a part adds nothing to either."""
    scores, sample = scored_catalog(shop, kind), scored_catalog(shop, kind, slice(0, N_SAMPLE))
    if scores is None:
        return
    values = standardised(np.array(scores), sample, seen_in(shop.histories(), N_SAMPLE))
    expected = np.zeros(N_ITEMS, np.float32)
    for part in parts_about_histories(shop, shop.signals[kind.name], history):
        expected = standardised_by(part, scores_of(shop.index, part, shop.keys))
    np.testing.assert_allclose(values[list(HISTORIES).index(history)], expected, **CLOSE)


@every_signal
def test_a_catalog_in_chunks_gets_the_same_scores(kind, shop):
    everything, histories = scored_catalog(shop, kind), shop.histories()
    chunks = [
        shop.signals[kind.name].score_catalog(shop.catalog, histories, slice(first, min(first + 7, N_ITEMS)))
        for first in range(0, N_ITEMS, 7)
    ]
    if everything is None:
        assert not any(chunk is not None for chunk in chunks)
    else:
        np.testing.assert_allclose(np.concatenate(chunks, axis=1), everything, **CLOSE)


@every_signal
def test_no_histories_no_scores(kind, shop):
    nothing = Histories(csr_array((0, N_ITEMS), dtype=np.float32))
    scores = shop.signals[kind.name].score_catalog(shop.catalog, nothing, slice(0, 5))
    assert scores is None or scores.shape == (0, 5)


# -- inputs --------------------------------------------------------------------------------------------


def frozen(*arrays):
    """Make arrays raise an error when something is written into them."""
    for array in arrays:
        array.setflags(write=False)


@every_signal
@every_history
def test_inputs_are_not_changed(kind, shop, history):
    signal = shop.signals[kind.name]
    question = shop.question(signal, history, text="a red square", text_vector=TEXT_VECTOR.copy())
    numbers = [getattr(question, field.name) for field in fields(question)]
    frozen(*(value for value in numbers if isinstance(value, np.ndarray)))
    without_text = replace(question, text=None, text_vector=None)
    for part in [*parts_of(signal, shop.index, question), *parts_of(signal, shop.index, without_text)]:
        raw = shop.index.scores(part.requests, shop.keys)
        hits = shop.index.search(part.searches)
        frozen(raw, part.offsets, *(hit.scores for hit in hits), *(hit.keys for hit in hits))
        values = shop.index.metadata_values(part.metadata_field, shop.keys) if part.metadata_field else []
        scores = part.score(raw, values)
        frozen(scores)
        part.terms(shop.index.fetch(shop.keys, part.fields), scores)
        part.estimate(shop.keys, hits)


@every_signal
def test_catalogs_and_histories_are_not_changed(kind, shop):
    histories = shop.histories()
    weights = histories.weights
    frozen(weights.data, weights.indices, weights.indptr, *shop.arrays)
    shop.signals[kind.name].score_catalog(shop.catalog, histories, slice(0, N_ITEMS))


# -- what is stored ------------------------------------------------------------------------------------


@every_signal
def test_a_vector_is_made_for_every_field_that_is_stored(kind):
    random = np.random.default_rng(1)
    encoded = encoded_items(random, ["a", "b"])
    vectors = kind.catalog_vectors(encoded)
    assert {field.name for field in kind.catalog_fields(DIMENSION)} == set(vectors)
    assert all(len(column) == 2 for column in vectors.values())


@every_signal
def test_a_new_item_gets_a_vector_of_the_fields_that_are_fitted(kind):
    random = np.random.default_rng(2)
    encoded = encoded_items(random, [str(row) for row in range(N_ITEMS)])
    text_vectors = item_vectors(encoded.passage_vectors)
    data = training_data(random, text_vectors, keys_of(range(N_ITEMS)))
    fitted = kind.fit(data, {}, seed=0)
    assert (fitted is not None) == kind.is_fitted
    if fitted is None:
        return
    fields_by_name = {field.name: field for field in fitted.fields}
    assert set(fitted.vectors) == set(fields_by_name)
    new = kind.new_item_vectors(fitted.parameters, new_items(text_vectors[:2]))
    assert set(new) <= set(fields_by_name)
    for name, column in new.items():
        assert [vector.shape for vector in column] == [(fields_by_name[name].dimension,)] * 2
    for name in kind.item_columns(fitted.parameters):
        assert fields_by_name[name].kind == "sparse"
        assert fields_by_name[name].max_entries > 0


def test_the_cases_hold_what_they_are_named_for(shop):
    centred = centre(shop.catalog.dense("text"), shop.mean)
    several = HISTORIES["several interests"]
    within = centred[several.rows[0]] @ centred[several.rows[1]]
    between = centred[several.rows[0]] @ centred[several.rows[2]]
    assert within > between
    assert shop.catalog.dense("popularity")[HISTORIES["an item without events"].rows[0], 0] == 0
