"""Passages: nothing is lost, nothing is too long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import ToyEncoder

from semrec.encoder.passages import Chunker

CHINESE = "这是一本科幻小说，讲述了人类和外星文明之间的冲突。主人公在宇宙中寻找新的家园！他能成功吗？"
SCRIPTS = st.sampled_from(
    [
        "word",
        "longer",
        ".",
        ". ",
        "。",
        "！",
        "，",
        "小说",
        "文明",
        " ",
        "\n",
        "\n\n",
        "ß",
        "é",
        "ا",
        "🚀",
        "́",
        "-",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(SCRIPTS, max_size=200).map("".join))


def squeezed(text):
    return "".join(text.split())


def test_a_short_text_is_one_unchanged_passage():
    assert Chunker(ToyEncoder(passage_tokens=8)).split(["  red\n\ngreen. blue "]) == [
        ["  red\n\ngreen. blue "]
    ]


def test_an_empty_text_has_one_empty_passage():
    assert Chunker(ToyEncoder()).split(["", "red"]) == [[""], ["red"]]
    assert Chunker(ToyEncoder()).split([]) == []


def test_texts_are_split_at_paragraphs_then_sentences():
    text = "One two three.\n\nFour five six. Seven eight nine. Ten eleven."
    assert Chunker(ToyEncoder(passage_tokens=6)).split([text]) == [
        ["One two three.", "Four five six. Seven eight nine.", "Ten eleven."]
    ]


def test_chinese_is_split_at_chinese_full_stops(bundled):
    passages = Chunker(bundled, passage_tokens=30).split([CHINESE])[0]
    assert "".join(passages) == CHINESE
    assert len(passages) > 1
    assert all(passage[-1] in "。！？，" for passage in passages)


@pytest.mark.parametrize(("asked", "longest"), [(None, 8), (3, 3), (8, 8), (100, 8)])
def test_no_passage_is_longer_than_the_encoder_reads(asked, longest):
    chunker = Chunker(ToyEncoder(passage_tokens=8), asked)
    assert chunker.passage_tokens == longest
    passages = chunker.split(["one two three four " * 10])[0]
    assert max(len(passage.split()) for passage in passages) == longest


@given(st.lists(TEXTS, max_size=4))
@settings(deadline=None)
def test_nothing_is_lost_and_nothing_is_too_long(bundled, texts):
    chunker = Chunker(bundled, passage_tokens=12)
    found = chunker.split(texts)
    assert len(found) == len(texts)
    for text, passages in zip(texts, found, strict=True):
        assert passages
        assert squeezed("".join(passages)) == squeezed(text)
        # One character may have several tokens, and is not split.
        assert all(bundled.count_tokens([passage])[0] <= 12 or len(passage) == 1 for passage in passages)


def test_a_text_without_separators_is_split_anywhere(bundled):
    text = "科" * 4000
    passages = Chunker(bundled).split([text])[0]
    assert "".join(passages) == text
    assert len(passages) > 4000 / bundled.passage_tokens
    assert max(bundled.count_tokens(passages)) <= bundled.passage_tokens


def test_a_long_text_is_split_in_seconds(bundled):
    text = "The quick brown fox, which is red, jumps over the lazy dog. " * 2_000
    passages = Chunker(bundled).split([text])[0]
    assert squeezed("".join(passages)) == squeezed(text)
    assert max(bundled.count_tokens(passages)) <= bundled.passage_tokens
