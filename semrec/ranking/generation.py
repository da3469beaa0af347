"""One generation that answers: its index, its manifest, and its signals, opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from semrec.config import USUAL_SCALE, Settings
from semrec.errors import ConfigError
from semrec.mathematics.rows import centre
from semrec.ranking.near_duplicates import NearDuplicatePairs
from semrec.signals import SIGNALS, Signal, SignalContext, default_weights
from semrec.signals.blend import QuestionWeights
from semrec.signals.fitting import Parameters
from semrec.signals.learned import LearnedSettings
from semrec.signals.predicted_ratings import RATING, RatingPredictor
from semrec.store import Index, Manifest, Store
from semrec.store.protocol import LONG, TEXT, Items, ScoreQuery
from semrec.types import Float1D, Float2D


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that answers.

    Parameters
    ----------
    number, index, manifest : the generation.
    settings : of the process.
    signals : those that it has, in the order of `SIGNALS`.
    learned : what `fit` learned; None before.
    near_duplicates : how many items have nearly the same text.
    ratings : predicts ratings; None where no ratings were learned from.
    """

    number: int
    index: Index
    manifest: Manifest
    settings: Settings
    signals: tuple[Signal, ...]
    learned: LearnedSettings | None
    near_duplicates: NearDuplicatePairs
    ratings: RatingPredictor | None = None

    @property
    def history_fields(self) -> tuple[str, ...]:
        """The stored fields that are read of the items of a history."""
        names = [name for signal in self.signals for name in signal.history_fields]
        return tuple(dict.fromkeys([TEXT, *names, *self.rating_fields]))

    @property
    def rating_fields(self) -> tuple[str, ...]:
        """The stored fields by which ratings are predicted; empty where they are not."""
        return (RATING,) if self.ratings else ()

    @property
    def rating_scale(self) -> tuple[float, float]:
        """The scale of ratings: that of the settings, else the one that was learned from."""
        learned = self.learned.rating_scale if self.learned else None
        return self.settings.events.rating_scale or learned or USUAL_SCALE

    def parameters(self, signal: Signal) -> Parameters:
        """Return what `fit` learned for a signal, besides vectors; empty for one that is not fitted."""
        return self.learned.parameters.get(signal.name, {}) if self.learned else {}

    @property
    def _evidence_signal(self) -> Signal | None:
        return next((signal for signal in self.signals if signal.evidence_request), None)

    @property
    def evidence_request(self) -> ScoreQuery | None:
        """The query whose scores tell how many events items have; None before the first fit."""
        signal = self._evidence_signal
        return signal.evidence_request if signal else None

    def evidence(self, raw: Float1D) -> Float1D:
        """Return the number of events of items by their scores of `evidence_request`, float32 (n,)."""
        signal = self._evidence_signal
        return signal.evidence(raw) if signal else np.zeros_like(raw)

    def centred(self, items: Items) -> Float2D:
        """Return the text vectors of items minus the catalog mean, float32 (n, dim), unit length."""
        return centre(items.vectors(TEXT), np.array(self.manifest.text_mean, np.float32))

    def weights(self, asked: Mapping[str, float], n_history: int) -> QuestionWeights:
        """Return the weights of a question.

        Parameters
        ----------
        asked : weights that the request asks for.
        n_history : items of the history that count.
        """
        given = {**default_weights(), **self.settings.ranking.signal_weights}
        weights = QuestionWeights(given, self.learned.weights if self.learned else None, asked, n_history)
        if n_history == 0 and not any(weights.is_active(signal.name) for signal in self._fallbacks):
            return weights
        unused = {signal.name: 0.0 for signal in self.signals if signal.last_resort}
        return replace(weights, given={**given, **unused})

    @property
    def _fallbacks(self) -> list[Signal]:
        """Signals that have something for users without a history, besides those of last resort."""
        return [signal for signal in self.signals if signal.fallback and not signal.last_resort]


def open_generation(store: Store, number: int, settings: Settings) -> Generation:
    """Open a generation with all its signals."""
    return read_generation(number, store.open(number), store.manifest(number), settings)


def read_generation(number: int, index: Index, manifest: Manifest, settings: Settings) -> Generation:
    """Return an open generation with all its signals, as its items are now.

    Raises
    ------
    ConfigError
        The settings give a weight to a signal that does not exist.
    """
    _check_names(settings.ranking.signal_weights)
    learned = LearnedSettings.of(manifest)
    present = present_signals(manifest, settings)
    names = dict.fromkeys(name for signal in present for name in signal.sample_fields)
    sample = index.fetch(index.sample(settings.ranking.sample_items), tuple(names))
    context = SignalContext(
        settings=settings,
        text_mean=np.array(manifest.text_mean, np.float32),
        n_items=manifest.n_items,
        fields=manifest.fields,
        sample=sample,
        metadata_values=index.metadata_values,
        has_long_items=any(field.name == LONG for field in manifest.vectors)
        and manifest.n_passages != manifest.n_items,
    )
    parameters = learned.parameters if learned else {}
    opened = tuple(
        signal.open(replace(context, parameters=parameters.get(signal.name, {}))) for signal in present
    )
    ratings = RatingPredictor.of(parameters[RATING]) if RATING in parameters else None
    pairs = NearDuplicatePairs(sample, context.text_mean, manifest.n_items)
    return Generation(number, index, manifest, settings, opened, learned, pairs, ratings)


def _check_names(weights: Mapping[str, float]) -> None:
    names = [signal.name for signal in SIGNALS]
    if unknown := sorted(weights.keys() - set(names)):
        raise ConfigError(
            f"signal_weights (SEMREC_SIGNAL_WEIGHTS): there is no signal {unknown[0]!r}; "
            f"the signals are {', '.join(names)}"
        )


def present_signals(manifest: Manifest, settings: Settings) -> list[type[Signal]]:
    """Return the signals that a generation with this manifest has, in the order of `SIGNALS`."""
    learned = LearnedSettings.of(manifest)
    stored = {field.name for field in manifest.vectors}
    fitted = set(learned.parameters) if learned else set()
    return [
        signal
        for signal in SIGNALS
        if stored.issuperset((*signal.sample_fields, *signal.history_fields))
        and (signal.name in fitted or not signal.is_fitted)
        and signal.is_wanted(settings)
    ]
