"""The list of all signals."""

from __future__ import annotations

import pytest

from semrec import signals
from semrec.signals import SIGNALS, Signal, default_weights, register, signal_named


@pytest.fixture
def own_signal(monkeypatch):
    """A signal that is not in the list, and a list that may be changed."""
    monkeypatch.setattr(signals, "SIGNALS", list(SIGNALS))

    class Loudness(Signal):
        name = "loudness"
        label = "loudness"
        source = "metadata"
        default_weight = 0.25

        @classmethod
        def open(cls, context):
            return cls()

        def ask(self, question):
            return []

        def score_catalog(self, catalog, histories, rows):
            return None

    return Loudness


def test_a_signal_is_found_by_its_name():
    for signal in SIGNALS:
        assert signal_named(signal.name) is signal
    assert signal_named("loudness") is None


def test_a_registered_signal_is_the_last_and_has_its_weight(own_signal):
    assert register(own_signal) is own_signal  # so it can be a decorator
    assert signals.SIGNALS[-1] is own_signal
    assert signal_named("loudness") is own_signal
    assert list(default_weights().items())[-1] == ("loudness", 0.25)


def test_a_name_is_given_once(own_signal):
    register(own_signal)
    with pytest.raises(ValueError, match="there is a signal 'loudness' already"):
        register(own_signal)
    assert signals.SIGNALS.count(own_signal) == 1

    class AnotherText(own_signal):
        name = "text"

    with pytest.raises(ValueError, match="there is a signal 'text' already"):
        register(AnotherText)


def test_before_the_first_fit_texts_are_searched_by_meaning_and_by_words():
    assert default_weights() == {signal.name: signal.default_weight for signal in SIGNALS}
    unfitted = [signal for signal in SIGNALS if not (signal.is_fitted or signal.last_resort)]
    speaks = {signal.name for signal in unfitted if signal.default_weight}
    assert speaks == {"text", "bm25", "freshness"}
    assert default_weights()["text"] == max(signal.default_weight for signal in unfitted)


def test_a_signal_that_knows_no_events_refuses_to_count_them(own_signal):
    with pytest.raises(NotImplementedError, match="'loudness' does not know the events"):
        own_signal().evidence([])
