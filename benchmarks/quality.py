"""How good the recommendations are: NDCG@10 of held-out items, by the recommender as users get it.

Every user is asked for with `Recommender.recommend`; at most 5,000 of each set. What is learned from events
is measured by `learning_quality.py`.
"""

from __future__ import annotations

import sys

import numpy as np
from measured_sets import DEBIAN, MOVIES, DataSet, present
from numpy.typing import NDArray
from report import announce, arguments, report

from semrec.config import Settings
from semrec.evaluation import Split, TopK, evaluate
from semrec.evaluation.run import Recommend
from semrec.recommender import Recommender

K = 10
QUICK_USERS = 200
MOST_USERS = 5_000

TEXT_BARS = {"ml_latest_small": (0.037, 8.0), "debian_deps": (0.150, 1.25)}
"""NDCG@10 of the text signal at least so much, and at least so many times that of the raw pooled cosine."""


def lists_of(recommender: Recommender, split: Split) -> Recommend:
    """Return the function that asks the recommender for each user's list."""
    column = {item_id: place for place, item_id in enumerate(split.items)}
    train = split.train

    def ask(users: NDArray[np.int64]) -> TopK:
        items = np.zeros((len(users), K), np.int64)
        lengths = np.zeros(len(users), np.int64)
        for row, user in enumerate(users):
            known = train.indices[train.indptr[user] : train.indptr[user + 1]]
            history = [split.items[i] for i in known]
            answer = recommender.recommend(history=history, k=K, explain=False, near_duplicates="keep")
            found = [column[item.item_id] for item in answer]
            items[row, : len(found)], lengths[row] = found, len(found)
        return TopK(items, lengths)

    return ask


def sampled(split: Split, n_users: int) -> Split:
    """Return the split with the first so many of its users to ask; sampled by their hashed order."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(split.test_users)[:n_users])
    users = [split.users[row] for row in chosen]
    test = split.test_events.filter(split.test_events["user_id"].is_in(users))
    return Split(
        split.kind, split.users, split.items, split.train_events, test, split.candidates, split.counts
    )


def measure_text(data_set: DataSet, quick: bool) -> None:
    """Measure the text signal against the two simpler ways to pool a history."""
    split = sampled(data_set.warm_split(), QUICK_USERS if quick else MOST_USERS)
    folder = data_set.indexed().folder
    data_set.indexed().close()
    recommenders = {
        "soft_nearest": "text signal",
        "mean": "raw pooled cosine",
        "centred_mean": "centred mean",
    }
    figures = {}
    for pooling, name in recommenders.items():
        settings = Settings(ranking={"text_pooling": pooling})
        with Recommender.open(folder, settings=settings) as recommender:
            evaluation = evaluate({name: lists_of(recommender, split)}, split, k=K)
        (ndcg,) = evaluation.find("ndcg")
        figures[pooling] = ndcg.value
        least = TEXT_BARS[data_set.name][0] if pooling == "soft_nearest" else None
        report(
            "quality", f"{data_set.name}, history → items, {name}, NDCG@10", ndcg.value, "ndcg", least=least
        )
        sys.stderr.write(f"{name}: 95 % interval {ndcg.low:.4f} to {ndcg.high:.4f}, {ndcg.n_users} users\n")
    report(
        "quality",
        f"{data_set.name}, text signal over raw pooled cosine",
        figures["soft_nearest"] / figures["mean"],
        "x",
        least=TEXT_BARS[data_set.name][1],
    )


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    for data_set in present(DEBIAN, MOVIES):
        measure_text(data_set, quick)


if __name__ == "__main__":
    main()
