"""The `collaborative` signal: items that the same people like, by matrix factorisation (iALS).

An item is a factor v_i. A history becomes a user's factor by fold-in (`semrec.signals.models.fold_in`), so
the score v_i·u is a sum over the history: c_h · v_iᵀ A⁻¹ v_h.

A map from text to factors gives an item without events its factor. A text query asks as the user of one
item with that text would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from semrec.signals.fitting import Fitted, NewItems, Parameters, TrainingData, Trial
from semrec.signals.models.fold_in import FoldIn
from semrec.signals.models.text_map import TextMap, without_text_map
from semrec.signals.signal import LinearQuery, Origin, Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import LinearStandard
from semrec.store.protocol import Items, ScoreQuery, Search, VectorField
from semrec.types import Float1D, Float2D

if TYPE_CHECKING:
    from semrec.signals.catalog_matrix import Catalog, Histories

COLLABORATIVE = "collaborative"

RANKS = (64, 128)
"""Factors of an item to try."""
TRIAL_RANK = 64
TRIAL_EPOCHS = 6
GRID = ((0.05, 0.001), (0.2, 0.003), (0.6, 0.005))
"""(alpha, reg) to try."""


class CollaborativeSignal(Signal):
    """The signal on one catalog.

    Parameters
    ----------
    fold_in : turns a history into a factor.
    text_map : predicts the factors of a text; None: a text is not scored.
    sample : a fixed sample of the catalog; None where only `score_catalog` is used.
    """

    name = COLLABORATIVE
    label = "taste"
    source = "events"
    is_fitted = True
    # For a text it has to be asked for: it finds what users of such items use, but hides what the words name.
    # On ml_latest_small, new films by a piece of their plot: with weight 0.1, what their users also used has
    # NDCG@10 0.047 instead of 0.029, and the film itself MRR 0.83 instead of 0.85; with 0.25, 0.111 and 0.79.
    default_weight = 0.0
    because = "People who use {items} also use this."
    warm_prior = 0.2
    cold_prior = 0.25
    history_fields = (COLLABORATIVE,)
    sample_fields = (COLLABORATIVE,)

    def __init__(self, fold_in: FoldIn, text_map: TextMap | None = None, sample: Items | None = None) -> None:
        self._fold_in = fold_in
        self._text_map = text_map
        if sample is not None:
            self._standard = LinearStandard(sample.keys, sample.vectors(COLLABORATIVE))

    @classmethod
    def open(cls, context: SignalContext) -> CollaborativeSignal:
        """Open the signal on a catalog."""
        return cls(_fold_in_of(context.parameters), TextMap.of(context.parameters), context.sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the text and one for the history, where given."""
        parts = []
        if question.text_vector is not None and self._text_map is not None:
            factor = self._text_map.factors(question.text_vector[None])
            parts.append(self._part("text", factor, np.ones(1, np.float32), question))
        if len(question.history):
            factors = question.vectors(COLLABORATIVE)
            parts.append(self._part("history", factors, question.weights, question))
        return parts

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for many histories, float32 (n, n_rows)."""
        factors = catalog.dense(COLLABORATIVE)
        users: Float2D = histories.prepared(
            COLLABORATIVE, lambda: self._fold_in.users(histories.weights, factors)
        )
        return users @ factors[rows].T

    def _part(
        self, origin: Origin, factors: Float2D, confidences: Float1D, question: Question
    ) -> SignalQuery:
        """Return the question of a user who has used items with these factors, float32 (n_terms, rank)."""
        reasons = self._fold_in.reasons(factors, confidences)
        user = reasons.sum(axis=1)
        part = LinearQuery(
            COLLABORATIVE,
            origin,
            *self._standard.of(reasons, question.history),
            fields=(COLLABORATIVE,),
            directions=reasons,
        )
        if not np.any(user):
            return part
        searches = (Search(COLLABORATIVE, user, question.limit),)
        return replace(part, searches=searches, requests=(ScoreQuery(COLLABORATIVE, user),))

    # -- learning ----------------------------------------------------------------------------------------

    @classmethod
    def tune(cls, trial: Trial) -> Mapping[str, Any]:
        """Choose the regularisation at a small rank first, then the rank."""
        from semrec.signals.models.ials import IalsOptions

        n_items = trial.data.user_items.shape[1]
        ranks = sorted({min(rank, n_items) for rank in RANKS})
        trials = [
            IalsOptions(min(TRIAL_RANK, max(ranks)), alpha, reg, epochs=TRIAL_EPOCHS) for alpha, reg in GRID
        ]
        found = [_found(trial, options) for options in trials]
        best, most = trials[int(np.argmax(found))], max(found)
        for rank in ranks:
            options = replace(best, rank=rank, epochs=TRIAL_EPOCHS)
            if rank > best.rank and (now := _found(trial, options)) > most:
                best, most = options, now
        return asdict(best)

    @classmethod
    def fit(cls, data: TrainingData, options: Mapping[str, Any], seed: int) -> Fitted:
        """Factorise, and learn to predict factors from text."""
        from semrec.signals.models import ials, text_map

        n_items = data.user_items.shape[1]
        chosen = ials.IalsOptions(**options) if options else ials.IalsOptions(rank=min(max(RANKS), n_items))
        own = ials.train(data.weighted, chosen, seed)
        learned = text_map.learn_text_map(data.text_vectors, own, data.events)
        factors = text_map.hand_over(own, learned.factors(data.text_vectors), data.events)
        parameters: Parameters = {
            "gram": own.T @ own,
            "alpha": chosen.alpha,
            "reg": chosen.reg,
            "nu": chosen.nu,
            "n_items": n_items,
            **learned.stored,
        }
        fields = (VectorField(COLLABORATIVE, "dense", factors.shape[1], "dot"),)
        return Fitted(fields, {COLLABORATIVE: factors}, parameters)

    @classmethod
    def new_item_vectors(cls, parameters: Parameters, items: NewItems) -> Mapping[str, Sequence[Float1D]]:
        """Return the factors predicted from the texts of new items; 0 without a map."""
        predict = TextMap.of(parameters)
        rank = len(_array(parameters, "gram"))
        text = items.text_vectors
        factors = predict.factors(text) if predict else np.zeros((len(text), rank), np.float32)
        return {COLLABORATIVE: list(factors)}

    @classmethod
    def without_text(cls, parameters: Parameters) -> tuple[Parameters, str]:
        """Return the parameters without the map from text, which knows only the vectors of one encoder."""
        return without_text_map(parameters), "new items have no taste until the next run of: semrec fit"


def _fold_in_of(parameters: Parameters) -> FoldIn:
    numbers = {name: parameters[name] for name in ("alpha", "reg", "nu", "n_items")}
    return FoldIn(_array(parameters, "gram"), **numbers)  # type: ignore[arg-type]


def _array(parameters: Parameters, name: str) -> np.ndarray:
    return np.asarray(parameters[name], np.float32)


def _found(trial: Trial, options: Any) -> float:
    """Return how much of the hidden events a factorisation finds."""
    from semrec.signals.models import ials

    factors = ials.train(trial.data.weighted, options, trial.seed)
    fold_in = FoldIn(factors.T @ factors, options.alpha, options.reg, options.nu, len(factors))

    def score(histories: Histories) -> Float2D:
        scores: Float2D = fold_in.users(histories.weights, factors) @ factors.T
        return scores

    return trial.ndcg(score)
