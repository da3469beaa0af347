"""Speeds of encoders are stored in the cache folder, for a month."""

from __future__ import annotations

import time

import pytest

from semrec.encoder.speeds import FILE, Speeds


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"key": 5}'])
def test_an_unreadable_file_holds_no_speeds(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    speeds = Speeds(tmp_path, "model")
    assert speeds.known() == {}
    speeds.store({"float32": 1.0})
    assert speeds.known() == {"float32": 1.0}
    assert Speeds(tmp_path, "another").known() == {}
    assert Speeds(tmp_path, "model", "cuda").known() == {}


@pytest.mark.parametrize(
    "rates", ['"int8": 9.0', '"float32": 1.0, "int4": 9.0', '"float32": "fast"', '"float32": null']
)
def test_invalid_speeds_are_ignored(tmp_path, rates):
    speeds = Speeds(tmp_path, "model")
    speeds.store({"float32": 1.0})
    file = tmp_path / FILE
    file.write_text(file.read_text().replace('"float32": 1.0', rates))
    assert speeds.known() == {}


def test_the_speeds_of_several_models_are_kept(tmp_path):
    for name in ("one", "two"):
        Speeds(tmp_path, name).store({"float32": float(len(name))})
    assert Speeds(tmp_path, "one").known() == {"float32": 3.0}


def test_without_a_fingerprint_nothing_is_stored(tmp_path):
    Speeds(tmp_path).store({"float32": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_speeds_are_valid_for_a_month(tmp_path, monkeypatch):
    speeds = Speeds(tmp_path, "model")
    speeds.store({"float32": 1.0})
    now = time.time()
    monkeypatch.setattr("semrec.encoder.speeds.time.time", lambda: now + 29 * 86_400)
    assert speeds.known() == {"float32": 1.0}
    monkeypatch.setattr("semrec.encoder.speeds.time.time", lambda: now + 31 * 86_400)
    assert speeds.known() == {}
