"""From a query to an answer: history, candidates, choice, reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from semrec.errors import QueryError
from semrec.events.counting import REASONS, listed_reasons, shown
from semrec.ranking.cursor import MOST_SHOWN, write_cursor
from semrec.ranking.explanation import Reasons, contributions, nearest_pair, reasons
from semrec.ranking.filters import parse_where
from semrec.ranking.generation import Generation
from semrec.ranking.history import History, check_known, history_of, no_history, rules_of
from semrec.ranking.pipeline import Candidates, Filters, choose, find_candidates
from semrec.ranking.profile import central_items, find_interests
from semrec.ranking.query import Query
from semrec.ranking.rating_prediction import predicted_ratings
from semrec.ranking.unmet import unmet_notes
from semrec.ranking.why_not import Rules, WhyNot, judge
from semrec.signals import SIGNALS, Question
from semrec.store.protocol import PASSAGES, Items, Record
from semrec.tracing import stage
from semrec.types import (
    Because,
    Event,
    Float1D,
    Float2D,
    Interest,
    Keys,
    Passages,
    Recommendation,
    Recommendations,
    item_keys,
)

BECAUSE_ITEMS = 3
"""Items of the history that an explanation names."""

CENTRAL_ITEMS = 2
"""Items of the history that an interest is named after."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and what is known of its user.

    Parameters
    ----------
    query : the query, checked.
    stored : events of the user in the log, oldest first.
    preferences : weights of the user's interests, by an item of each.
    encode : returns the vector of the query's text, float32 (dim,), unit length.
    by_words_only : the encoder cannot read the text, so only its words are compared.
    """

    query: Query
    encode: Callable[[str], Float1D]
    stored: Sequence[Event] = ()
    preferences: Mapping[str, float] = field(default_factory=dict)
    by_words_only: bool = False


def answer(asked: Asked, generation: Generation) -> Recommendations:
    """Return the recommendations for a query; see `Recommender.recommend`."""
    query = asked.query
    _check_signals(query, generation)
    where = parse_where(query.where, generation.manifest.fields, generation.index.text_values)
    with stage("history"):
        history, notes = _history(asked, generation)
    question = _question(asked, history, generation)
    filters = Filters(where.conditions, _hidden(query, history))
    candidates = _candidates(query, question, history, generation, filters)
    chosen = choose(candidates, query.k, query.diversity, generation, query.shown)
    recommendations, interests = (
        _explained(chosen, candidates, question, history, generation)
        if query.explain
        else (_plain(chosen, candidates, history, generation), ())
    )
    notes = (*notes, *where.notes)
    if where.conditions and not recommendations and not where.notes:
        notes = (*notes, *unmet_notes(where.conditions, generation.index))
    return Recommendations(
        query.to_dict(),
        recommendations,
        interests,
        history.unknown,
        notes,
        _fallback(query, history, generation),
        _next(query, candidates, chosen),
    )


def why_not(item_id: str, asked: Asked, generation: Generation) -> WhyNot:
    """Return why an item is not among the recommendations for a query; see `Recommender.why_not`."""
    query = asked.query
    _check_signals(query, generation)
    where = parse_where(query.where, generation.manifest.fields, generation.index.text_values).conditions
    history, _ = _history(asked, generation)
    key = item_keys([item_id])
    records = generation.index.fetch(key, records=True).records()
    if not records:
        return WhyNot(item_id, "", "not_indexed", "the index does not hold it; index it first")
    seen = frozenset(history.seen) if query.exclude_seen else frozenset()
    rules = Rules(where, seen, frozenset(query.exclude))
    title = records[0].title
    if kept_out := rules.against(item_id, title, records[0].metadata):
        return kept_out
    filters = Filters(where, _hidden(query, history))
    question = _question(asked, history, generation)
    found = _candidates(query, question, history, generation, filters)
    chosen = found.keys[choose(found, query.k, query.diversity, generation, query.shown)]
    was_found = bool(np.isin(key, found.found)[0])
    if not np.isin(key, found.keys)[0]:
        found = _candidates(query, question, history, generation, filters, also=key)
    last = generation.index.fetch(chosen[-1:], records=True).records()
    return judge(
        item_id,
        title,
        found,
        place=int(np.searchsorted(found.keys, key[0])),
        chosen=np.flatnonzero(np.isin(found.keys, chosen)),
        last=(int(np.searchsorted(found.keys, chosen[-1])), last[0].item_id) if last else None,
        was_found=was_found,
    )


def fallback_signals(generation: Generation, asked_weights: Mapping[str, float]) -> str:
    """Return what users without a history get, in words: `popular and new`; empty when nothing."""
    weights = generation.weights(asked_weights, n_history=0)
    words = (signal.fallback for signal in generation.signals if weights.is_active(signal.name))
    return " and ".join(word for word in words if word)


def impersonal_signals() -> list[str]:
    """Return the names of the signals that give every asker the same score."""
    return [signal.name for signal in SIGNALS if signal.impersonal]


def _check_signals(query: Query, generation: Generation) -> None:
    names = {signal.name for signal in generation.signals} | set(impersonal_signals())
    for name in query.weights:
        if name not in names:
            raise QueryError(f"there is no signal {name!r}; the index has {', '.join(sorted(names))}.")


def _history(asked: Asked, generation: Generation) -> tuple[History, tuple[str, ...]]:
    """Return the history that can be used, and what the asker should know of it.

    Raises
    ------
    UnknownItemError
        The index holds no item of the given history.
    """
    query, index = asked.query, generation.index
    fields = (*generation.history_fields, *([PASSAGES] if query.explain else []))

    def read(keys: Keys) -> Items:
        return index.fetch(keys, fields, records=query.explain)

    history = history_of(asked.stored, asked.preferences, generation, read, query.history)
    if query.history:
        check_known(history)
    elif not len(history.keys):
        history = replace(no_history(generation), unknown=history.unknown, seen=history.seen)
    if not history.is_empty:
        return history, ()
    why = _why_nothing_counts(asked, history, generation)
    if query.text:
        return history, (why,) if query.user else ()
    what = _fallback(query, history, generation)
    return history, (f"{why}: this is what is {what}",) if what else ()


def _fallback(query: Query, history: History, generation: Generation) -> str | None:
    """Return what is recommended where nothing is known; None where something is, or all weights are 0."""
    if query.text or not history.is_empty:
        return None
    return fallback_signals(generation, query.weights) or None


def _why_nothing_counts(asked: Asked, history: History, generation: Generation) -> str:
    """Return in words why neither the question nor the stored events of its user say something."""
    user = asked.query.user
    if user is None:
        return "no event of the history counts" if asked.query.history else "the question is empty"
    if not asked.stored:
        return f"user {shown(user)} has no events"
    if len(history.keys) and asked.preferences:
        return f"user {shown(user)} has muted all interests"
    if len(history.keys) and not np.isnan(history.ratings).any():
        low, high = generation.rating_scale
        n_rated = len(history.keys)
        return f"user {shown(user)} has given {n_rated} neutral ratings, in the middle of {low:g} to {high:g}"
    rules, unknown = rules_of(generation), set(history.unknown)
    counts, examples = rules.count(asked.stored)
    possible = [event.item_id in unknown for event in asked.stored if not rules.reason(event)]
    others = Counter(REASONS["unknown_item" if is_unknown else "no_weight"] for is_unknown in possible)
    return f"no event of user {shown(user)} counts ({listed_reasons(counts | others, examples)})"


def _hidden(query: Query, history: History) -> Keys:
    """Return the keys that are never recommended."""
    return np.union1d(item_keys(query.exclude), history.seen_keys[: None if query.exclude_seen else 0])


def _next(query: Query, candidates: Candidates, chosen: np.ndarray) -> str | None:
    """Return the cursor of the next page; None if there is nothing more to show."""
    shown = np.concatenate([query.shown, candidates.keys[chosen]])
    is_last = (
        len(chosen) < query.k or len(shown) > MOST_SHOWN or not len(np.setdiff1d(candidates.keys, shown))
    )
    return None if is_last else write_cursor(shown)


def _question(asked: Asked, history: History, generation: Generation) -> Question:
    """Return what the signals see of a query."""
    query, settings = asked.query, generation.settings
    return Question(
        text=query.text,
        text_vector=asked.encode(query.text) if query.text and not asked.by_words_only else None,
        history=history.keys,
        weights=history.weights,
        interests=find_interests(history.centred, history.weights, settings.ranking.max_interests),
        centred=history.centred,
        items=history.items,
        limit=max(settings.ranking.candidates, 2 * (query.k + len(query.shown))),
    )


def _candidates(
    query: Query,
    question: Question,
    history: History,
    generation: Generation,
    filters: Filters,
    also: Keys | None = None,
) -> Candidates:
    """Return what is considered for an answer, and the items of `also`."""
    weights = generation.weights(query.weights, history.length)
    shown = query.shown
    n_wanted = query.k + len(shown)
    if len(shown):
        held = shown[generation.index.contains(shown)]
        also = held if also is None else np.union1d(held, also)
    return find_candidates(question, generation, filters, weights, n_wanted, query.diversity, also)


# -- what is shown ---------------------------------------------------------------------------------------


@stage("explain")
def _plain(
    chosen: np.ndarray, candidates: Candidates, history: History, generation: Generation
) -> tuple[Recommendation, ...]:
    """Return the chosen candidates as recommendations without reasons."""
    items = generation.index.fetch(candidates.keys[chosen], generation.rating_fields, records=True)
    chosen = chosen[np.isin(candidates.keys[chosen], items.keys)]  # one may be deleted by now
    scores = candidates.scores[chosen].tolist()
    ratings = predicted_ratings(history, items, generation)
    return tuple(
        Recommendation(record.item_id, record.title, score, metadata=record.metadata, predicted_rating=rating)
        for record, score, rating in zip(items.records(), scores, ratings, strict=True)
    )


@stage("explain")
def _explained(
    chosen: np.ndarray, candidates: Candidates, question: Question, history: History, generation: Generation
) -> tuple[tuple[Recommendation, ...], tuple[Interest, ...]]:
    """Return the chosen candidates with their reasons, and the interests of the history."""
    fields = dict.fromkeys(name for part in candidates.parts for name in part.query.fields)
    read = (*fields, PASSAGES, *generation.rating_fields)
    items = generation.index.fetch(candidates.keys[chosen], read, records=True)
    chosen = chosen[np.isin(candidates.keys[chosen], items.keys)]  # one may be deleted by now
    adds = contributions([part.at(chosen) for part in candidates.parts], items)
    why = reasons(adds, len(chosen), history.weights > 0, BECAUSE_ITEMS)
    groups = [
        central_items(history.centred, question.interests, interest)
        for interest in range(int(question.interests.max(initial=-1)) + 1)
    ]
    named = _Named(
        history, [*(reason.history for reason in why), *(group[:CENTRAL_ITEMS] for group in groups)]
    )
    pairs = _passage_pairs(items, why, named, question)
    scores = candidates.scores[chosen].tolist()
    ratings = predicted_ratings(history, items, generation)
    recommendations = tuple(
        Recommendation(
            item.item_id,
            item.title,
            score,
            reason.signals,
            named.because(reason),
            pair,
            item.metadata,
            rating,
        )
        for item, score, reason, pair, rating in zip(
            items.records(), scores, why, pairs, ratings, strict=True
        )
    )
    return recommendations, _interests(history, groups, named)


class _Named:
    """The items of the history that an answer names, read once.

    Parameters
    ----------
    history : of the question.
    places : int64 arrays, the places of these items in the history.
    """

    def __init__(self, history: History, places: Sequence[np.ndarray]) -> None:
        distinct = np.unique(np.concatenate([np.empty(0, np.int64), *places])).tolist()
        self._items = history.items
        records = history.items.records(distinct) if history.items and distinct else []
        self._records = dict(zip(distinct, records, strict=True))

    def __getitem__(self, place: int) -> Record:
        return self._records[place]

    def passage_vectors(self, places: Sequence[int]) -> dict[int, Float2D]:
        """Return the passage vectors of some of them, by place."""
        if self._items is None or not places:
            return {}
        return dict(zip(places, self._items.passage_vectors(places), strict=True))

    def because(self, reason: Reasons) -> tuple[Because, ...]:
        """Return the items of the history that speak for an item."""
        return tuple(
            Because(self[place].item_id, self[place].title, share, contribution, signal)
            for place, share, contribution, signal in zip(
                reason.history.tolist(),
                reason.shares.tolist(),
                reason.contributions.tolist(),
                reason.by,
                strict=True,
            )
        )


def _interests(history: History, groups: Sequence[np.ndarray], named: _Named) -> tuple[Interest, ...]:
    """Return the interests of a history, largest first, named by their most central items."""
    total = float(np.maximum(history.weights, 0).sum())
    interests = []
    for members in groups:
        central = [named[place] for place in members[:CENTRAL_ITEMS].tolist()]
        interests.append(
            Interest(
                name=" · ".join(record.title or record.item_id for record in central),
                item_ids=tuple(history.item_ids[member] for member in members),
                share=float(history.weights[members].sum()) / total,
            )
        )
    return tuple(interests)


def _passage_pairs(
    items: Items, why: Sequence[Reasons], named: _Named, question: Question
) -> list[Passages | None]:
    """Return the nearest passages of each item and of its strongest reason: a history item, or the text."""
    text_vector = question.text_vector
    records = items.records()
    strongest = [
        None if reason.by_text or not len(reason.history) else int(reason.history[0]) for reason in why
    ]
    # Vectors are read only where there is a choice between passages.
    choice = [
        place
        for place, (item, other) in enumerate(zip(records, strongest, strict=True))
        if max(len(item.passages), len(named[other].passages) if other is not None else 1) > 1
    ]
    own = dict(zip(choice, items.passage_vectors(choice), strict=True)) if choice else {}
    theirs = named.passage_vectors(
        sorted({other for place in choice if (other := strongest[place]) is not None})
    )
    pairs: list[Passages | None] = []
    for place, (item, other) in enumerate(zip(records, strongest, strict=True)):
        if other is None and question.text is None:
            pairs.append(None)
            continue
        right = theirs.get(other) if other is not None else None if text_vector is None else text_vector[None]
        left = own.get(place)
        here, there = nearest_pair(left, right) if left is not None and right is not None else (0, 0)
        pairs.append(
            Passages(item.passages[here], named[other].passages[there] if other is not None else None)
        )
    return pairs
