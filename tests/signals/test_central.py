"""The signal of last resort: central items of the groups of a catalog."""

from __future__ import annotations

import numpy as np
from asking import keys_of, parts_of, question_of, scores_of
from event_data import unit

from semrec.signals.central import CentralSignal, Groups
from semrec.store.protocol import TEXT

SIZES = (30, 20, 10)
GROUP = np.repeat(np.arange(3), SIZES)


def catalog():
    """Unit vectors around three axes: 30, 20 and 10 items."""
    random = np.random.default_rng(0)
    return unit(np.eye(5)[GROUP] + 0.15 * random.normal(size=(len(GROUP), 5)))


def test_the_nearest_item_of_each_group_comes_first_then_the_second_nearest():
    vectors = catalog()
    mean = vectors.mean(axis=0)
    groups = Groups.of(vectors, mean)
    scores = groups.scores(groups.middles @ vectors.T)
    own = ((vectors - mean) @ groups.middles.T).argmax(axis=1)
    order = np.argsort(-scores, kind="stable")
    for turn in range(3):
        has_more = [group for group, known in enumerate(groups.nearness) if len(known) > turn]
        first, order = order[: len(has_more)], order[len(has_more) :]
        assert own[first].tolist() == has_more
        np.testing.assert_allclose(scores[first], -np.log2(1 + turn), atol=0.02)


def test_an_item_nearer_than_all_of_the_sample_scores_above_zero():
    groups = Groups.of(catalog(), np.zeros(5, np.float32))
    beyond = groups.middles @ groups.middles.T
    assert (groups.scores(beyond) > 0).all()


def test_items_with_one_text_are_one_group():
    groups = Groups.of(np.tile(unit(np.ones((1, 3))), (4, 1)), np.zeros(3, np.float32))
    assert len(groups.middles) == 1
    assert np.ptp(groups.scores(np.ones((1, 4), np.float32))) == 0


def test_a_question_about_something_has_no_part(make_text_index):
    vectors = catalog()
    index = make_text_index(vectors)
    sample = index.fetch(index.sample(len(vectors)), [TEXT])
    signal = CentralSignal(vectors.mean(axis=0), sample)
    about = question_of(index, keys_of([1]), mean=vectors.mean(axis=0))
    assert parts_of(signal, index, about) == []
    assert parts_of(signal, index, question_of(index, text="red", text_vector=vectors[0])) == []
    (part,) = parts_of(signal, index, question_of(index))
    assert np.isfinite(scores_of(index, part, keys_of(range(60)))).all()


def test_an_empty_catalog_has_no_part(make_text_index):
    index = make_text_index(np.empty((0, 5), np.float32))
    signal = CentralSignal(np.zeros(5, np.float32), index.fetch(index.sample(10), [TEXT]))
    assert parts_of(signal, index, question_of(index)) == []
