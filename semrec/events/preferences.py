"""Preferences of users: how much each of their interests counts. Stored in the database of the event log.

Interests change with every event, so a preference is stored for an item: it applies to the interest that
the item belongs to.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from semrec.errors import QueryError
from semrec.events.log import EventLog

MAX_PREFERENCES = 256
"""Preferences of one user; the latest ones are kept."""

MAX_INTEREST_WEIGHT = 10.0
"""Largest weight that an interest can have; 1 is the usual weight."""

USERS_A_QUERY = 500
"""Users whose preferences one query reads."""

_metadata = sa.MetaData()
_preferences = sa.Table(
    "semrec_preferences",
    _metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("weight", sa.Double, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
)


class Preferences:
    """The preferences of all users.

    Parameters
    ----------
    log : the event log; its database holds the preferences.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._has_table = False

    def of(self, user_id: str) -> dict[str, float]:
        """Return the weights of a user by item, oldest preference first; empty without any."""
        return self.of_many([user_id]).get(user_id, {})

    def of_many(self, user_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return the weights by item of all users with preferences, oldest preference first."""
        table = _preferences.c
        found: dict[str, dict[str, float]] = {}
        with self._log.transaction() as connection:
            self._has_table = self._has_table or sa.inspect(connection).has_table(_preferences.name)
            if not self._has_table:
                return {}
            for start in range(0, len(user_ids), USERS_A_QUERY):
                own = table.user_id.in_(user_ids[start : start + USERS_A_QUERY])
                possible = table.weight.between(0, MAX_INTEREST_WEIGHT)
                query = sa.select(_preferences).where(own, possible).order_by(table.time, table.item_id)
                for row in connection.execute(query):
                    found.setdefault(row.user_id, {})[row.item_id] = row.weight
        return found

    def set(self, user_id: str, weights: Mapping[str, float]) -> None:
        """Set how much interests count; the weight 1 is the normal one and removes the preference.

        Parameters
        ----------
        weights : by an item of the interest, 0 to `MAX_INTEREST_WEIGHT`.

        Raises
        ------
        QueryError
            A weight is out of range; nothing is stored.
        """
        for item_id, weight in weights.items():
            if not 0 <= weight <= MAX_INTEREST_WEIGHT:
                raise QueryError(
                    f"the weight of an interest is from 0 to {MAX_INTEREST_WEIGHT:g}; "
                    f"{item_id!r} got {weight}."
                )
        now = time.time()
        others = {item_id: weight for item_id, weight in self.of(user_id).items() if item_id not in weights}
        new = {item_id: weight for item_id, weight in weights.items() if weight != 1}
        latest = list((others | new).items())[-MAX_PREFERENCES:]
        rows = [
            {"user_id": user_id, "item_id": item_id, "weight": weight, "time": now + 1e-6 * place}
            for place, (item_id, weight) in enumerate(latest)
        ]
        with self._log.transaction(write=True) as connection:
            _metadata.create_all(connection)
            connection.execute(sa.delete(_preferences).where(_preferences.c.user_id == user_id))
            if rows:
                connection.execute(sa.insert(_preferences), rows)

    def delete(self, user_id: str) -> int:
        """Delete all preferences of a user; return how many there were."""
        with self._log.transaction(write=True) as connection:
            _metadata.create_all(connection)
            own = sa.delete(_preferences).where(_preferences.c.user_id == user_id)
            return connection.execute(own).rowcount
