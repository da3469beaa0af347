"""Near-duplicates by text, and by text and title together."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.ranking.diversity import ListRules, pick
from semrec.ranking.near_duplicates import near_titles, title_words, titles_agree

COLLAPSE = ListRules(collapse=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("libjpeg62: JPEG library", "libjpeg62-dev: JPEG library (development)"),
        ("Widget library 2.4", "Widget Library 3.0"),
        ("Saturn 3 (1980)", "saturn 3"),
        ("科幻小说 1", "科幻小说 2"),
    ],
)
def test_titles_of_variants_agree(one, other):
    assert titles_agree(title_words(one), title_words(other))
    assert titles_agree(title_words(other), title_words(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web engine for Qt", "web kit for Qt"),
        ("shirt, red", "shirt, blue"),
        ("Emma", "Emma, the story of a long journey"),
        ("1984", "2001"),
        ("", ""),
        ("", "Emma"),
    ],
)
def test_titles_of_different_items_do_not_agree(one, other):
    assert not titles_agree(title_words(one), title_words(other))
    assert not titles_agree(title_words(other), title_words(one))


def at_cosine(cosine):
    """Return a vector with this cosine to (1, 0, 0)."""
    return [cosine, np.sqrt(1 - cosine**2), 0.0]


def listed(titles, vectors, k=3):
    vectors = np.array(vectors, np.float32)
    scores = np.arange(len(titles), 0, -1).astype(np.float32)
    words = near_titles(vectors, len(vectors), lambda places: [titles[place] for place in places])
    return pick(scores, k, COLLAPSE, vectors, titles=words)


def test_like_texts_are_variants_where_the_titles_agree():
    vectors = [at_cosine(1), at_cosine(0.93), at_cosine(0.91), [0, 0, 1]]
    picked = listed(["Widget 1", "Widget 2", "Widget 3", "Lamp"], vectors)
    assert picked.places.tolist() == [0, 2, 3]
    assert picked.variant_of == {1: 0}


def test_like_texts_stay_where_the_titles_differ():
    picked = listed(["Widget for Qt", "Widget for GTK", "Lamp"], [at_cosine(1), at_cosine(0.96), [0, 0, 1]])
    assert picked.places.tolist() == [0, 1, 2]


def test_equal_texts_are_variants_whatever_the_titles():
    picked = listed(["Widget", "Lamp"], [at_cosine(1), at_cosine(0.98)])
    assert picked.variant_of == {1: 0}


def test_titles_are_read_only_where_they_decide():
    asked = []

    def read(places):
        asked.append(list(places))
        return ["Widget"] * len(places)

    vectors = np.array([at_cosine(1), at_cosine(0.98), [0, 0, 1]], np.float32)
    assert near_titles(vectors, 3, read) == {}
    vectors[2] = at_cosine(0.94)
    assert set(near_titles(vectors, 1, read)) == {0, 2}
    assert asked == [[0, 2]]
