"""One generation that answers, and the steps of an answer that read it.

The order of the steps is the recommender's; nothing here knows what comes before or after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semrec.config import USUAL_SCALE, Settings
from semrec.errors import UnknownItemError
from semrec.ranking.diversity import mmr
from semrec.ranking.explanation import Reasons, nearest_pair, reasons
from semrec.ranking.profile import central_items, event_weights, item_weights, usable_events
from semrec.signals import Question, Signal, SignalQuery
from semrec.signals.blend import Contributions, Part, balance, best_first, blended_scores, contributions
from semrec.signals.bm25 import WORDS, WordsSignal
from semrec.signals.collaborative import TASTE, TasteSignal
from semrec.signals.freshness import FRESHNESS, FreshnessSignal
from semrec.signals.item_item import NEIGHBOURS, NeighboursSignal
from semrec.signals.learned import LearnedSettings
from semrec.signals.popularity import POPULARITY, PopularitySignal
from semrec.signals.text import TEXT, TextSignal
from semrec.store import Index, Manifest, Record, Store
from semrec.tracing import stage
from semrec.types import (
    Because,
    Condition,
    Event,
    Float1D,
    Float2D,
    Interest,
    Keys,
    Passages,
    Recommendation,
    item_keys,
)

BECAUSE_ITEMS = 3
"""Items of the history that an explanation names."""

CENTRAL_ITEMS = 2
"""Items of the history that an interest is named after."""

MMR_CANDIDATES = 10
"""Candidates that are considered for each place when the answer is diversified."""


@dataclass(frozen=True, slots=True)
class History:
    """The known items of a history, each once, with how much it counts.

    Parameters
    ----------
    item_ids : in order of their first event.
    keys : uint64 (n_history,).
    weights : float32 (n_history,), summed over the events of an item.
    unknown : ids that the index does not hold.
    """

    item_ids: tuple[str, ...]
    keys: Keys
    weights: Float1D
    unknown: tuple[str, ...]

    @property
    def length(self) -> int:
        """Items that speak for something; where none does, those that speak against something."""
        return int(np.count_nonzero(self.weights > 0) or np.count_nonzero(self.weights))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is considered for an answer: row n of every field belongs to candidate n.

    Parameters
    ----------
    keys : uint64 (n,), ascending.
    parts : what each reason adds to the score.
    scores : float32 (n,), the sum of the parts.
    """

    keys: Keys
    parts: Sequence[Contributions]
    scores: Float1D


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that answers: its index, its manifest and its signals.

    Parameters
    ----------
    signals : all of them.
    text_signal, popularity_signal : two of them; the second is None before the first fit.
    learned : what `fit` learned; None before.
    """

    number: int
    index: Index
    manifest: Manifest
    signals: tuple[Signal, ...]
    text_signal: TextSignal
    popularity_signal: PopularitySignal | None
    learned: LearnedSettings | None


def open_generation(store: Store, number: int, settings: Settings) -> Generation:
    """Open a generation with all its signals."""
    return read_generation(number, store.open(number), store.manifest(number), settings)


def read_generation(number: int, index: Index, manifest: Manifest, settings: Settings) -> Generation:
    """Return an open generation with all its signals, as its items are now."""
    sample = index.sample(settings.ranking.sample_items)
    text_mean = np.array(manifest.text_mean, np.float32)
    text_signal = TextSignal(
        index,
        text_mean,
        sample,
        pooling=settings.ranking.text_pooling,
        sharpness=settings.ranking.sharpness,
    )
    from_catalog: tuple[Signal, ...] = (text_signal, WordsSignal(index))
    if settings.ranking.freshness_field:
        freshness = FreshnessSignal(
            index,
            manifest.n_items,
            sample,
            manifest.fields,
            field=settings.ranking.freshness_field,
            half_life_days=settings.ranking.freshness_half_life_days,
            middle=text_mean,
        )
        from_catalog = (*from_catalog, freshness)
    stored = manifest.models.get("learned")
    if not isinstance(stored, Mapping):
        return Generation(number, index, manifest, from_catalog, text_signal, None, None)
    learned = LearnedSettings.from_dict(stored)
    popularity = PopularitySignal(index, sample)
    from_events = (
        TasteSignal(index, sample, learned.fold_in, learned.text_map),
        NeighboursSignal(index, sample, learned.left_out, popularity.evidence),
        popularity,
    )
    return Generation(
        number, index, manifest, (*from_catalog, *from_events), text_signal, popularity, learned
    )


def signal_names(manifest: Manifest) -> list[str]:
    """Return the names of the signals that a generation with this manifest has, in order."""
    from_text = [TEXT, WORDS]
    return [*from_text, TASTE, NEIGHBOURS, POPULARITY] if "learned" in manifest.models else from_text


def counting_events(
    events: Sequence[Event], generation: Generation, settings: Settings, now: float
) -> list[Event]:
    """Return the events of a stored history that count, by the rules of `fit`.

    Parameters
    ----------
    events : of one user, oldest first.
    generation, settings : they know the rating scale, the kinds and the rest.
    now : unix seconds, to know the future.
    """
    from semrec.events.interactions import CleaningRules  # it loads polars, which few questions need

    rules = CleaningRules()
    return usable_events(
        events,
        kind_weights=settings.events.kind_weights,
        rating_scale=rating_scale_of(generation, settings),
        earliest=rules.earliest,
        latest=now + rules.max_ahead_s,
        burst_s=settings.events.burst_s,
    )


def known_history(
    events: Sequence[Event],
    generation: Generation,
    settings: Settings,
    contains: Callable[[Keys], np.ndarray] | None = None,
) -> History:
    """Return the items of a history that the index holds, with how much each counts.

    Parameters
    ----------
    events : oldest first.
    generation, settings : they know what an event weighs.
    contains : keys (n,) -> bool (n,), which of them the index holds; None asks the index.

    Raises
    ------
    UnknownItemError
        The index holds none of them.
    """
    learned = generation.learned
    item_ids = np.array(list(dict.fromkeys(event.item_id for event in events)), dtype=object)
    keys = item_keys(item_ids)
    there = (contains or generation.index.contains)(keys)
    unknown = tuple(item_ids[~there])
    if len(events) and not there.any():
        raise UnknownItemError(
            f"no item of the history is in the index: {_some(unknown)}. Check the ids, or index them first."
        )
    skipped = set(unknown)
    known = [event for event in events if event.item_id not in skipped]
    weights = event_weights(
        known,
        kind_weights=settings.events.kind_weights,
        rating_scale=rating_scale_of(generation, settings),
        half_life_days=settings.events.half_life_days,
    )
    totals = item_weights(known, weights, learned.half_life_events if learned else None)
    return History(tuple(totals), keys[there], np.array(list(totals.values()), np.float32), unknown)


def rating_scale_of(generation: Generation, settings: Settings) -> tuple[float, float]:
    """Return the scale of ratings: that of the settings, else the one that was learned from."""
    learned = generation.learned
    return settings.events.rating_scale or (learned.rating_scale if learned else None) or USUAL_SCALE


def _some(item_ids: Sequence[str]) -> str:
    """Return the first few ids in words."""
    named = ", ".join(repr(item_id) for item_id in item_ids[:5])
    return f"{named} and {len(item_ids) - 5} more" if len(item_ids) > 5 else named


def find_candidates(
    question: Question,
    generation: Generation,
    *,
    where: tuple[Condition, ...],
    hidden: Keys,
    weights: Mapping[str, float],
    asked_weights: Mapping[str, float],
    n_history: int,
    also: Keys | None = None,
) -> Candidates:
    """Return the items that any signal finds, each scored exactly by every signal.

    Signals of weight 0 are asked only when the others find so few items that the answer could be too short.

    Parameters
    ----------
    question : what every signal is asked.
    generation : where items are looked for.
    where, hidden : conditions that candidates must meet, and keys that are none.
    weights, asked_weights, n_history : see `scored`.
    also : keys that are scored whether they are found or not.
    """
    learned = generation.learned.weights.heard(n_history) if generation.learned else {}
    by_text, by_history = {**weights, **asked_weights}, {**weights, **learned, **asked_weights}

    def heard(query: SignalQuery) -> bool:
        return bool((by_text if query.origin == "text" else by_history).get(query.signal))

    loud = [
        signal for signal in generation.signals if by_text.get(signal.name) or by_history.get(signal.name)
    ]
    asked = [query for signal in loud for query in signal.ask(question)]
    queries = [query for query in asked if heard(query)]
    keys = _search(queries, generation.index, where, hidden)
    if len(keys) < question.limit:
        silent = [signal for signal in generation.signals if signal not in loud]
        unheard = [query for signal in silent for query in signal.ask(question)]
        unheard += [query for query in asked if not heard(query)]
        keys = np.union1d(keys, _search(unheard, generation.index, where, hidden))
    if also is not None:
        keys = np.union1d(keys, also)
    return scored(
        keys, queries, generation, weights=weights, asked_weights=asked_weights, n_history=n_history
    )


def said_to_all(generation: Generation, settings: Settings, asked_weights: Mapping[str, float]) -> str:
    """Return what can be recommended to somebody unknown, in words: `popular and new`; empty when nothing."""
    learned = generation.learned.weights.heard(0) if generation.learned else {}
    weights = {**settings.ranking.signal_weights, **learned, **asked_weights}
    words = {POPULARITY: "popular", FRESHNESS: "new"}
    names = {signal.name for signal in generation.signals}
    return " and ".join(word for name, word in words.items() if name in names and weights.get(name))


@stage("search")
def _search(queries: Sequence[SignalQuery], index: Index, where: tuple[Condition, ...], hidden: Keys) -> Keys:
    """Return all that the searches of some queries find, ascending."""
    searches = [
        replace(search, where=(*search.where, *where), exclude=hidden)
        for query in queries
        for search in query.searches
    ]
    hits = index.search(searches) if searches else []
    return np.unique(np.concatenate([np.empty(0, np.uint64), *(hit.keys for hit in hits)]))


@stage("score")
def scored(
    keys: Keys,
    queries: Sequence[SignalQuery],
    generation: Generation,
    *,
    weights: Mapping[str, float],
    asked_weights: Mapping[str, float],
    n_history: int,
) -> Candidates:
    """Return these items with their exact scores.

    Parameters
    ----------
    keys : uint64 (n,), ascending.
    queries : the signals' parts of the query.
    generation : whose items they are.
    weights : weight of each signal, where `fit` has not learned it.
    asked_weights : weights that this query asks for, over all others.
    n_history : events of the history that count.
    """
    terms = [
        Part(query.signal, query.origin, query.terms(keys), query.offsets, query.scale) for query in queries
    ]
    by_text = contributions([part for part in terms if part.origin == "text"], {**weights, **asked_weights})
    by_history = contributions(
        [part for part in terms if part.origin != "text"],
        {**weights, **learned_weights(generation, keys, n_history), **asked_weights},
    )
    parts = balance([*by_text, *by_history])
    return Candidates(keys, parts, blended_scores(parts, len(keys)))


def learned_weights(generation: Generation, keys: Keys, n_history: int) -> dict[str, float | Float1D]:
    """Return the weight of each signal for each candidate as `fit` learned them; empty before."""
    if generation.learned is None or generation.popularity_signal is None:
        return {}
    weights = generation.learned.weights
    by_signal = weights.of(n_history, generation.popularity_signal.evidence(keys)).T
    return dict(zip(weights.signals, by_signal, strict=True))


@stage("choose")
def choose(candidates: Candidates, k: int, diversity: float, text_signal: TextSignal) -> np.ndarray:
    """Return the positions of the candidates to recommend, in order, at most k."""
    order = best_first(candidates.scores, candidates.keys)
    if diversity == 0:
        return order[:k]
    order = order[: MMR_CANDIDATES * k]
    vectors = text_signal.centred(candidates.keys[order])
    return order[mmr(candidates.scores[order], vectors, k, diversity)]


@stage("explain")
def plain(chosen: np.ndarray, candidates: Candidates, index: Index) -> tuple[Recommendation, ...]:
    """Return the chosen candidates as recommendations without reasons."""
    records = index.records(candidates.keys[chosen])
    scores = candidates.scores[chosen].tolist()
    return tuple(
        Recommendation(record.item_id, record.title, score, metadata=record.metadata)
        for record, score in zip(records, scores, strict=True)
    )


@stage("explain")
def explained(
    chosen: np.ndarray,
    candidates: Candidates,
    question: Question,
    history: History,
    centred: Float2D,
    index: Index,
) -> tuple[tuple[Recommendation, ...], tuple[Interest, ...]]:
    """Return the chosen candidates as recommendations with their reasons, and the interests of the history.

    Parameters
    ----------
    chosen : int64 (k,), positions of candidates.
    candidates, question, history : the query's.
    centred : float32 (n_history, dim), the centred vectors of the history.
    index : the generation, which knows titles and passages.
    """
    why = reasons(candidates.parts, chosen, history.weights > 0, BECAUSE_ITEMS)
    groups = [
        central_items(centred, question.interests, interest)
        for interest in range(int(question.interests.max(initial=-1)) + 1)
    ]
    named = [*(reason.history for reason in why), *(members[:CENTRAL_ITEMS] for members in groups)]
    named_keys = history.keys[np.unique(np.concatenate([np.empty(0, np.int64), *named]))]
    wanted = np.concatenate([candidates.keys[chosen], named_keys])
    records = dict(zip(wanted.tolist(), index.records(wanted), strict=True))  # all in one reading
    items = [records[key] for key in candidates.keys[chosen].tolist()]
    because = [_because(reason, history, records) for reason in why]
    loudest = [
        None if reason.by_text or not len(reason.history) else records[int(history.keys[reason.history[0]])]
        for reason in why
    ]
    pairs = _passage_pairs(items, loudest, question.text_vector, index)
    scores = candidates.scores[chosen].tolist()
    recommendations = tuple(
        Recommendation(item.item_id, item.title, score, reason.signals, named, pair, item.metadata)
        for item, score, reason, named, pair in zip(items, scores, why, because, pairs, strict=True)
    )
    return recommendations, _interests(history, groups, records)


def _interests(
    history: History, groups: Sequence[np.ndarray], records: Mapping[int, Record]
) -> tuple[Interest, ...]:
    """Return the interests of a history, largest first, named by their most central items."""
    total = float(np.maximum(history.weights, 0).sum())
    interests = []
    for members in groups:
        central = [records[key] for key in history.keys[members[:CENTRAL_ITEMS]].tolist()]
        interests.append(
            Interest(
                name=" · ".join(record.title or record.item_id for record in central),
                item_ids=tuple(history.item_ids[member] for member in members),
                share=float(history.weights[members].sum()) / total,
            )
        )
    return tuple(interests)


def _because(reason: Reasons, history: History, records: Mapping[int, Record]) -> tuple[Because, ...]:
    keys, shares = history.keys[reason.history].tolist(), reason.shares.tolist()
    return tuple(
        Because(records[key].item_id, records[key].title, share, contribution, signal)
        for key, share, contribution, signal in zip(
            keys, shares, reason.contributions.tolist(), reason.by, strict=True
        )
    )


def _passage_pairs(
    items: Sequence[Record], others: Sequence[Record | None], text_vector: Float1D | None, index: Index
) -> list[Passages | None]:
    """Return the nearest passages of each item and of its loudest reason: another item, or the text."""
    # Vectors are read only where there is a choice between passages.
    wanted = {
        record.item_id
        for item, other in zip(items, others, strict=True)
        for record in (item, other)
        if record and max(len(item.passages), len(other.passages) if other else 1) > 1
    }
    vectors = dict(zip(wanted, index.passage_vectors(item_keys(wanted)), strict=True)) if wanted else {}
    pairs: list[Passages | None] = []
    for item, other in zip(items, others, strict=True):
        right = text_vector[None] if text_vector is not None else None
        if other is not None:
            right = vectors.get(other.item_id)
        elif text_vector is None:
            pairs.append(None)
            continue
        left = vectors.get(item.item_id)
        here, there = nearest_pair(left, right) if left is not None and right is not None else (0, 0)
        pairs.append(Passages(item.passages[here], other.passages[there] if other else None))
    return pairs
