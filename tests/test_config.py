"""Settings: given, from the environment, or the default."""

from __future__ import annotations

from pathlib import Path

import pydantic
import pytest

from semrec.config import Settings, load_settings
from semrec.errors import ConfigError


def test_defaults_need_nothing():
    settings = load_settings()
    assert settings.qdrant is None
    assert settings.model is None
    assert settings.signal_weights == {"text": 1.0, "words": 0.5, "taste": 0.0, "freshness": 0.5}


def test_none_counts_as_not_given(monkeypatch):
    monkeypatch.setenv("SEMREC_QDRANT", "http://qdrant:6333")
    assert load_settings(qdrant=None).qdrant == "http://qdrant:6333"


def test_what_is_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("SEMREC_SHARPNESS", "7.5")
    assert load_settings().sharpness == 7.5
    assert load_settings(sharpness=2).sharpness == 2.0


def test_the_environment_can_hold_a_table(monkeypatch):
    monkeypatch.setenv("SEMREC_KIND_WEIGHTS", '{"view": 0.5, "listen": 2}')
    assert load_settings().kind_weights == {"view": 0.5, "listen": 2.0}


def test_an_unknown_setting_is_named():
    with pytest.raises(ConfigError, match="sharpnes: Extra inputs"):
        load_settings(sharpnes=2)


@pytest.mark.parametrize(
    "setting",
    [
        {"sharpness": 0},
        {"text_pooling": "median"},
        {"half_life_days": -1},
        {"candidates": 9},
        {"passage_tokens": 7},
        {"rating_scale": (1,)},
        {"kind_weights": {"view": "much"}},
    ],
)
def test_a_value_that_does_not_fit_is_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        load_settings(**setting)


@pytest.mark.parametrize("scale", [(5, 5), (5, 1)])
def test_a_rating_scale_goes_up(scale):
    with pytest.raises(ConfigError, match="rating_scale"):
        load_settings(rating_scale=scale)


def test_a_bad_environment_is_told_the_same_way(monkeypatch):
    monkeypatch.setenv("SEMREC_BATCH_TOKENS", "many")
    with pytest.raises(ConfigError, match="batch_tokens"):
        load_settings()


def test_secrets_are_not_shown():
    settings = load_settings(qdrant_api_key="hush-1234", events_url="postgresql://me:hush-1234@db/events")
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hush" not in shown
    assert settings.qdrant_api_key.get_secret_value() == "hush-1234"


def test_the_cache_is_where_the_user_has_caches(monkeypatch, tmp_path):
    for name in ("XDG_CACHE_HOME", "SEMREC_CACHE_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings().cache_folder == tmp_path / ".cache" / "semrec"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert load_settings().cache_folder == tmp_path / ".cache" / "semrec"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert load_settings().cache_folder == Path("/var/cache/me/semrec")
    monkeypatch.setenv("SEMREC_CACHE_FOLDER", "/data/cache")
    assert load_settings().cache_folder == Path("/data/cache")


def test_settings_are_frozen():
    with pytest.raises(pydantic.ValidationError):
        load_settings().sharpness = 3.0


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
