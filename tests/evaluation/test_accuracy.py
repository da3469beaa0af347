"""Accuracy of lists against plain versions and against other libraries."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import sparse
from score_tables import scored, slow_list

from semrec.evaluation.accuracy import ACCURACY, find_hits
from semrec.evaluation.top_k import top_k


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
    top = top_k(scores, k, test)
    width = top.items.shape[1]
    hits = find_hits(top, test)
    for u, row in enumerate(scores):
        ranked = slow_list(row, positive[u], k)
        mine = list(top.items[u, : top.lengths[u]])
        assert [row[i] for i in mine] == [row[i] for i in ranked]
        relevant = set(np.flatnonzero(positive[u]))
        assert [i in relevant for i in mine] == [i in relevant for i in ranked]
        for name, of in ACCURACY.items():
            value = of(hits)[u]
            if relevant:
                assert value == pytest.approx(slow_metrics(ranked, relevant, width)[name]), name
            else:
                assert math.isnan(value), name


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
    hits = find_hits(top_k(scores, 10, test), test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ir_measures.calc_aggregate(named.values(), qrels, run)
    for name, measure in named.items():
        assert np.nanmean(ACCURACY[name](hits)) == pytest.approx(theirs[measure]), name


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
    hits = find_hits(top_k(scores, 5, test), test)
    for name, value in theirs.items():
        assert ACCURACY[name.split("@")[0]](hits).mean() == pytest.approx(value), name
