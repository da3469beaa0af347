"""Predicted ratings of a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semrec.events.kinds import KindNames
from semrec.identifiers import AnyId, named_identifier
from semrec.ranking.query import read_history
from semrec.ranking.rating_prediction import RatingPrediction, predict_rating
from semrec.ranking.threads import one_blas_thread
from semrec.types import Event
from semrec.workspace.session import OpenWorkspace
from semrec.workspace.users import events_of


class Predictions:
    """The part of `Recommender` that predicts ratings."""

    _workspace: OpenWorkspace

    def predict(
        self,
        item: AnyId,
        *,
        user: AnyId | None = None,
        history: Sequence[AnyId | Event | Mapping[str, Any]] = (),
    ) -> RatingPrediction:
        """Predict the rating that a user would give to an item, with an interval and reasons.

        `fit` learns from ratings, events of kind `rate` with a value. Those of the user count as they are.

        Parameters
        ----------
        item : an item of the index; it need not have ratings.
        user : a user of the event log; without ratings, the item's average is the answer.
        history : more events, as in `recommend`.

        Raises
        ------
        ConfigError, UnknownItemError, QueryError
            `fit` has not learned from ratings; the item is not in the index; the question does not fit.
        """
        workspace = self._workspace
        item_id = named_identifier(item, "item")
        user_id = None if user is None else named_identifier(user, "user")
        events = read_history(history, KindNames.of(workspace.settings.events))
        with one_blas_thread(), workspace.live_index.read() as generation:
            stored = events_of(workspace, user_id) if user_id is not None else ()
            return predict_rating(item_id, user_id, stored, events, generation)
