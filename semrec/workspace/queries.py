"""Queries to the generation that answers, with the stored events and preferences of their users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from semrec.identifiers import AnyId, named_identifier
from semrec.ranking.answer import Asked, answer, list_rules, why_not
from semrec.ranking.filters import parse_where
from semrec.ranking.generation import Generation
from semrec.ranking.query import Query
from semrec.ranking.threads import one_blas_thread
from semrec.ranking.user_profile import UserProfile, describe_user
from semrec.ranking.why_not import WhyNot
from semrec.types import Float1D, Recommendations
from semrec.workspace.encoders import check_text_vector
from semrec.workspace.session import OpenWorkspace
from semrec.workspace.users import events_of, preferences_of

if TYPE_CHECKING:
    from semrec.ranking.all_users import BatchReport


def answer_query(
    workspace: OpenWorkspace, query: Query, text_vector: Float1D | None = None
) -> Recommendations:
    """Return the answer to a query; see `Recommender.recommend`."""
    query.check()
    with one_blas_thread(), workspace.live_index.read() as generation:
        found = answer(_asked(workspace, query, text_vector, generation), generation)
        text, manifest = query.text, generation.manifest
        reading = workspace.encoders.reading_note(text, manifest) if text else ""
    notes = [note for note in (reading, workspace.live_index.note) if note]
    return replace(found, notes=(*found.notes, *notes)) if notes else found


def explain_absence(
    workspace: OpenWorkspace, item_id: AnyId, query: Query, text_vector: Float1D | None
) -> WhyNot:
    """Return why an item is not in the answer to a query; see `Recommender.why_not`."""
    wanted = named_identifier(item_id, "item_id")
    query.check()
    with one_blas_thread(), workspace.live_index.read() as generation:
        return why_not(wanted, _asked(workspace, query, text_vector, generation), generation)


def profile_of(workspace: OpenWorkspace, user: AnyId, recent: int) -> UserProfile:
    """Return the profile of a user; see `Recommender.user_profile`."""
    user = named_identifier(user, "user")
    with workspace.live_index.read() as generation:
        preferences = preferences_of(workspace, user)
        return describe_user(user, events_of(workspace, user), preferences, generation, recent=recent)


def recommend_to_all(
    workspace: OpenWorkspace,
    output: Path,
    query: Query,
    popular: bool,
    progress: Callable[[int, int], None] | None,
) -> BatchReport:
    """Recommend to every user of the event log; see `Recommender.recommend_all`."""
    from semrec.ranking.all_users import Batch, recommend_all

    query.check()
    events = workspace.event_log(create=False)
    with workspace.write_lock, workspace.live_index.pin() as handle, one_blas_thread():
        generation = handle.generation
        wanted = parse_where(query.where, generation.manifest.fields, generation.index.text_values)
        batch = Batch(query.k, wanted.conditions, popular, list_rules(query, generation))
        report = recommend_all(generation, events, output, batch, progress)
    return replace(report, notes=(*report.notes, *wanted.notes))


def _asked(
    workspace: OpenWorkspace, query: Query, text_vector: Float1D | None, generation: Generation
) -> Asked:
    """Return a query with its text vector, and with the events and preferences of its user."""

    def encode(text: str) -> Float1D:
        if text_vector is None:
            return workspace.encoders.text_vector(text, generation.manifest)
        return check_text_vector(text_vector, generation.manifest)

    text, manifest = query.text, generation.manifest
    by_words_only = workspace.encoders.is_unreadable(text, manifest) if text else False
    asked = Asked(query, encode, by_words_only=by_words_only)
    if query.user is None:
        return asked
    stored, preferences = events_of(workspace, query.user), preferences_of(workspace, query.user)
    return replace(asked, stored=stored, preferences=preferences)
