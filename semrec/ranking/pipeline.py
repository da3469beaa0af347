"""From a question to its best items: search, score, choose.

The pipeline asks the store for scores of candidates, not for their vectors. An answer makes at most five
requests, whatever the number of signals: the history; one batch of candidate searches; the exact scores of
all signals that need few queries; those of signals that need one query for each history item, for the
candidates that can still win; and what is shown. Diversity reads vectors in a sixth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from semrec.errors import QueryError
from semrec.ranking.generation import Generation
from semrec.signals import Question, SignalQuery
from semrec.signals.blend import (
    QuestionWeights,
    ScoredPart,
    balance,
    best_first,
    blended_scores,
    scored_part,
)
from semrec.store import Hits, Index, ScoreQuery
from semrec.tracing import stage
from semrec.types import Condition, Float1D, Keys

MMR_CANDIDATES = 10
"""Candidates that are considered for each place when the list is not just the best ones."""

EXACT_CANDIDATES = 60
"""Candidates for each place, and at least `Question.limit`, that are scored exactly by costly parts at most.

Share of the exact ten best that are found: `benchmarks/query.py` (50 items out of five topics, by text alone)
0.964 with 30, 0.984 with 45, 0.996 with 60 and 1.000 with 90; 150 users of debian_deps by text alone 0.996
with 30, by the fitted blend 1.000.
"""

ESTIMATE_ERROR = 20.0
"""Standard deviations by which the estimate of a costly part may be too low.

250 users of debian_deps: of the exact ten best the worst estimate was too low by 11 with the fitted weights,
and by 18 with even weights; some 20 of 1,000 candidates are left then.
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What candidates must meet.

    Parameters
    ----------
    where : conditions that must all hold.
    hidden : uint64 (n,), keys that are no candidates.
    """

    where: tuple[Condition, ...] = ()
    hidden: Keys = field(default_factory=lambda: np.empty(0, np.uint64))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is considered for an answer: row n of every field belongs to candidate n.

    Parameters
    ----------
    keys : uint64 (n,), ascending.
    parts : what each part of the question adds to the score.
    scores : float32 (n,), the sum of the parts.
    found : uint64 (n_found,), all that the searches found; of these the candidates can be the best.
    is_cut : more items may meet the filters than were found.
    """

    keys: Keys
    parts: Sequence[ScoredPart]
    scores: Float1D
    found: Keys
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """A part of the question and the hits of its searches."""

    part: SignalQuery
    hits: Sequence[Hits]


def find_candidates(
    question: Question,
    generation: Generation,
    filters: Filters,
    weights: QuestionWeights,
    k: int,
    n_ordered: int,
    also: Keys | None = None,
) -> Candidates:
    """Return the items that any signal finds, with their exact scores.

    Signals of weight 0 are asked only when the others find so few items that the answer could be too short.

    Parameters
    ----------
    question : what every signal is asked.
    generation : where items are searched.
    filters : what candidates must meet.
    weights : of the signals.
    k : items that are wanted.
    n_ordered : candidates whose order must be exact.
    also : keys that are scored whether they are found or not.

    Raises
    ------
    QueryError
        All signals that can answer the question have weight 0.
    """
    active = [signal for signal in generation.signals if weights.is_active(signal.name)]
    asked = [part for signal in active for part in signal.ask(question)]
    counted = [part for part in asked if weights.counts(part)]
    if not counted:
        _raise_without_weights(question, generation)
    found = _search(counted, generation.index, filters)
    keys = _keys(found)
    enough = len(keys) >= question.limit
    if not enough:
        inactive = [signal for signal in generation.signals if signal not in active]
        skipped = [part for part in asked if not weights.counts(part)]
        skipped += [part for signal in inactive for part in signal.ask(question)]
        keys = np.union1d(keys, _keys(_search(skipped, generation.index, filters)))
    considered = keys if also is None else np.union1d(keys, also)
    n_exact = max(question.limit, EXACT_CANDIDATES * k) if enough else len(considered)
    candidates = _score(found, considered, generation, weights, n_ordered, n_exact, also)
    return replace(candidates, found=keys, is_cut=enough)


def _raise_without_weights(question: Question, generation: Generation) -> None:
    """Raise `QueryError` if signals could answer a question, but none has a weight."""
    names = [signal.name for signal in generation.signals if signal.ask(question)]
    if names:
        raise QueryError(
            "every signal that can answer this question has weight 0, so no item is better than another; "
            f"give one of them a weight above 0: {', '.join(names)}."
        )


@stage("search")
def _search(parts: Sequence[SignalQuery], index: Index, filters: Filters) -> list[_Found]:
    """Ask all searches of some parts in one batch."""
    searches = [
        replace(search, where=(*search.where, *filters.where), exclude=filters.hidden)
        for part in parts
        for search in part.searches
    ]
    probes = [probe for part in parts for probe in part.probes]
    hits = index.search([*searches, *probes]) if searches or probes else []
    of_searches, of_probes = iter(hits[: len(searches)]), iter(hits[len(searches) :])
    found = []
    for part in parts:
        own = [next(of_searches) for _ in part.searches]
        known = part.after_search([next(of_probes) for _ in part.probes])
        if known is not None:
            found.append(_Found(known, own))
    return found


def _keys(found: Sequence[_Found]) -> Keys:
    """Return the keys of all hits, ascending, each once."""
    hits = [hit.keys for one in found for hit in one.hits]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *hits]))


@stage("score")
def _score(
    found: Sequence[_Found],
    keys: Keys,
    generation: Generation,
    weights: QuestionWeights,
    k: int,
    n_exact: int,
    also: Keys | None,
) -> Candidates:
    """Score candidates exactly: all of them, or those that can be among the k best by the estimates."""
    estimates = {
        place: estimate
        for place, one in enumerate(found)
        if len(keys) > n_exact and (estimate := one.part.estimate(keys, one.hits)) is not None
    }
    first = [one.part for place, one in enumerate(found) if place not in estimates]
    index, evidence_of = generation.index, generation.evidence_request
    scores = _Scores(index, keys, [*_requests(first), *([evidence_of] if evidence_of else [])])
    zeros = np.zeros(len(keys), np.float32)
    evidence = generation.evidence(scores.of([evidence_of])[0]) if evidence_of else zeros
    parts = [scored_part(part, _raw(part, scores), weights, evidence) for part in first]
    if estimates:
        later = [found[place].part for place in estimates]
        guessed = [
            scored_part(found[place].part, guess, weights, evidence) for place, guess in estimates.items()
        ]
        kept = can_win(blended_scores([*parts, *guessed], len(keys)), guessed, keys, k)[:n_exact]
        kept = np.union1d(kept, np.flatnonzero(np.isin(keys, [] if also is None else also)))
        keys, evidence = keys[kept], evidence[kept]
        scores = _Scores(index, keys, _requests(later))
        parts = [part.at(kept) for part in parts]
        parts += [scored_part(part, _raw(part, scores), weights, evidence) for part in later]
    parts = balance(parts)
    return Candidates(keys, parts, blended_scores(parts, len(keys)), keys)


def can_win(estimates: Float1D, guessed: Sequence[ScoredPart], keys: Keys, k: int) -> np.ndarray:
    """Return the positions of the candidates that can be among the k best, best estimate first.

    Parameters
    ----------
    estimates : float32 (n,), estimated scores.
    guessed : the parts that are only estimated; each may be too low by `ESTIMATE_ERROR` deviations.
    keys : uint64 (n,), which break ties.
    k : items that are wanted.
    """
    order = best_first(estimates, keys)
    if len(order) <= k:
        return order
    error = sum(ESTIMATE_ERROR * part.query.scale * part.factors for part in guessed)
    possible = estimates + error >= estimates[order[k - 1]]
    return order[possible[order]]


class _Scores:
    """The exact scores of some requests, asked in one batch; the same request is asked once."""

    def __init__(self, index: Index, keys: Keys, requests: Sequence[ScoreQuery]) -> None:
        self.index, self.keys = index, keys
        distinct = {id(request): request for request in requests}
        raw = index.scores(list(distinct.values()), keys) if distinct and len(keys) else None
        self._rows = dict(zip(distinct, raw, strict=True)) if raw is not None else {}

    def of(self, requests: Iterable[ScoreQuery]) -> np.ndarray:
        """Return the scores of some of the requests, float32 (n_requests, n)."""
        none = np.empty((0, len(self.keys)), np.float32)
        rows = [self._rows.get(id(request), np.zeros(len(self.keys), np.float32)) for request in requests]
        return np.stack(rows) if rows else none


def _requests(parts: Sequence[SignalQuery]) -> list[ScoreQuery]:
    return [request for part in parts for request in part.requests]


def _raw(part: SignalQuery, scores: _Scores) -> Float1D:
    """Return the scores of one part, float32 (n,)."""
    name = part.metadata_field
    values = scores.index.metadata_values(name, scores.keys) if name else []
    return part.score(scores.of(part.requests), values)
