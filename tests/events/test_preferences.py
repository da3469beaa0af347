"""How much interests count."""

from __future__ import annotations

from semrec.events import preferences
from semrec.events.preferences import Preferences


def test_preferences_come_back_oldest_first(log):
    kept = Preferences(log)
    assert kept.of("u") == {}
    kept.set("u", {"a": 0.0, "b": 2.0})
    kept.set("u", {"a": 0.5})
    assert list(Preferences(log).of("u").items()) == [("b", 2.0), ("a", 0.5)]
    assert kept.of("v") == {}


def test_the_normal_weight_removes_a_preference(log):
    kept = Preferences(log)
    kept.set("u", {"a": 0.0, "b": 2.0})
    kept.set("u", {"a": 1.0, "c": 1.0})
    assert kept.of("u") == {"b": 2.0}


def test_deleting_is_for_one_user(log):
    kept = Preferences(log)
    assert kept.delete("u") == 0
    kept.set("u", {"a": 0.0, "b": 2.0})
    kept.set("v", {"a": 0.0})
    assert kept.delete("u") == 2
    assert (kept.of("u"), kept.of("v")) == ({}, {"a": 0.0})


def test_the_latest_are_kept(log, monkeypatch):
    monkeypatch.setattr(preferences, "MAX_PREFERENCES", 2)
    kept = Preferences(log)
    kept.set("u", {"a": 0.0, "b": 0.0})
    kept.set("u", {"c": 0.0})
    assert list(kept.of("u")) == ["b", "c"]
