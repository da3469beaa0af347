"""Words as sparse vectors, in mixed languages."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.store.bm25_encoder import Bm25Encoder, character_pairs, mean_word_count

ENCODER = Bm25Encoder()


def words(text: str) -> set[int]:
    return set(ENCODER.encode_query(text).indices.tolist())


@pytest.mark.parametrize("text", ["", "   ", " … !?"])
def test_a_text_without_words_is_empty(text):
    for vector in (ENCODER.encode_query(text), *ENCODER.encode_documents([text])):
        assert vector.indices.shape == vector.values.shape == (0,)
        assert vector.indices.dtype == np.uint32
        assert vector.values.dtype == np.float32


def test_a_query_weighs_each_word_once():
    query = ENCODER.encode_query("json json parser")
    assert query.values.tolist() == [1.0, 1.0]
    assert (np.diff(query.indices.astype(np.int64)) > 0).all()


def test_a_document_follows_the_formula():
    # tf · (k + 1) / (tf + k · (1 - b + b · length / avg)), with k 1.2, b 0.75, length 4 and avg 64
    [vector] = ENCODER.encode_documents(["json json fast parser"])
    saturation = 1.2 * (1 - 0.75 + 0.75 * 4 / 64)
    expected = sorted([2 * 2.2 / (2 + saturation), *[2.2 / (1 + saturation)] * 2])
    np.testing.assert_allclose(sorted(vector.values), expected, rtol=1e-6)


def test_words_of_a_text_of_average_length_weigh_one():
    text = "a fast and small parser of json for every day"
    average = mean_word_count([text])
    assert average == pytest.approx(10)
    [vector] = Bm25Encoder(average).encode_documents([text])
    np.testing.assert_allclose(vector.values, np.ones(10), rtol=1e-6)


@pytest.mark.parametrize(
    ("texts", "mean"), [(["json json parser"], 3), (["one", "two two two"], 2), ([""], 1), (["", "a b"], 1)]
)
def test_repeated_words_are_counted(texts, mean):
    assert mean_word_count(texts) == pytest.approx(mean)


def test_documents_line_up_with_texts():
    vectors = ENCODER.encode_documents(["one", "", "one two"])
    assert [len(vector.indices) for vector in vectors] == [1, 0, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("parse", "Parsing"),
        ("houses", "HOUSE"),
        ("Straße", "STRASSE"),
        ("naïve café", "naive cafe"),
        ("Haus", "Hauses"),
    ],
)
def test_forms_of_a_word_meet(one, other):
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Regierung", "regieren"), ("Lehrling", "lehren"), ("Ware", "Wort")]
)
def test_different_german_words_stay_apart(one, other):
    assert not words(one) & words(other)


@pytest.mark.parametrize("word", ["will", "an", "war", "die", "the"])
def test_no_word_is_dropped(word):
    assert len(words(word)) == 1


@pytest.mark.parametrize(
    ("query", "item", "other"),
    [
        (
            "我喜欢阅读科幻小说",
            "这是一本科幻小说，讲述了人类和外星文明之间的冲突。",
            "一场精彩激烈的足球比赛。",
        ),
        ("足球比赛", "一场精彩激烈的足球比赛。", "这是一本科幻小说，讲述了人类和外星文明之间的冲突。"),
        ("検索エンジン", "日本語のテキストを検索します", "今日は良い天気です"),
        ("Bücher über Katzen", "Ein Buch, nein: zwei Bücher", "Ein Ball"),
    ],
)
def test_words_meet_without_spaces(query, item, other):
    assert words(query) & words(item)
    assert not words(query) & words(other)


# -- characters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("科幻小说", "科幻 幻小 小说"),
        ("《三体》 and 科 fiction", "三体 科"),
        ("かな漢字", "かな な漢 漢字"),
        ("한국어", "한국 국어"),
        ("no such characters", ""),
        ("Ünïcode", ""),
    ],
)
def test_neighbouring_characters_are_pairs(text, pairs):
    assert character_pairs(text) == pairs


READER = "我喜欢阅读科幻小说、历史书籍和科幻电影。"
NOVEL, MATCH = "这是一本科幻小说，讲述了人类和外星文明之间的冲突。", "一场精彩激烈的足球比赛。"


@pytest.mark.parametrize(
    ("question", "document", "other"),
    [
        (READER, NOVEL, MATCH),
        ("東京の美術館", "東京都美術館は上野にある", "大阪の水族館"),
        ("한국 영화", "한국영화의 역사", "일본 음악"),
    ],
)
def test_texts_without_spaces_meet_by_their_characters(question, document, other):
    assert len(words(question) & words(document)) > len(words(question) & words(other))


def test_the_entries_of_pairs_and_words_are_one_vector():
    vector = ENCODER.encode_query("科幻小说 novel")
    assert (np.diff(vector.indices.astype(np.int64)) > 0).all()
    assert set(vector.values.tolist()) == {1.0}
    (document,) = ENCODER.encode_documents(["科幻小说 novel"])
    assert set(vector.indices.tolist()) == set(document.indices.tolist())
