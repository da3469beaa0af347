"""Batches of texts with similar lengths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semrec.encoder.batching import token_batches


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 600))
def test_every_text_is_in_one_batch_within_the_budget(lengths, batch_tokens):
    batches = list(token_batches(lengths, batch_tokens))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(1, *(lengths[position] for position in batch))
        assert batch
        assert padded <= batch_tokens or len(batch) == 1


def test_batches_of_known_lengths():
    # 100; 40 and 30 (2 · 40); 5, 5 and 0 (3 · 5).
    assert list(token_batches([5, 100, 40, 0, 30, 5], 80)) == [[1], [2, 4], [0, 5, 3]]
