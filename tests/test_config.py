"""Settings: given, from the environment, or the default."""

from __future__ import annotations

from pathlib import Path

import pydantic
import pytest

from semrec.config import (
    EncoderSettings,
    EventSettings,
    RankingSettings,
    Settings,
    SettingsGroup,
    StoreSettings,
)
from semrec.errors import ConfigError


def test_defaults_need_nothing():
    settings = Settings()
    assert settings.store.qdrant is None
    assert settings.encoder.model is None
    assert settings.ranking.signal_weights == {}


def test_none_counts_as_not_given(monkeypatch):
    monkeypatch.setenv("SEMREC_QDRANT", "http://qdrant:6333")
    assert StoreSettings(qdrant=None).qdrant == "http://qdrant:6333"
    assert StoreSettings(keep_generations=None).keep_generations == 2


def test_a_given_value_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("SEMREC_SHARPNESS", "7.5")
    monkeypatch.setenv("SEMREC_CANDIDATES", "50")
    assert Settings().ranking.sharpness == 7.5
    ranking = Settings(ranking={"sharpness": 2}).ranking
    assert (ranking.sharpness, ranking.candidates) == (2.0, 50)
    assert Settings(ranking=RankingSettings(sharpness=2)).ranking == ranking


@pytest.mark.parametrize(
    ("variable", "written", "group", "name", "value"),
    [
        ("SEMREC_MODEL", "some/model", "encoder", "model", "some/model"),
        ("SEMREC_ENCODER", "onnx-int8", "encoder", "backend", "onnx-int8"),
        ("SEMREC_TEXT_DIMENSION", "64", "index", "text_dimension", 64),
        ("SEMREC_CACHE_MB", "7", "cache", "mb", 7),
        ("SEMREC_QDRANT_PREFER_GRPC", "false", "store", "qdrant_prefer_grpc", False),
        ("SEMREC_COLLECTION", "shop", "store", "collection", "shop"),
        ("SEMREC_EVENTS_WAIT_S", "1.5", "event_log", "wait_s", 1.5),
        (
            "SEMREC_KIND_WEIGHTS",
            '{"view": 0.5, "listen": 2}',
            "events",
            "kind_weights",
            {"view": 0.5, "listen": 2.0},
        ),
        ("SEMREC_RATING_SCALE", "[1, 10]", "events", "rating_scale", (1.0, 10.0)),
        ("SEMREC_RATING_SCALE", "1,10", "events", "rating_scale", (1.0, 10.0)),
        ("SEMREC_RATING_SCALE", "null", "events", "rating_scale", None),
        ("SEMREC_SERVICE_ORIGINS", "https://a.example", "service", "origins", ("https://a.example",)),
        ("SEMREC_SERVICE_ORIGINS", "https://a, https://b,", "service", "origins", ("https://a", "https://b")),
        ("SEMREC_SERVICE_ORIGINS", '["https://a"]', "service", "origins", ("https://a",)),
        ("SEMREC_FRESHNESS_FIELD", "year", "ranking", "freshness_field", "year"),
        ("SEMREC_SERVICE_RATE", "5", "service", "rate", 5.0),
        ("SEMREC_TELEMETRY", "1", "service", "telemetry", True),
    ],
)
def test_names_of_environment_variables(monkeypatch, variable, written, group, name, value):
    monkeypatch.setenv(variable, written)
    assert getattr(getattr(Settings(), group), name) == value


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-1", "1e39"])
def test_an_impossible_signal_weight_is_refused(monkeypatch, weight):
    monkeypatch.setenv("SEMREC_SIGNAL_WEIGHTS", f'{{"text": {weight}}}')
    with pytest.raises(ConfigError, match=r"SEMREC_SIGNAL_WEIGHTS\): the weight of the signal 'text' should"):
        Settings()


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-Infinity", "1e39"])
def test_an_impossible_kind_weight_is_refused(monkeypatch, weight):
    monkeypatch.setenv("SEMREC_KIND_WEIGHTS", f'{{"view": 1, "buy": {weight}}}')
    with pytest.raises(ConfigError, match=r"SEMREC_KIND_WEIGHTS\): the weight of the kind 'buy' should"):
        Settings()


@pytest.mark.parametrize("weights", [{}, {"view": 0.0}, {"view": 0.0, "dislike": -1.0}])
def test_kinds_without_a_positive_weight_are_refused(weights):
    with pytest.raises(ConfigError, match="at least one kind should have a weight above 0"):
        EventSettings(kind_weights=weights)


def test_a_rating_scale_is_finite():
    with pytest.raises(ConfigError, match="both should be finite"):
        EventSettings(rating_scale=(1.0, float("inf")))


def test_every_setting_has_a_variable_of_its_own():
    groups = [field.annotation for field in Settings.model_fields.values()]
    assert all(issubclass(group, SettingsGroup) for group in groups)
    variables = [
        field.validation_alias or group.model_config["env_prefix"] + name.upper()
        for group in groups
        for name, field in group.model_fields.items()
    ]
    assert len(set(variables)) == len(variables)


def test_an_unknown_setting_is_named_with_those_there_are():
    with pytest.raises(ConfigError, match=r"RankingSettings has no 'sharpnes'; it has: .*, sharpness, "):
        Settings(ranking={"sharpnes": 2})
    with pytest.raises(ConfigError, match=r"Settings has no 'qdrant'; it has: .*, store"):
        Settings(qdrant="http://qdrant:6333")


@pytest.mark.parametrize(
    ("group", "name", "value", "message"),
    [
        (RankingSettings, "sharpness", 0, r"should be greater than 0, got 0"),
        (RankingSettings, "text_pooling", "median", r"should be 'soft_nearest', .*, got 'median'"),
        (RankingSettings, "candidates", 9, r"should be greater than or equal to 10, got 9"),
        (EventSettings, "half_life_days", -1, r"should be greater than 0, got -1"),
        (EventSettings, "rating_scale", (5, 5), r"the lowest must be below the highest, got \(5, 5\)"),
        (EventSettings, "rating_scale", (5, 1), r"the lowest must be below the highest, got \(5, 1\)"),
        (EncoderSettings, "batch_tokens", "many", r"should be a valid integer.*, got 'many'"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_should_be(monkeypatch, group, name, value, message):
    with pytest.raises(ConfigError, match=rf"^{group.__name__}.{name} \(SEMREC_{name.upper()}\): {message}$"):
        group(**{name: value})


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SEMREC_BATCH_TOKENS", "many", r"EncoderSettings.batch_tokens \(SEMREC_BATCH_TOKENS\): should be"),
        ("SEMREC_RATING_SCALE", "1;5", r"EventSettings.rating_scale\S* \(SEMREC_RATING_SCALE\): .*, got"),
        ("SEMREC_ENCODER", "abacus", r"EncoderSettings.backend \(SEMREC_ENCODER\): should be"),
        (
            "SEMREC_KIND_WEIGHTS",
            "much",
            r"EventSettings.kind_weights \(SEMREC_KIND_WEIGHTS\): should be JSON, such as .*, got 'much'$",
        ),
        (
            "SEMREC_KIND_WEIGHTS",
            '{"view": "much"}',
            r"EventSettings.kind_weights.view \(SEMREC_KIND_WEIGHTS\)",
        ),
    ],
)
def test_a_wrong_environment_variable_is_named(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"^{message}"):
        Settings()


def test_secrets_are_not_shown():
    settings = Settings(
        store={"qdrant_api_key": "hush-1234"}, event_log={"url": "postgresql://me:hush-1234@db/events"}
    )
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hush" not in shown
    assert settings.store.qdrant_api_key.get_secret_value() == "hush-1234"
    with pytest.raises(ConfigError, match="qdrant_api_key") as caught:
        StoreSettings(qdrant_api_key=["hush-1234"])
    assert "hush" not in str(caught.value)


def test_using_another_server_or_encoder():
    settings = Settings(store={"qdrant": "http://a:1", "collection": "shop"}, encoder={"model": "m"})
    assert settings.using() == settings
    other = settings.using(qdrant="http://b:1", model="n")
    assert (other.store.qdrant, other.store.collection, other.encoder.model) == ("http://b:1", "shop", "n")
    assert settings.store.qdrant == "http://a:1"


def test_the_cache_is_in_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    for name in ("XDG_CACHE_HOME", "SEMREC_CACHE_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().cache.folder == tmp_path / ".cache" / "semrec"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert Settings().cache.folder == tmp_path / ".cache" / "semrec"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert Settings().cache.folder == Path("/var/cache/me/semrec")
    monkeypatch.setenv("SEMREC_CACHE_FOLDER", "/data/cache")
    assert Settings().cache.folder == Path("/data/cache")


def test_settings_are_frozen():
    with pytest.raises(pydantic.ValidationError):
        Settings().ranking.sharpness = 3.0
    with pytest.raises(pydantic.ValidationError):
        Settings().ranking = RankingSettings()


def test_every_setting_is_described():
    groups = [field.annotation for field in Settings.model_fields.values()]
    undescribed = [n for group in groups for n, field in group.model_fields.items() if not field.description]
    assert undescribed == []
