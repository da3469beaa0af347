"""Maximal marginal relevance: good items that are not all alike.

Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
producing summaries", SIGIR 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semrec.types import Float1D, Float2D


def mmr(scores: Float1D, vectors: Float2D, k: int, diversity: float, shown: Sequence[int] = ()) -> np.ndarray:
    """Pick k candidates, each the best of (1 - diversity) · relevance - diversity · likeness.

    Relevance is the score scaled to [0, 1] over the candidates; likeness is the highest cosine to an
    item that was picked or shown before (0 for the first one).

    Parameters
    ----------
    scores : float32 (n,), best first.
    vectors : float32 (n, dim), rows of unit length.
    k : how many to pick.
    diversity : in [0, 1]; 0 keeps the order of the scores, 1 looks at likeness only after the first pick.
    shown : positions of candidates that were shown on earlier pages, in that order.

    Returns
    -------
    int64 (n_picked,): positions in the order picked, at most k; on the first page, the first one is always
    the best candidate.
    """
    n = len(scores)
    if n == 0:
        return np.empty(0, np.int64)
    spread = float(scores.max() - scores.min())
    relevance = (scores - scores.min()) / spread if spread > 0 else np.zeros(n, np.float32)
    picked = list(shown)
    likeness = (vectors @ vectors[picked].T).max(axis=1) if picked else np.full(n, -1, np.float32)
    open_places = np.ones(n, bool)
    open_places[picked] = False
    for _ in range(min(k, n - len(picked))):
        gain = np.where(open_places, (1 - diversity) * relevance - diversity * likeness, -np.inf)
        # The first pick has nothing to differ from: it is the best one whatever the diversity.
        best = int(np.argmax(gain if picked else scores))
        open_places[best] = False
        likeness = np.maximum(likeness, vectors @ vectors[best])
        picked.append(best)
    return np.array(picked[len(shown) :], np.int64)
