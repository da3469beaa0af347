"""Novelty, diversity and coverage of lists against plain versions."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from score_tables import scored

from semrec.evaluation.beyond_accuracy import coverage, diversity, gini, novelty, tail_share
from semrec.evaluation.top_k import top_k


@settings(max_examples=100, deadline=None)
@given(scored())
def test_beyond_accuracy_against_plain_versions(case):
    scores, positive, k = case
    top = top_k(scores, k)
    n_items = scores.shape[1]
    popularity = positive.sum(axis=0)
    vectors = np.random.default_rng(n_items).standard_normal((n_items, 3)).astype(np.float32)
    candidates = np.ones(n_items, dtype=bool)
    head = set(sorted(range(n_items), key=lambda i: (-popularity[i], i))[: math.ceil(n_items / 5)])
    news, tail = novelty(top, popularity, 4), tail_share(top, popularity, candidates)
    spread = diversity(top, vectors)
    for u in range(len(scores)):
        mine = list(top.items[u, : top.lengths[u]])
        bits = [-math.log2((popularity[i] + 1) / 5) for i in mine]
        assert news[u] == pytest.approx(np.mean(bits) if mine else math.nan, nan_ok=True)
        outside = [i not in head for i in mine]
        assert tail[u] == pytest.approx(np.mean(outside) if mine else math.nan, nan_ok=True)
        apart = [1 - cosine(vectors[a], vectors[b]) for a, b in combinations(mine, 2)]
        assert spread[u] == pytest.approx(np.mean(apart) if apart else math.nan, nan_ok=True, abs=1e-5)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@given(hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9)))
def test_gini_and_coverage_against_plain_versions(counts):
    n = len(counts)
    assert coverage(counts) == sum(c > 0 for c in counts) / n
    if counts.sum() == 0:
        assert math.isnan(gini(counts))
        return
    differences = sum(abs(int(a) - int(b)) for a in counts for b in counts)
    assert gini(counts) == pytest.approx(differences / (2 * n * counts.sum()))
