"""From a query to an answer: history, candidates, choice, reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from semrec.errors import QueryError
from semrec.events.counting import REASONS, listed_reasons, shown
from semrec.ranking.choice import Choice, choose
from semrec.ranking.cursor import MOST_SHOWN, write_cursor
from semrec.ranking.diversity import ListRules
from semrec.ranking.explanation import contributions, reasons
from semrec.ranking.exploration import NOTE, explored
from semrec.ranking.filters import check_field, parse_where
from semrec.ranking.generation import Generation
from semrec.ranking.history import History, check_known, history_of, no_history, rules_of
from semrec.ranking.matching_passages import NamedItems, passage_pairs
from semrec.ranking.pipeline import MMR_CANDIDATES, Candidates, Filters, find_candidates
from semrec.ranking.profile import central_items, find_interests
from semrec.ranking.query import Query
from semrec.ranking.rating_prediction import predicted_ratings
from semrec.ranking.unmet import unmet_notes
from semrec.ranking.why_not import Rules, Verdict, WhyNot, judge
from semrec.signals import SIGNALS, Question
from semrec.store.protocol import PASSAGES, Items
from semrec.tracing import stage
from semrec.types import (
    Event,
    Float1D,
    Interest,
    Keys,
    Recommendation,
    Recommendations,
    item_keys,
)

BECAUSE_ITEMS = 3
"""Items of the history that an explanation names."""

LONGEST_COLLAPSED = 10
"""Places of the longest list in which near-duplicates collapse by themselves."""

MOST_VARIANTS = 20
"""Near-duplicates of one item whose ids an answer tells."""

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
    choice = _choice(query, question, history, generation, filters)
    choice, marked = explored(choice, query.explore, generation, query.shown)
    chosen, candidates = choice.places, choice.candidates
    recommendations, interests = (
        _explained(chosen, candidates, question, history, generation)
        if query.explain
        else (_plain(chosen, candidates, history, generation), ())
    )
    recommendations = _marked(_with_variants(recommendations, choice, generation), marked)
    notes = (*notes, *where.notes)
    if query.explore and generation.evidence_request is None:
        notes = (*notes, NOTE)
    if where.conditions and not recommendations and not where.notes:
        notes = (*notes, *unmet_notes(where.conditions, generation.index))
    return Recommendations(
        query.to_dict(),
        recommendations,
        interests,
        history.unknown,
        notes,
        _fallback(query, history, generation),
        _next(query, choice),
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
    choice = _choice(query, question, history, generation, filters)
    found, chosen = choice.candidates, choice.keys
    was_found = bool(np.isin(key, found.found)[0])
    if not np.isin(key, found.keys)[0]:
        found = _candidates(query, question, history, generation, filters, np.union1d(chosen, key))
    last = generation.index.fetch(chosen[-1:], records=True).records()
    return judge(
        item_id,
        title,
        found,
        place=int(np.searchsorted(found.keys, key[0])),
        chosen=np.flatnonzero(np.isin(found.keys, chosen)),
        last=(int(np.searchsorted(found.keys, chosen[-1])), last[0].item_id) if last else None,
        was_found=was_found,
        left_out=_left_out(int(key[0]), choice, query, generation),
    )


def _left_out(key: int, choice: Choice, query: Query, generation: Generation) -> tuple[Verdict, str] | None:
    """Return that an item is a near-duplicate or that its group is full; None if neither is true."""
    if key in choice.variant_of:
        like = generation.index.fetch(np.array([choice.variant_of[key]], np.uint64), records=True).records()
        title = (like[0].title or like[0].item_id) if like else "an item"
        return "variant", f"it is nearly the same as {title}, which is shown"
    if key in choice.crowded_out:
        field, n = next(iter(query.group.items()))
        return "grouped", f"the list has room for {n} items with the same {field}, and better ones are shown"
    return None


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


def _next(query: Query, choice: Choice) -> str | None:
    """Return the cursor of the next page; None if there is nothing more to show."""
    shown = np.concatenate([query.shown, choice.keys])
    is_last = len(choice.keys) < query.k or len(shown) > MOST_SHOWN or not choice.has_more
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
        ages=history.ages,
    )


def _choice(
    query: Query, question: Question, history: History, generation: Generation, filters: Filters
) -> Choice:
    """Return what is shown, and the candidates that it was chosen from."""

    def find(narrowed: Filters, also: Keys) -> Candidates:
        return _candidates(query, question, history, generation, narrowed, also)

    return choose(find, filters, list_rules(query, generation), query.k, query.shown, generation)


def list_rules(query: Query, generation: Generation) -> ListRules:
    """Return what the list of a query must keep to, besides the order of the scores.

    Raises
    ------
    UnknownFieldError
        The index has no field of the name of the group.
    """
    field, per_group = next(iter(query.group.items()), ("", 1))
    if field:
        check_field(field, generation.manifest.fields, use="group")
    wanted = query.near_duplicates or generation.settings.ranking.near_duplicates
    collapse = wanted == "collapse" or (
        wanted == "auto" and query.k <= LONGEST_COLLAPSED and generation.near_duplicates.are_many
    )
    return ListRules(query.diversity, field, per_group, collapse)


def _candidates(
    query: Query,
    question: Question,
    history: History,
    generation: Generation,
    filters: Filters,
    also: Keys,
) -> Candidates:
    """Return what is considered for an answer, and the items of `also`, those of earlier pages."""
    weights = generation.weights(query.weights, history.length)
    held = also[generation.index.contains(also)] if len(also) else None
    n_wanted = query.k + len(query.shown)
    looks_further = list_rules(query, generation).looks_further or query.explore > 0
    n_ordered = MMR_CANDIDATES * n_wanted if looks_further else n_wanted
    return find_candidates(question, generation, filters, weights, n_wanted, n_ordered, held)


def _marked(
    recommendations: tuple[Recommendation, ...], marked: frozenset[int]
) -> tuple[Recommendation, ...]:
    """Return the recommendations, those with these keys marked as explored."""
    if not marked:
        return recommendations
    keys = item_keys(item.item_id for item in recommendations).tolist()
    return tuple(
        replace(item, explored=key in marked) for item, key in zip(recommendations, keys, strict=True)
    )


# -- what is shown ---------------------------------------------------------------------------------------


def _with_variants(
    recommendations: tuple[Recommendation, ...], choice: Choice, generation: Generation
) -> tuple[Recommendation, ...]:
    """Return the recommendations with the near-duplicates that were left out for them."""
    if not choice.variant_of:
        return recommendations
    by_item = [choice.variants(key) for key in item_keys(r.item_id for r in recommendations).tolist()]
    keys = np.array([key for keys in by_item for key in keys[:MOST_VARIANTS]], np.uint64)
    items = generation.index.fetch(keys, records=True)
    ids = dict(zip(items.keys.tolist(), (record.item_id for record in items.records()), strict=True))
    return tuple(
        replace(r, n_variants=len(keys), variants=tuple(ids[key] for key in keys if key in ids))
        for r, keys in zip(recommendations, by_item, strict=True)
    )


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
    named = NamedItems(
        history, [*(reason.history for reason in why), *(group[:CENTRAL_ITEMS] for group in groups)]
    )
    records = items.records()
    pairs = passage_pairs(items, records, why, named, question)
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
        for item, score, reason, pair, rating in zip(records, scores, why, pairs, ratings, strict=True)
    )
    return recommendations, _interests(history, groups, named)


def _interests(history: History, groups: Sequence[np.ndarray], named: NamedItems) -> tuple[Interest, ...]:
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
