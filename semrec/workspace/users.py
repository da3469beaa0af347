"""What is stored of users: their events, preferences for interests, and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from semrec.errors import NoEventLogError, QueryError
from semrec.identifiers import AnyId, named_identifier
from semrec.ranking.user_profile import DeletedUser, UserProfile
from semrec.types import Event
from semrec.workspace.folder import find_workspace
from semrec.workspace.session import OpenWorkspace

if TYPE_CHECKING:
    from semrec.events.log import EventLog
    from semrec.events.preferences import Preferences
    from semrec.events.stored_events import EventChoice, StoredEvent


def events_of(workspace: OpenWorkspace, user: str) -> list[Event]:
    """Return the latest stored events of a user, oldest first; at most `EventSettings.max_user_events`.

    Empty also before there is an event log: a user without events can ask.
    """
    try:
        log = workspace.event_log(create=False)
    except NoEventLogError:
        return []
    return log.history(user, limit=workspace.settings.events.max_user_events)


def preferences_of(workspace: OpenWorkspace, user: str) -> dict[str, float]:
    """Return the weights that a user gave to interests, by an item of each interest."""
    try:
        log = workspace.event_log(create=False)
    except NoEventLogError:
        return {}
    return _preferences_in(log).of(user)


def set_interests(workspace: OpenWorkspace, profile: UserProfile, weights: Mapping[Any, float]) -> None:
    """Store how much interests count; see `Recommender.set_interests`.

    Parameters
    ----------
    profile : the user's profile now; each item of `weights` must be in one of its interests.
    weights : weight by an item of the interest, 0 to `semrec.events.preferences.MAX_INTEREST_WEIGHT`.

    Raises
    ------
    QueryError
        A weight is out of range, or an item is in no interest of this user.
    """
    by_id = {named_identifier(item_id, "an item of `weights`"): weight for item_id, weight in weights.items()}
    known = {item_id for interest in profile.interests for item_id in interest.item_ids}
    for item_id in by_id:
        if item_id not in known:
            raise QueryError(
                f"no interest of user {profile.user_id!r} holds the item {item_id!r}; see the profile."
            )
    _preferences_in(workspace.event_log()).set(profile.user_id, by_id)


def delete_user(workspace: OpenWorkspace, user: AnyId) -> DeletedUser:
    """Delete a user's events and preferences, also from files of deleted rows; return how many there were."""
    user = named_identifier(user, "user")
    find_workspace(workspace.folder)
    log = workspace.event_log()
    deleted = DeletedUser(user, log.delete_user(user), _preferences_in(log).delete(user))
    log.wipe()
    return deleted


def find_events(workspace: OpenWorkspace, choice: EventChoice, limit: int) -> list[StoredEvent]:
    """Return stored events; see `Recommender.events`."""
    from semrec.events import stored_events

    find_workspace(workspace.folder)
    return stored_events.find_events(workspace.event_log(create=False), _as_stored(choice), limit)


def delete_events(workspace: OpenWorkspace, choice: EventChoice) -> int:
    """Delete stored events; see `Recommender.delete_events`."""
    from semrec.events import stored_events

    find_workspace(workspace.folder)
    return stored_events.delete_events(workspace.event_log(create=False), _as_stored(choice))


def _as_stored(choice: EventChoice) -> EventChoice:
    """Return the choice with its ids as stored."""
    user, item = (
        None if value is None else named_identifier(value, name)
        for name, value in (("user", choice.user), ("item", choice.item))
    )
    return replace(choice, user=user, item=item)


def _preferences_in(log: EventLog) -> Preferences:
    from semrec.events.preferences import Preferences  # loads polars and sqlalchemy: half a second

    return Preferences(log)
