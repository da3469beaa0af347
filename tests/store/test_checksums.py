"""Checksums: damage to one word always changes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.store.checksums import checksums

WORDS = st.integers(0, 2**32 - 1)


@given(st.lists(WORDS, min_size=1, max_size=9), st.data())
def test_another_word_at_one_place_has_another_checksum(words, data):
    place = data.draw(st.integers(0, len(words) - 1))
    other = words.copy()
    other[place] = data.draw(WORDS.filter(lambda word: word != words[place]))
    first, second = checksums(np.array([words, other], np.uint32))
    assert first != second


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint32, np.uint64])
def test_a_row_has_the_same_checksum_alone_and_among_others(dtype):
    rows = np.arange(12).reshape(4, 3).astype(dtype)
    together = checksums(rows)
    assert together.dtype == np.uint32
    assert together.tolist() == [checksums(row[None])[0] for row in rows]
    assert len(set(together.tolist())) == 4


def test_zeros_have_a_checksum_that_is_not_zero():
    assert checksums(np.zeros((1, 5), np.float32))[0] != 0


def test_no_rows():
    assert checksums(np.empty((0, 3), np.float32)).shape == (0,)
