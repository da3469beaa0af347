"""All settings of semrec: one frozen `Settings`, in groups.

A setting is given to its group (`Settings(ranking=RankingSettings(sharpness=7))`) or by an environment
variable: `SEMREC_` and the name of the field, for instance `SEMREC_SHARPNESS`. Variables of three groups also
name the group: `SEMREC_CACHE_FOLDER`, `SEMREC_EVENTS_URL`, `SEMREC_SERVICE_RATE`. Lists take commas or JSON.
A given value wins over the environment; None counts as not given. Only this module reads the environment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from platformdirs import user_cache_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from semrec.errors import ConfigError

KIND_WEIGHTS = {
    "view": 1.0, "click": 1.0, "like": 2.0, "cart": 2.0, "buy": 3.0, "rate": 1.0, "dislike": -1.0
}  # fmt: skip

NearDuplicates: TypeAlias = Literal["auto", "collapse", "keep"]
"""Whether of near-duplicates only the best one is shown; `auto`: in short lists of a catalog with many."""

SHOWN_KINDS = ("impression", "exposure", "shown", "display")

MOST_WEIGHT = 1000.0
"""Largest weight of a signal, and largest size of the weight of a kind; only ratios of weights matter."""

USUAL_SCALE = (1.0, 5.0)
"""Rating scale to assume before `fit` has seen ratings."""


def user_cache_folder() -> Path:
    """Return `semrec` in the cache folder of this user, for instance ~/.cache/semrec on Linux."""
    return user_cache_path("semrec")


class SettingsGroup(BaseSettings):
    """Settings that belong together; each is also read from its environment variable."""

    model_config = SettingsConfigDict(
        env_prefix="SEMREC_",
        enable_decoding=False,  # `_decoded` does it, with better errors
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        protected_namespaces=(),
    )

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise ConfigError("; ".join(_fault(type(self), fault) for fault in error.errors())) from error

    @field_validator("*", mode="before")
    @classmethod
    def _decoded(cls, value: Any, info: ValidationInfo) -> Any:
        """Return the list or mapping that the text of an environment variable stands for."""
        annotation = str(cls.model_fields[info.field_name or ""].annotation)
        if not isinstance(value, str) or not ("tuple[" in annotation or "dict[" in annotation):
            return value
        with suppress(ValueError):
            if not isinstance(found := json.loads(value), str | int | float):
                return found
        if "dict[" in annotation:
            raise ValueError('should be JSON, such as {"name": 1.5}')
        return [part.strip() for part in value.split(",") if part.strip()]


class EncoderSettings(SettingsGroup):
    """The sentence encoder."""

    model: str | None = Field(
        None,
        description="Sentence encoder: a hub name or a folder. None: the one the index was built with, "
        "or the bundled all-MiniLM-L6-v2 for a new index.",
    )
    backend: Literal["auto", "torch", "torch-bf16", "onnx-int8"] = Field(
        "auto",
        validation_alias="SEMREC_ENCODER",
        description="What computes the vectors of a new index: torch in float32 or bfloat16, ONNX in int8. "
        "auto: the fastest that finds what float32 finds, measured on the catalog.",
    )
    device: str | None = Field(None, description="torch device; None: cuda, else mps, else cpu.")
    batch_tokens: int = Field(1024, ge=1, description="Tokens in one batch of the encoder.")
    text_vectors: int = Field(4096, ge=1, description="Vectors of the latest query texts that are kept.")


class IndexSettings(SettingsGroup):
    """What indexing makes of a catalog."""

    passage_tokens: int | None = Field(
        None, ge=8, description="Longest passage, in tokens. None: as long as the encoder reads."
    )
    text_dimension: int | None = Field(
        None,
        ge=1,
        description="Keep only the first so many numbers of text vectors. None: as the index has them, all "
        "in a new one. benchmarks/encode.py measures what that loses.",
    )
    quantize: bool | None = Field(
        None,
        description="Search text vectors in int8, and score what is found exactly: a quarter of the memory. "
        "None: as the index does, not in a new one.",
    )
    max_text_bytes: int = Field(
        1_000_000, ge=1, description="Longest text of one item; longer ones are rejected."
    )
    keep_html: bool = Field(
        False, description="Leave HTML in titles, texts and metadata as it is, instead of the text it shows."
    )


class CacheSettings(SettingsGroup):
    """Files that can be computed again: ONNX exports of encoders, vectors of passages."""

    model_config = SettingsConfigDict(env_prefix="SEMREC_CACHE_")

    folder: Path = Field(default_factory=user_cache_folder, description="Folder of these files.")
    mb: int = Field(
        2048, ge=0, description="Largest size of the cache of passage vectors, in megabytes; 0: no cache."
    )


class StoreSettings(SettingsGroup):
    """Where the index is."""

    qdrant: str | None = Field(
        None, description="URL of a Qdrant server. None: Qdrant Edge inside the workspace."
    )
    qdrant_api_key: SecretStr | None = Field(None, description="API key of the Qdrant server.")
    qdrant_prefer_grpc: bool = Field(True, description="Talk gRPC to the Qdrant server.")
    collection: str | None = Field(
        None,
        description="Name of the index on the server, an alias. None: the one that the workspace remembers, "
        "or else the name of its folder.",
    )
    keep_generations: int = Field(
        2, ge=2, description="Complete generations that a build keeps: the new one and older ones."
    )
    timeout_s: float = Field(30.0, gt=0, description="Longest wait for one answer of the server.")


class EventLogSettings(SettingsGroup):
    """Where the event log is."""

    model_config = SettingsConfigDict(env_prefix="SEMREC_EVENTS_")

    url: SecretStr | None = Field(
        None,
        description="URL of the event log, for instance postgresql+psycopg://USER:PASSWORD@HOST/DATABASE. "
        "None: events.db in the workspace.",
    )
    wait_s: float = Field(
        30.0, gt=0, description="Longest wait for another writer of the event log, or for its server."
    )


class EventSettings(SettingsGroup):
    """Which events count, and how much."""

    kind_weights: dict[str, float] = Field(
        default_factory=lambda: dict(KIND_WEIGHTS),
        description="Weight of each kind of event, from -1000 to 1000; below 0 it counts against.",
    )
    shown_kinds: tuple[str, ...] = Field(
        SHOWN_KINDS,
        description="Kinds that tell what was shown to a user, not what the user did: such an item does not "
        "count as seen. All other stored events make their items seen, with or without a weight.",
    )
    rating_scale: tuple[float, float] | None = Field(
        None,
        description="Lowest and highest rating; below the middle a rating counts against. None: `fit` "
        "guesses it from the ratings; before, 1 to 5.",
    )
    undamped_kinds: tuple[str, ...] = Field(
        (),
        description="Kinds whose values count as they are. Values of other kinds are damped by "
        "log2(1 + value): 1 counts 1, 10 counts 3.5, 10,000 counts 13.3.",
    )
    half_life_days: float | None = Field(
        None, gt=0, description="Age at which an event counts half. None: age does not matter."
    )
    max_user_events: int = Field(10_000, ge=1, description="A user with more events is a bot.")
    max_user_events_a_day: int = Field(
        5_000, ge=1, description="A user with more events on any day is a bot."
    )
    burst_s: float = Field(
        10.0, ge=0, description="Seconds within which the same user, item and kind again is one event."
    )
    similar_users: Literal["count_as_one", "leave_out"] = Field(
        "count_as_one",
        description="What `fit` does with the users of a group whose histories are nearly the same: together "
        "they count as one user, or they are left out.",
    )

    @field_validator("kind_weights")
    @classmethod
    def _counts(cls, weights: dict[str, float]) -> dict[str, float]:
        for kind, weight in weights.items():
            if not -MOST_WEIGHT <= weight <= MOST_WEIGHT:
                limits = f"from -{MOST_WEIGHT:g} to {MOST_WEIGHT:g}"
                raise ValueError(f"the weight of the kind {kind!r} should be a number {limits}")
        if not any(weight > 0 for weight in weights.values()):
            raise ValueError("at least one kind should have a weight above 0")
        return weights

    @field_validator("rating_scale")
    @classmethod
    def _goes_up(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and not scale[0] < scale[1]:
            raise ValueError("the lowest must be below the highest")
        if scale is not None and math.inf in (-scale[0], scale[1]):
            raise ValueError("both should be finite")
        return scale


class RankingSettings(SettingsGroup):
    """How answers are computed."""

    text_pooling: Literal["soft_nearest", "centred_mean", "mean"] = Field(
        "soft_nearest", description="How a history becomes the query of the text signal."
    )
    sharpness: float = Field(
        5.0, gt=0, le=50, description="β of the soft nearest score: large follows the nearest item only."
    )
    max_interests: int = Field(16, ge=1, le=64, description="Most interests of one history.")
    signal_weights: dict[str, float] = Field(
        default_factory=dict,
        description="Weights of signals, from 0 to 1000, over their own defaults, where `fit` has learned "
        "none: for texts, and before the first fit.",
    )
    candidates: int = Field(
        200, ge=10, le=10_000, description="Items that a search of a signal finds; many searches get fewer."
    )
    sample_items: int = Field(
        2048, ge=2, description="Items of the catalog that a signal is standardised by."
    )
    near_duplicates: NearDuplicates = Field(
        "auto",
        description="Of items with nearly the same text, show only the best one. auto: in lists of 10 or "
        "less, if the catalog has many.",
    )
    freshness_field: str | None = Field(
        None,
        description="Metadata field with the date of an item: ISO 8601, a year or unix seconds. Users "
        "without history get new items, too. None: no freshness.",
    )
    freshness_half_life_days: float = Field(
        90.0, gt=0, description="Age at which an item is half as fresh as a new one."
    )

    @field_validator("signal_weights")
    @classmethod
    def _counts(cls, weights: dict[str, float]) -> dict[str, float]:
        for signal, weight in weights.items():
            if not 0 <= weight <= MOST_WEIGHT:
                raise ValueError(
                    f"the weight of the signal {signal!r} should be a number from 0 to {MOST_WEIGHT:g}"
                )
        return weights


class ServiceSettings(SettingsGroup):
    """Limits of `semrec serve`."""

    model_config = SettingsConfigDict(env_prefix="SEMREC_SERVICE_")

    batch_s: float = Field(
        0.003, ge=0, description="Longest wait of a query text for others that are encoded with it."
    )
    batch_texts: int = Field(16, ge=1, description="Most query texts that are encoded together.")
    threads: int = Field(
        1,
        ge=1,
        le=64,
        description="Threads that answer; other queries wait. The embedded engine answers one at a time; a "
        "Qdrant server answers several at once.",
    )
    queue: int = Field(64, ge=0, description="Queries that may wait for a thread; further ones get HTTP 429.")
    timeout_s: float = Field(10.0, gt=0, description="Longest time for one request with its body.")
    body_bytes: int = Field(4_000_000, ge=1024, description="Longest body of one request.")
    rate: float = Field(50.0, gt=0, description="Requests a second of one key, on average.")
    burst: float = Field(100.0, ge=1, description="Requests of one key at once.")
    wrong_keys: float = Field(
        10.0, ge=1, description="Wrong keys a minute of one address; further ones get HTTP 429."
    )
    origins: tuple[str, ...] = Field(
        (), description="Other sites whose pages may ask, for instance https://shop.example. Default: none."
    )
    max_history: int = Field(10_000, ge=1, description="Longest history that a request may give.")
    telemetry: bool = Field(
        False,
        validation_alias="SEMREC_TELEMETRY",
        description="Trace requests and their stages with OpenTelemetry, by its configured provider.",
    )


class Settings(BaseModel):
    """How semrec works, in groups; what is not given comes from the environment, else it is the default.

    Raises
    ------
    ConfigError
        A name is unknown or a value does not fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: EncoderSettings = Field(default_factory=EncoderSettings)
    index: IndexSettings = Field(default_factory=IndexSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    event_log: EventLogSettings = Field(default_factory=EventLogSettings)
    events: EventSettings = Field(default_factory=EventSettings)
    ranking: RankingSettings = Field(default_factory=RankingSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)

    def __init__(self, **groups: Any) -> None:
        try:
            super().__init__(**groups)
        except ValidationError as error:
            raise ConfigError("; ".join(_fault(Settings, fault) for fault in error.errors())) from error

    def using(self, *, qdrant: str | None = None, model: str | None = None) -> Settings:
        """Return these settings with another Qdrant server or another encoder; None keeps what is here."""
        store = self.store if qdrant is None else self.store.model_copy(update={"qdrant": qdrant})
        encoder = self.encoder if model is None else self.encoder.model_copy(update={"model": model})
        return self.model_copy(update={"store": store, "encoder": encoder})


def _fault(group: type[BaseModel], fault: Mapping[str, Any]) -> str:
    """Return what is wrong with a setting in one sentence: its name, its variable, and what it should be."""
    name, *inner = map(str, fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{group.__name__} has no {name!r}; it has: {', '.join(sorted(group.model_fields))}"
    if name not in group.model_fields:  # a value from an environment variable with a name of its own
        name = next(n for n, field in group.model_fields.items() if field.validation_alias == name)
    wants = fault["msg"].removeprefix("Value error, ").replace("Input should", "should")
    is_secret = "SecretStr" in str(group.model_fields[name].annotation)
    got = "" if is_secret else f", got {fault['input']!r}"
    return f"{_shown(group, '.'.join([name, *inner]))}: {wants}{got}"


def _shown(group: type[BaseModel], name: str) -> str:
    """Return the name of a setting for people, with its environment variable if it has one."""
    field = group.model_fields[name.partition(".")[0]]
    if not issubclass(group, SettingsGroup):
        return f"{group.__name__}.{name}"
    variable = field.validation_alias or f"{group.model_config['env_prefix']}{name.partition('.')[0].upper()}"
    return f"{group.__name__}.{name} ({variable})"
