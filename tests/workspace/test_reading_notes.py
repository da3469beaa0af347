"""Languages that the encoder cannot read: the index, questions and facts say so, and words still match."""

from __future__ import annotations

import pytest

from semrec import Item, Recommender, Settings
from semrec.ranking.sentences import reason_sentence

READER = "我喜欢阅读科幻小说、历史书籍和科幻电影。"
NOVEL = "《三体》是一本科幻小说，讲述了人类和外星文明之间的冲突。"
MATCH = "一场精彩激烈的足球比赛。"


@pytest.fixture
def chinese(tmp_path, bundled):
    """A shop with the two items of the article, and the report of its index."""
    with Recommender(tmp_path / "shop", Settings(), encoder=bundled) as shop:
        yield shop, shop.index([Item("match", "足球比赛", MATCH), Item("novel", "《三体》", NOVEL)])


def test_the_example_of_the_article_matches_by_its_words_and_says_why(chinese):
    shop, _ = chinese
    answer = shop.recommend(text=READER)
    assert answer[0].item_id == "novel"
    assert set(answer[0].signals) == {"bm25"}
    assert answer[0].passages.item.startswith("《三体》")
    assert "unknown to the bundled encoder; only its words were compared" in answer.notes[-1]
    assert "--model intfloat/multilingual-e5-small" in answer.notes[-1]


def test_where_no_word_matches_no_match_is_claimed(tmp_path, bundled):
    with Recommender(tmp_path / "titles", Settings(), encoder=bundled) as shop:
        shop.index([Item("match", "足球比赛"), Item("novel", "《三体》")])
        answer = shop.recommend(text=READER)
    assert "unknown to the bundled encoder" in answer.notes[-1]
    assert not any("matches your words" in reason_sentence(item) for item in answer)


def test_indexing_and_info_say_so(chinese):
    shop, report = chinese
    assert "of the tokens of the catalog are unknown to the bundled encoder" in report.notes[-1]
    assert shop.info()["unknown_tokens"] > 0.3
    assert shop.recommend(text="football").notes[-1] == report.notes[-1]


def test_an_english_shop_has_no_note(tmp_path, bundled):
    with Recommender(tmp_path / "shop", Settings(), encoder=bundled) as shop:
        report = shop.index([Item("1", "Dune", "A desert planet"), Item("2", "Emma", "A matchmaker")])
        assert not any("encoder" in note for note in report.notes)
        assert shop.recommend(text="a novel about a desert").notes == ()
        assert shop.info()["unknown_tokens"] == 0


def test_a_german_catalog_is_noticed_by_its_language(tmp_path, bundled):
    texts = (
        "Eine Bibliothek zum Zeichnen von Diagrammen und Karten im Browser",
        "Ein Programm, das Musik abspielt und Wiedergabelisten verwaltet",
        "Werkzeuge zum Verschlüsseln und Unterschreiben von Nachrichten",
    )
    with Recommender(tmp_path / "shop", Settings(), encoder=bundled) as shop:
        report = shop.index([Item(str(n), "", text) for n, text in enumerate(texts)])
        assert "not in English (de" in report.notes[-1]
        assert shop.info()["languages"]["de"] > 0.5
