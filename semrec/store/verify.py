"""Checks of a finished build before it becomes current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from semrec.store.protocol import Hits, Index, Manifest, Search, VectorField
from semrec.types import Float1D, Float2D, Keys

NEAREST = 10
QUERIES = 50
"""Items whose own vectors are the sample queries."""
CANDIDATES = 20_000
"""Items that every query is compared with exactly; in a larger catalog a fixed random sample."""
RECALL_BAR = {"cosine": 0.5, "dot": 0.4}
"""Least recall; with less, the search graph is broken. A good graph reaches 0.98 where texts have topics, but
only 0.66 on 20,000 random vectors, and such a catalog must not be refused."""
SAME_BAR = 0.8
"""Least share of the nearest items of the previous index that are found again, if no vector has changed."""
_TIE = 1e-4


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of the checks.

    Parameters
    ----------
    n_items : items of the index.
    recall : share of the items nearest to the sample queries that searches find, by name of the vector.
    same : share of the nearest items of the previous index that are found again, over the text vectors that
        have not changed; None if there are none.
    unchanged : share of the sampled items whose text vector has not changed; 0 without a previous index.
    faults : reasons to refuse the build; empty if there are none.
    """

    n_items: int
    recall: Mapping[str, float]
    same: float | None
    unchanged: float
    faults: tuple[str, ...]


def verify(index: Index, manifest: Manifest, before: Index | None = None) -> Verification:
    """Check a finished index: counts, vectors, and the answers to a sample of queries.

    Parameters
    ----------
    index, manifest : the build.
    before : the index that answers now, to compare with; None if there is none.
    """
    n_items = index.count()
    faults = []
    if n_items != manifest.n_items:
        faults.append(f"it holds {n_items} items instead of {manifest.n_items}")
    keys = index.sample(CANDIDATES)
    recall: dict[str, float] = {}
    for field in _dense(manifest) if len(keys) else ():
        try:
            vectors = index.vectors(field.name, keys)
        except KeyError:
            faults.append(f"items have no vector {field.name!r}")
            continue
        if not np.isfinite(vectors).all():
            faults.append(f"vectors {field.name!r} hold NaN or infinity")
        elif field.dimension > 1:
            recall[field.name] = _recall(index, field, keys, vectors)
            if recall[field.name] < RECALL_BAR[field.distance]:
                faults.append(f"searching {field.name!r} finds {recall[field.name]:.0%} of the nearest items")
    same, unchanged = None, 0.0
    if before and len(keys) and not faults:
        same, unchanged = _compared(index, before, next(_dense(manifest)).name, keys)
    if same is not None and unchanged == 1 and same < SAME_BAR:
        faults.append(f"no vector has changed, but only {same:.0%} of the nearest items are found again")
    return Verification(n_items, recall, same, unchanged, tuple(faults))


def _dense(manifest: Manifest) -> Iterator[VectorField]:
    return (field for field in manifest.vectors if field.kind == "dense")


def _recall(index: Index, field: VectorField, keys: Keys, vectors: Float2D) -> float:
    """Return the share of the nearest items among `keys` that searches find."""
    queries = _sampled(vectors)
    queries = queries[queries.any(axis=1)]
    found = missed = 0
    for query, hits in zip(queries, _nearest(index, field.name, queries), strict=True):
        found += int(np.isin(keys, hits.keys).sum())
        missed += _missed(hits, keys, vectors @ query)
    return found / (found + missed) if found + missed else 1.0


def _compared(index: Index, before: Index, name: str, keys: Keys) -> tuple[float | None, float]:
    """Return `same` and `unchanged` of `Verification`."""
    sampled = _sampled(keys)
    try:
        known = sampled[before.contains(sampled)]
        now, then = index.vectors(name, known), before.vectors(name, known)
    except KeyError:  # an item was deleted meanwhile
        return None, 0.0
    if now.shape != then.shape:
        return None, 0.0
    queries = now[np.abs(now - then).max(axis=1, initial=0) < _TIE]
    found = missed = 0
    for new, old in zip(_nearest(index, name, queries), _nearest(before, name, queries), strict=True):
        found += int(np.isin(old.keys, new.keys).sum())
        there = index.contains(old.keys)
        missed += _missed(new, old.keys[there], old.scores[there])
    return (found / (found + missed) if found + missed else None), len(queries) / len(sampled)


def _missed(hits: Hits, keys: Keys, scores: Float1D) -> int:
    """Return the number of items that should be among the hits by their scores, but are not."""
    least = hits.scores[-1] + _TIE if len(hits.keys) == NEAREST else -np.inf
    return min(NEAREST, int((~np.isin(keys, hits.keys) & (scores > least)).sum()))


def _sampled(rows: np.ndarray) -> np.ndarray:
    return rows[:: max(1, len(rows) // QUERIES)]


def _nearest(index: Index, name: str, queries: Float2D) -> list[Hits]:
    return index.search([Search(name, query, NEAREST) for query in queries])
