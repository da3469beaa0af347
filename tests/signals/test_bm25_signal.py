"""The `bm25` signal: rare words and names."""

from __future__ import annotations

import numpy as np
import pytest
from asking import keys_of, parts_of, question_of, scores_of, standardised_by, terms_of

from semrec.signals.blend import QuestionWeights, blended_scores, scored_part
from semrec.signals.bm25 import BEST_MATCH, BM25, Bm25Signal
from semrec.signals.fitting import EncodedItems
from semrec.signals.signal import SignalQuery
from semrec.store import Hits
from semrec.types import Item

TEXTS = [
    "a red library for images",
    "a red library for images called libjpeg62",
    "a green library for sound",
    "科幻小说和历史书籍",
    "",
]
EVERYTHING = keys_of(range(len(TEXTS)))


@pytest.fixture(scope="module")
def index(make_index):
    items = EncodedItems([Item(str(row), text=text) for row, text in enumerate(TEXTS)], TEXTS, [])
    return make_index(Bm25Signal.catalog_fields(2), Bm25Signal.catalog_vectors(items))


@pytest.fixture(scope="module")
def ask(index):
    """Return a function: a text, and the rows of a history -> the parts of the question."""

    def ask(text, history=()):
        vector = None if text is None else np.array([1, 0], np.float32)
        return parts_of(
            Bm25Signal(), index, question_of(index, keys_of(history), text=text, text_vector=vector)
        )

    return ask


@pytest.fixture(scope="module")
def scores(index, ask):
    """Return a function: a text -> the standardised scores of all items."""

    def scores(text):
        (part,) = ask(text)
        terms = terms_of(index, part, EVERYTHING)
        assert terms.shape == (len(TEXTS), 1)
        return standardised_by(part, terms[:, 0])

    return scores


def test_the_best_match_is_put_beside_the_best_text_match(scores):
    found = scores("libjpeg62")
    assert found[1] == pytest.approx(BEST_MATCH)
    assert found[[0, 2, 3, 4]].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("deviations", "best"), [(5.0, 1), (7.0, 0)], ids=["good text", "best text"])
def test_all_words_beat_a_good_text_match_but_not_the_best_one(index, ask, deviations, best):
    """Item 1 has the word of the query; item 0 lies so many deviations above the average text."""
    (words,) = ask("libjpeg62")
    text = SignalQuery("text", "text", np.zeros(1, np.float32), 1.0)
    weights = QuestionWeights({"text": 1.0, BM25: 1.0}, None, {}, 0)
    no_events = np.zeros(len(TEXTS), np.float32)
    by_text = np.array([deviations, 0, 0, 0, 0], np.float32)
    parts = [
        scored_part(text, by_text, weights, no_events),
        scored_part(words, scores_of(index, words, EVERYTHING), weights, no_events),
    ]
    assert blended_scores(parts, len(TEXTS)).argmax() == best


def test_a_match_of_some_words_is_worth_their_part(scores):
    assert scores("libjpeg62 zebra yak")[1] == pytest.approx(BEST_MATCH / 3)


def test_a_rare_word_counts_more_than_a_common_one(scores):
    found = scores("library libjpeg62 green")
    assert found[1] > found[0] > 0
    assert found[2] > found[0]


def test_words_are_found_in_other_forms(scores):
    assert scores("an image")[0] > 0


def test_chinese_words_are_found(scores):
    assert scores("历史")[3] == pytest.approx(BEST_MATCH)


def test_the_search_finds_what_scores(index, ask):
    (part,) = ask("red images")
    assert (part.signal, part.origin) == ("bm25", "text")
    (hits,) = index.search(part.searches)
    assert set(hits.keys.tolist()) == set(keys_of([0, 1]).tolist())
    np.testing.assert_allclose(scores_of(index, part, hits.keys), hits.scores, rtol=1e-5)


@pytest.mark.parametrize("text", [None, "zebra", "!?", " "])
def test_without_a_matching_word_there_is_no_part(ask, text):
    assert ask(text) == []


def test_words_without_weight_in_the_store_make_no_part(index):
    (part,) = Bm25Signal().ask(question_of(index, text="red", text_vector=np.ones(2, np.float32)))
    best = Hits(keys_of([0]), np.zeros(1, np.float32), (part.words,))
    assert part.after_search([best]) is None


def test_a_history_has_no_words(ask):
    assert ask(None, [0, 1]) == []
    assert [part.origin for part in ask("red", [0])] == ["text"]
