"""Scores of a fitted shop: they are the learned ones, the sum of their reasons, and found by few searches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from club_shop import (
    DAY,
    EVENTS,
    ITEM_IDS,
    LEARNED,
    N_USERS,
    SEED,
    ids,
    load,
    of_club,
    open_shop,
    repeated,
    scored,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import ToyEncoder

from semrec import Event
from semrec.config import KIND_WEIGHTS
from semrec.events.frame import frame_of
from semrec.events.interactions import build_interactions
from semrec.learning import learn, scores
from semrec.learning.fit import catalog_items, training_data, write_generation
from semrec.ranking.explanation import by_reason, contributions
from semrec.ranking.history import interests_of, known_history
from semrec.ranking.pipeline import Filters, find_candidates
from semrec.signals import Question
from semrec.signals.blend import BlendWeights
from semrec.signals.learned import LearnedSettings
from semrec.store.edge import EdgeStore
from semrec.types import item_keys

# -- the sum of the reasons ------------------------------------------------------------------------------


def reasons_of(shop, history, weights=None, text=None):
    """Return all candidates of a question, and what each reason adds: float32 (n, n_history + 2)."""
    with shop.reading() as generation:
        return reasons_in(generation, history, weights or {}, text)


def reasons_in(generation, history, weights, text):
    fields = generation.history_fields
    known = known_history(history, generation, lambda keys: generation.index.fetch(keys, fields))
    question = Question(
        text=text,
        text_vector=None if text is None else ToyEncoder().encode_queries([text])[0],
        history=known.keys,
        weights=known.weights,
        interests=interests_of(known, generation),
        centred=known.centred,
        items=known.items,
        limit=100,
        ages=known.ages,
    )
    filters = Filters(hidden=known.keys)
    weighed = generation.weights(weights, known.length)
    found = find_candidates(question, generation, filters, weighed, 100, 100)
    read = dict.fromkeys(name for part in found.parts for name in part.query.fields)
    adds = contributions(found.parts, generation.index.fetch(found.keys, tuple(read)))
    return found, by_reason(adds, len(found.keys), len(known.keys))


@st.composite
def event_lists(draw):
    items = draw(st.lists(st.sampled_from(ITEM_IDS), min_size=1, max_size=9))
    kinds = [draw(st.sampled_from(["view", "buy", "dislike", "rate"])) for _ in items]
    return [
        Event(item_id, kind, draw(st.sampled_from([1.0, 2.0, 4.0, 5.0])) if kind == "rate" else None)
        for item_id, kind in zip(items, kinds, strict=True)
    ]


every_weight = st.none() | st.fixed_dictionaries(
    {signal: st.sampled_from([0.0, 0.3, 1.0]) for signal in LEARNED}
)


@settings(deadline=None, max_examples=40)
@given(event_lists(), every_weight, st.sampled_from([None, "red", "blue round"]))
def test_contributions_add_up_to_the_score(embedded_club_shop, history, weights, text):
    """Exactly, with all signals: every item of the history, the text and the catalog."""
    candidates, by_candidate = reasons_of(embedded_club_shop, history, weights, text)
    assert len(by_candidate) > 0
    np.testing.assert_allclose(np.sum(by_candidate, axis=1), candidates.scores, atol=1e-4)
    assert np.isfinite(candidates.scores).all()


def test_all_signals_take_part(embedded_club_shop):
    every = dict.fromkeys(LEARNED, 1.0)
    candidates, by_candidate = reasons_of(embedded_club_shop, [Event("1-1"), Event("2-2")], every)
    assert {part.query.signal for part in candidates.parts} == set(LEARNED)
    assert {part.query.origin for part in candidates.parts} == {"history", "catalog"}
    by_text, by_catalog = by_candidate[0, -2:]
    assert by_catalog != 0
    assert by_text == 0


def test_what_is_named_is_the_largest_term(club_shop):
    history = of_club(2)[:5]
    answer = club_shop.recommend(history=history, k=5)
    candidates, by_candidate = reasons_of(club_shop, [Event(item) for item in history])
    for item in answer:
        row = candidates.keys.tolist().index(int(item_keys([item.item_id])[0]))
        terms = by_candidate[row, :5]
        assert item.because[0].item_id == history[int(terms.argmax())]
        assert item.because[0].contribution == pytest.approx(float(terms.max()), abs=1e-4)


# -- as learned, so served -------------------------------------------------------------------------------


class Learned:
    """What is learned of the events of some users, over the items of a shop.

    Parameters
    ----------
    index, manifest : the generation that the items come from.
    """

    def __init__(self, index, manifest, users):
        self.items = catalog_items(index)
        frames = [frame_of(user, history) for user, history in users.items()]
        self.interactions = build_interactions(frames, kind_weights=KIND_WEIGHTS, items=self.items.item_ids)
        self.data = training_data(self.interactions, index, manifest, self.items)
        self.models = learn(self.data, seed=SEED)

    def of_user(self, user):
        """Return the confidences of a user, as they were learned from."""
        return self.data.user_items[[self.interactions.users.index(user)]]

    def scores(self, user):
        """Return the learned scores of a user by item id."""
        row = [self.interactions.users.index(user)]
        order = None if self.data.order is None else self.data.order[row]
        (found,) = scores(self.models, self.data.user_items[row], order)
        return dict(zip(self.items.item_ids, found.tolist(), strict=True))


def write_models(folder, users, weights, half_life_events):
    """Fit a workspace to these users, with weights and a half life whatever validation would choose."""
    store = EdgeStore(folder)
    number = store.current()
    index, manifest = store.open(number), store.manifest(number)
    try:
        learned = Learned(index, manifest, users)
        models = learned.models
        signals = replace(models.signals, half_life_events=half_life_events)
        learned.models = replace(models, signals=signals, weights=weights)
        settings = LearnedSettings(
            weights,
            half_life_events,
            learned.interactions.report.rating_scale,
            {name: fitted.parameters for name, fitted in models.fitted.items()},
        )
        write_generation(store, index, manifest, learned.items, learned.models.fitted, settings)
    finally:
        index.close()
    return learned


def check_served(shop, learned, users):
    """Check that users get the items that the learned scores say, with these scores."""
    for user in users:
        expected = learned.scores(user)
        answer = shop.recommend(user=user, k=len(ITEM_IDS), explain=False)
        assert 0 < len(answer) < len(ITEM_IDS)
        found = dict(scored(answer))
        np.testing.assert_allclose(
            list(found.values()), [expected[item] for item in found], atol=1e-3, err_msg=user
        )
        best = sorted(found, key=lambda item: -expected[item])
        # Items that are equal but for rounding may change places; the best ten are the same.
        least = expected[best[9]] - 2e-3
        assert all(expected[item] >= least for item in ids(answer)[:10])


def test_the_blend_that_is_served_is_the_blend_that_was_learned(club_shop):
    with club_shop.reading() as generation:
        learned = Learned(generation.index, generation.manifest, EVENTS)
    check_served(club_shop, learned, [f"u{n}" for n in range(0, N_USERS, 11)])


def odd_weights():
    """Return different weights in every cell of the table, none of them 0."""
    edges = (0, 1, 2, 4, 8)
    table = [
        [[0.1 + 0.1 * row + 0.07 * signal + 0.3 * column for signal in range(4)] for column in range(3)]
        for row in range(len(edges))
    ]
    return BlendWeights(LEARNED, edges, (0, 1, 12), tuple(tuple(map(tuple, row)) for row in table))


def test_length_evidence_and_recency_count_as_learned(own_unfitted):
    """Every cell of the weights, and a half life."""
    users = {f"n{n}": EVENTS["u5"][:n] for n in range(1, 8)}
    load(own_unfitted, users)
    learned = write_models(own_unfitted, users | EVENTS, odd_weights(), half_life_events=2.0)
    with open_shop(own_unfitted) as shop:
        check_served(shop, learned, users)
        check_served(shop, learned, [f"u{n}" for n in range(1, N_USERS, 17)])


MESSY = {
    "seen often": [*repeated("1-1", 1, 2, 5), *repeated("1-2", 3), *repeated("2-2", 4)],
    "bursts": [*repeated("1-1", 1, 1 + 3 / DAY, 1 + 8 / DAY), *repeated("2-1", 2)],
    "changed a rating": [
        *repeated("1-1", 1, kind="rate", value=2.0),
        *repeated("2-1", 2, kind="rate", value=4.5),
        *repeated("1-1", 3, kind="rate", value=5.0),
    ],
    "took a dislike back": [
        *repeated("1-1", 1, kind="dislike"),
        *repeated("2-1", 2),
        *repeated("1-1", 3, kind="buy"),
    ],
    "no such item": [*repeated("gone", 1, 4), *repeated("1-1", 2), *repeated("2-2", 3)],
    "no such kind": [*repeated("1-1", 1, 3), *repeated("2-2", 2, kind="sing")],
    "impossible times": [
        *repeated("1-1", 1),
        Event("2-2", "view", None, 5.0),
        Event("3-3", "view", None, 9e9),
        *repeated("2-1", 3),
    ],
    "off the scale": [*repeated("1-1", 1), *repeated("2-2", 2, kind="rate", value=999.0)],
}


def test_a_messy_history_counts_as_it_was_learned_from(own_unfitted):
    """Repeats, changed minds and faults of the log: the served profile is the row of the matrix."""
    scale = {f"r{n}": repeated(f"5-{n % 10}", n, kind="rate", value=1.0 + n % 5) for n in range(200)}
    load(own_unfitted, {**scale, **MESSY})
    learned = write_models(own_unfitted, {**EVENTS, **scale, **MESSY}, odd_weights(), half_life_events=2.0)
    with open_shop(own_unfitted) as shop:
        for user in MESSY:
            assert learned.of_user(user).nnz, user
        check_served(shop, learned, MESSY)


# -- the history -----------------------------------------------------------------------------------------


def test_dislikes_count_against(club_shop):
    n_all = len(ITEM_IDS)
    liked = dict(scored(club_shop.recommend(user="u2", k=n_all, explain=False)))
    disliking = [Event("4-1", "dislike")]
    found = dict(scored(club_shop.recommend(user="u2", history=disliking, k=n_all, explain=False)))
    others = [item for item in of_club(4)[2:] if item in found and item in liked]
    assert np.mean([found[item] - liked[item] for item in others]) < 0
    assert "4-1" not in found


def test_the_history_of_a_user_is_used_and_not_recommended(club_shop):
    seen = {event.item_id for event in EVENTS["u4"]}
    answer = club_shop.recommend(user="u4", k=4)
    assert not seen & set(ids(answer))
    assert set(ids(answer)) <= set(of_club(4))
    assert {reason.item_id for item in answer for reason in item.because} <= seen
    assert answer.notes == ()
    assert seen <= set(ids(club_shop.recommend(user="u4", k=63, exclude_seen=False)))
    given = club_shop.recommend(history=[event.item_id for event in EVENTS["u4"]], k=4)
    assert scored(given) == scored(answer)


def test_a_given_history_comes_after_the_stored_one(club_shop):
    both = club_shop.recommend(user="u4", history=["2-1"], k=50)
    as_one = club_shop.recommend(history=[*(event.item_id for event in EVENTS["u4"]), "2-1"], k=50)
    assert scored(both) == scored(as_one)


# -- signals of weight 0 ---------------------------------------------------------------------------------


def test_a_text_asks_for_what_its_users_use_where_that_is_wanted(club_shop):
    plain = club_shop.recommend(text="red square", k=5)
    both = club_shop.recommend(text="red square", k=5, weights={"collaborative": 1.0})
    assert "collaborative" not in plain[0].signals
    assert any("collaborative" in found.signals for found in both)
    for found in both:
        assert sum(share for share in found.signals.values() if share > 0) == pytest.approx(1)


@pytest.fixture
def searched(own_fitted, monkeypatch):
    """Return a shop and a list that fills with the fields it searches; ten candidates are enough for it."""
    with open_shop(own_fitted, ranking={"candidates": 10}) as shop:
        with shop.reading() as generation:
            index = generation.index
        names, search = [], index.search

        def listed(searches):
            names.extend(one.vector_name for one in searches)
            return search(searches)

        monkeypatch.setattr(index, "search", listed)
        yield shop, names


def test_a_signal_of_weight_0_is_not_searched_by(searched, embedded_club_shop):
    shop, names = searched
    answer = shop.recommend(text="red square", k=4)
    assert set(names) == {"text", "bm25"}
    assert scored(answer) == scored(embedded_club_shop.recommend(text="red square", k=4))
    names.clear()
    shop.recommend(text="red square", k=4, weights={"collaborative": 0.1})
    assert set(names) == {"text", "bm25", "collaborative"}
    names.clear()
    shop.recommend(user="u0", k=4, weights={"text": 0, "collaborative": 0})
    assert {"item_item"} <= set(names) <= {"item_item", "popularity"}
    names.clear()
    shop.recommend(user="unknown", k=4)
    assert set(names) == {"popularity"}


def test_a_signal_of_weight_0_is_searched_by_where_the_others_find_too_little(searched):
    """An item without events stands in no item-item vector."""
    shop, names = searched
    weights = {"text": 0, "collaborative": 0, "popularity": 0, "item_item": 1}
    answer = shop.recommend(history=["new-red"], k=20, weights=weights)
    assert len(answer) == 20
    assert "text" in names
