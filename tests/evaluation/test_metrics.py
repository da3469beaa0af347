import math
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation import metrics
from semrec.evaluation.metrics import TopK


@st.composite
def scored(draw):
    """Scores with many ties and some -inf, and random positives."""
    n_users, n_items = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    levels = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 0.5000001, 2.0])
    scores = draw(hnp.arrays(np.float32, (n_users, n_items), elements=levels.map(np.float32)))
    positive = draw(hnp.arrays(bool, (n_users, n_items)))
    return scores, positive, draw(st.integers(1, 10))


def slow_order(row, positive):
    """Best first, the positive last among equals."""
    return sorted(range(len(row)), key=lambda i: (-row[i], positive[i], i))


def slow_list(row, positive, k):
    return [i for i in slow_order(row, positive) if row[i] > -math.inf][:k]


def slow_metrics(ranked, relevant, k):
    hits = [i in relevant for i in ranked] + [False] * (k - len(ranked))
    p, r = sum(hits) / k, sum(hits) / len(relevant)
    dcg = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
    best = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
    first = next((place for place, hit in enumerate(hits) if hit), None)
    return {
        "ndcg": dcg / best,
        "recall": r,
        "precision": p,
        "f1": 2 * p * r / (p + r) if p + r else 0.0,
        "map": sum(sum(hits[: n + 1]) / (n + 1) for n, hit in enumerate(hits) if hit) / len(relevant),
        "mrr": 0.0 if first is None else 1 / (first + 1),
        "hit_rate": float(any(hits)),
    }


@settings(max_examples=200, deadline=None)
@given(scored())
def test_accuracy_against_plain_versions(case):
    scores, positive, k = case
    test = sparse.csr_array(positive.astype(np.float32))
    top = metrics.top_k(scores, k, test)
    width = top.items.shape[1]
    hits = metrics.find_hits(top, test)
    for u, row in enumerate(scores):
        ranked = slow_list(row, positive[u], k)
        mine = list(top.items[u, : top.lengths[u]])
        assert [row[i] for i in mine] == [row[i] for i in ranked]
        relevant = set(np.flatnonzero(positive[u]))
        assert [i in relevant for i in mine] == [i in relevant for i in ranked]
        for name, of in metrics.ACCURACY.items():
            value = of(hits)[u]
            if relevant:
                assert value == pytest.approx(slow_metrics(ranked, relevant, width)[name]), name
            else:
                assert math.isnan(value), name


@settings(max_examples=200, deadline=None)
@given(scored())
def test_ranks_and_auc_against_plain_versions(case):
    scores, positive, _ = case
    test = sparse.csr_array(positive.astype(np.float32))
    ranks = metrics.rank_with_ties(scores, test)
    areas = metrics.auc(scores, test)
    for u, row in enumerate(scores):
        order = slow_order(row, positive[u])
        mine = ranks[test.indptr[u] : test.indptr[u + 1]]
        assert sorted(mine) == sorted(order.index(i) + 1 for i in np.flatnonzero(positive[u]))
        won = [
            row[n] < row[p]
            for p in np.flatnonzero(positive[u])
            for n in np.flatnonzero(~positive[u])
            if row[n] > -math.inf
        ]
        assert areas[u] == pytest.approx(np.mean(won) if won else math.nan, nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(scored())
def test_beyond_accuracy_against_plain_versions(case):
    scores, positive, k = case
    top = metrics.top_k(scores, k)
    n_items = scores.shape[1]
    popularity = positive.sum(axis=0)
    vectors = np.random.default_rng(n_items).standard_normal((n_items, 3)).astype(np.float32)
    candidates = np.ones(n_items, dtype=bool)
    head = set(sorted(range(n_items), key=lambda i: (-popularity[i], i))[: math.ceil(n_items / 5)])
    novelty, tail = metrics.novelty(top, popularity, 4), metrics.tail_share(top, popularity, candidates)
    diversity = metrics.diversity(top, vectors)
    for u in range(len(scores)):
        mine = list(top.items[u, : top.lengths[u]])
        bits = [-math.log2((popularity[i] + 1) / 5) for i in mine]
        assert novelty[u] == pytest.approx(np.mean(bits) if mine else math.nan, nan_ok=True)
        outside = [i not in head for i in mine]
        assert tail[u] == pytest.approx(np.mean(outside) if mine else math.nan, nan_ok=True)
        apart = [1 - cosine(vectors[a], vectors[b]) for a, b in combinations(mine, 2)]
        assert diversity[u] == pytest.approx(np.mean(apart) if apart else math.nan, nan_ok=True, abs=1e-5)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@given(hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9)))
def test_gini_and_coverage_against_plain_versions(counts):
    n = len(counts)
    assert metrics.coverage(counts) == sum(c > 0 for c in counts) / n
    if counts.sum() == 0:
        assert math.isnan(metrics.gini(counts))
        return
    differences = sum(abs(int(a) - int(b)) for a in counts for b in counts)
    assert metrics.gini(counts) == pytest.approx(differences / (2 * n * counts.sum()))


def test_against_ir_measures():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ir_measures = pytest.importorskip("ir_measures")
    rng = np.random.default_rng(5)
    scores = rng.permutation(40 * 60).reshape(40, 60).astype(np.float32)
    test = sparse.csr_array((rng.random((40, 60)) < 0.15).astype(np.float32))
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, i in zip(*test.nonzero(), strict=True)]
    run = [ir_measures.ScoredDoc(str(u), str(i), float(scores[u, i])) for u, i in np.ndindex(40, 60)]
    named = {"ndcg": ir_measures.nDCG @ 10, "recall": ir_measures.R @ 10, "map": ir_measures.AP @ 10}
    named |= {
        "precision": ir_measures.P @ 10,
        "mrr": ir_measures.RR @ 10,
        "hit_rate": ir_measures.Success @ 10,
    }
    hits = metrics.find_hits(metrics.top_k(scores, 10, test), test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ir_measures.calc_aggregate(named.values(), qrels, run)
    for name, measure in named.items():
        assert np.nanmean(metrics.ACCURACY[name](hits)) == pytest.approx(theirs[measure]), name


@pytest.mark.slow
def test_against_ranx():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranx = pytest.importorskip("ranx")
        rng = np.random.default_rng(6)
        scores = rng.permutation(20 * 30).reshape(20, 30).astype(np.float32)
        test = sparse.csr_array((rng.random((20, 30)) < 0.3).astype(np.float32))
        qrels = ranx.Qrels({str(u): {str(i): 1 for i in test[[u]].nonzero()[1]} for u in range(20)})
        run = ranx.Run({str(u): {str(i): float(scores[u, i]) for i in range(30)} for u in range(20)})
        theirs = ranx.evaluate(qrels, run, ["ndcg@5", "recall@5", "map@5", "f1@5", "mrr@5"])
    hits = metrics.find_hits(metrics.top_k(scores, 5, test), test)
    for name, value in theirs.items():
        assert metrics.ACCURACY[name.split("@")[0]](hits).mean() == pytest.approx(value), name


def test_equal_scores_earn_nothing():
    test = sparse.csr_array(np.array([[0, 0, 1.0], [1.0, 0, 0]], np.float32))
    flat = np.zeros((2, 3), np.float32)
    assert metrics.ndcg(metrics.find_hits(metrics.top_k(flat, 2, test), test)).tolist() == [0, 0]
    assert metrics.rank_with_ties(flat, test).tolist() == [3, 3]
    assert metrics.auc(flat, test).tolist() == [0, 0]


def test_only_ties_change_never_neighbouring_numbers():
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    scores = np.array([[high, low]], np.float32)
    test = sparse.csr_array(np.array([[1.0, 0]], np.float32))
    assert metrics.top_k(scores, 1, test).items.tolist() == [[0]]


def test_short_lists_have_lengths_not_padding():
    scores = np.array([[-np.inf, 1, -np.inf], [-np.inf] * 3], np.float32)
    top = metrics.top_k(scores, 5)
    assert top.items.shape == (2, 3)
    assert top.lengths.tolist() == [1, 0]
    assert top.items[0, 0] == 1
    everything = sparse.csr_array(np.ones((2, 3), np.float32))
    assert metrics.find_hits(top, everything).found.sum() == 1


def test_chunks_do_not_change_the_lists(monkeypatch):
    scores = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    whole = metrics.top_k(scores, 3)
    monkeypatch.setattr(metrics, "CHUNK_SCORES", 18)
    np.testing.assert_array_equal(metrics.top_k(scores, 3).items, whole.items)
    assert metrics.top_k(scores[:0], 3).items.shape == (0, 3)


def test_one_item():
    test = sparse.csr_array(np.ones((1, 1), np.float32))
    top = metrics.top_k(np.zeros((1, 1), np.float32), 10, test)
    assert metrics.ndcg(metrics.find_hits(top, test)).tolist() == [1]
    assert math.isnan(metrics.auc(np.zeros((1, 1), np.float32), test)[0])


def test_unusable_scores_are_refused():
    with pytest.raises(ConfigError, match="NaN"):
        metrics.top_k(np.array([[np.nan, 1]], np.float32), 1)
    with pytest.raises(ConfigError, match="k=0"):
        metrics.top_k(np.zeros((1, 2), np.float32), 0)


def test_ratings():
    predicted, actual = np.array([1.0, 2.0, 5.0]), np.array([1.0, 4.0, 4.0])
    assert metrics.rmse(predicted, actual) == pytest.approx(math.sqrt(5 / 3))
    assert metrics.mae(predicted, actual) == 1.0
    assert math.isnan(metrics.rmse(predicted[:0], actual[:0]))
    assert math.isnan(metrics.mae(predicted[:0], actual[:0]))


def test_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).normal(3, 2, 2000)
    low, high = metrics.bootstrap_interval(values, seed=0)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)
    assert metrics.bootstrap_interval(values, seed=0) == (low, high)
    assert metrics.bootstrap_interval(values, seed=1) != (low, high)


def test_bootstrap_is_a_mean_of_draws(monkeypatch):
    values = np.array([[1.0, 5.0], [2.0, np.nan], [4.0, 7.0]])
    weights = np.array([1.0, 2.0, 3.0])
    monkeypatch.setattr(metrics, "CHUNK_SCORES", 6)
    means = metrics.bootstrap_means(values, 9, n_resamples=5, weights=weights)
    rng = np.random.default_rng(9)
    for b, drawn in enumerate(np.concatenate([rng.integers(3, size=(n, 3)) for n in (2, 2, 1)])):
        for c in range(2):
            column = [(values[u, c], weights[u]) for u in drawn if not np.isnan(values[u, c])]
            expected = sum(v * w for v, w in column) / sum(w for _, w in column) if column else math.nan
            assert means[b, c] == pytest.approx(expected, nan_ok=True)


def test_bootstrap_of_nothing():
    assert all(map(math.isnan, metrics.bootstrap_interval(np.array([np.nan, np.nan]), seed=0)))
    assert all(map(math.isnan, metrics.bootstrap_interval(np.array([]), seed=0)))
    assert metrics.bootstrap_interval(np.array([2.0]), seed=0) == (2, 2)


def test_catalog_interval_holds_the_value():
    rng = np.random.default_rng(2)
    shown = sparse.csr_array((rng.random((50, 30)) < 0.05).astype(float))
    value = metrics.coverage(shown.sum(axis=0))
    low, high = metrics.catalog_interval(metrics.coverage, shown, seed=0)
    assert 0 <= low < value < high <= 1


def test_bins_hold_everything_once():
    counts = np.array([0, 1, 3, 4, 19, 20, 500])
    parts = metrics.bins(counts, metrics.TEMPERATURE)
    assert sum(part.astype(int) for part in parts.values()).tolist() == [1] * 7
    assert counts[parts["cold"]].tolist() == [0, 1, 3]
    assert counts[parts["hot"]].tolist() == [20, 500]


def test_rows_of_lists():
    top = TopK(np.array([[1, 2], [3, 0]]), np.array([2, 1]))
    assert top.rows(np.array([False, True])).items.tolist() == [[3, 0]]
    assert top.shown.tolist() == [[True, True], [True, False]]
