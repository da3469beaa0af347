"""The `words` signal: rare words and names."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.signals import Question
from semrec.signals.bm25 import BEST_MATCH, WordsSignal
from semrec.types import item_keys

TEXTS = [
    "a red library for images",
    "a red library for images called libjpeg62",
    "a green library for sound",
    "科幻小说和历史书籍",
    "",
]


@pytest.fixture
def ask(make_index):
    index = make_index(np.eye(len(TEXTS)), TEXTS)

    def ask(text, history=()):
        weights, interests = np.ones(len(history), np.float32), np.zeros(len(history), np.int64)
        vector = None if text is None else np.eye(len(TEXTS), dtype=np.float32)[0]
        question = Question(text, vector, item_keys(history), weights, interests, 5)
        return index, WordsSignal(index).ask(question)

    return ask


def scores(asked):
    _, (query,) = asked
    terms = query.terms(item_keys(map(str, range(len(TEXTS)))))
    assert terms.shape == (len(TEXTS), 1)
    return ((terms - query.offsets) / query.scale)[:, 0]


def test_the_best_match_is_put_beside_the_best_text_match(ask):
    found = scores(ask("libjpeg62"))
    assert found[1] == pytest.approx(BEST_MATCH)
    assert found[[0, 2, 3, 4]].tolist() == [0, 0, 0, 0]


def test_a_match_of_some_words_is_worth_their_part(ask):
    assert scores(ask("libjpeg62 zebra yak"))[1] == pytest.approx(BEST_MATCH / 3)


def test_a_rare_word_counts_more_than_a_common_one(ask):
    found = scores(ask("library libjpeg62 green"))
    assert found[1] > found[0] > 0
    assert found[2] > found[0]


def test_words_are_found_in_other_forms(ask):
    assert scores(ask("an image"))[0] > 0


def test_chinese_words_are_found(ask):
    assert scores(ask("历史"))[3] == pytest.approx(BEST_MATCH)


def test_the_search_finds_what_scores(ask):
    index, (query,) = ask("red images")
    assert (query.signal, query.origin) == ("words", "text")
    hits = index.search(query.searches)[0]
    assert set(hits.keys.tolist()) == set(item_keys(["0", "1"]).tolist())
    np.testing.assert_allclose(query.terms(hits.keys)[:, 0], hits.scores, rtol=1e-5)


@pytest.mark.parametrize("text", [None, "zebra", "!?", " "])
def test_without_a_matching_word_it_says_nothing(ask, text):
    assert ask(text)[1] == []


def test_a_history_has_no_words(ask):
    assert ask(None, ["0", "1"])[1] == []
    assert [query.origin for query in ask("red", ["0"])[1]] == ["text"]
