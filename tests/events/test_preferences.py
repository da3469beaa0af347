"""How much interests count."""

from __future__ import annotations

import pytest

from semrec.errors import QueryError
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


@pytest.mark.parametrize("weight", [-0.1, 10.1, 1e39, float("inf"), float("nan")])
def test_a_weight_out_of_range_is_refused(log, weight):
    kept = Preferences(log)
    kept.set("u", {"a": 2.0})
    with pytest.raises(QueryError, match="from 0 to 10; 'b' got"):
        kept.set("u", {"a": 3.0, "b": weight})
    assert kept.of("u") == {"a": 2.0}


def test_a_stored_weight_out_of_range_does_not_count(log):
    kept = Preferences(log)
    kept.set("u", {"a": 2.0, "b": 3.0})
    with log.transaction(write=True) as connection:
        connection.exec_driver_sql("UPDATE semrec_preferences SET weight = 1e39 WHERE item_id = 'a'")
    assert kept.of("u") == {"b": 3.0}
