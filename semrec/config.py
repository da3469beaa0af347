"""All settings of semrec, in one frozen object.

Every setting can be given as an argument of `Recommender.open`, or as the environment variable
`SEMREC_<NAME>` (for instance `SEMREC_QDRANT_API_KEY`). Nothing else in semrec reads the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from semrec.errors import ConfigError

KIND_WEIGHTS = {"view": 1.0, "click": 1.0, "buy": 3.0, "rate": 1.0, "dislike": -1.0}

SIGNAL_WEIGHTS = {"text": 1.0, "words": 0.5, "taste": 0.0, "freshness": 0.5}
"""Taste told from a text finds what users of such items use, but hides what the words name, so it has to be
asked for. On ml_latest_small, new films by a piece of their plot: with 0.1 what their users also used has
NDCG@10 0.047 instead of 0.029, and the film itself MRR 0.83 instead of 0.85; with 0.25 0.111 and 0.79.
"""

USUAL_SCALE = (1.0, 5.0)
"""Of ratings, where nothing tells another one."""


def user_cache_folder() -> Path:
    """Return `semrec` in the user's cache folder: XDG_CACHE_HOME, else ~/.cache."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a path that is not absolute is to be ignored.
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "semrec"


class Settings(BaseSettings):
    """How semrec works; see each field's description."""

    model_config = SettingsConfigDict(
        env_prefix="SEMREC_", frozen=True, extra="forbid", protected_namespaces=()
    )

    model: str | None = Field(
        None,
        description="Sentence encoder: a hub name or a folder. None: the one the index was built with, "
        "or the bundled all-MiniLM-L6-v2 for a new index.",
    )
    encoder: Literal["auto", "torch", "torch-bf16", "onnx-int8"] = Field(
        "auto",
        description="What computes the vectors of a new index: torch in float32 or bfloat16, ONNX in int8. "
        "auto: the fastest that finds what float32 finds, measured on the catalog.",
    )
    device: str | None = Field(None, description="torch device; None: cuda, else mps, else cpu.")
    batch_tokens: int = Field(1024, ge=1, description="Tokens in one batch of the encoder.")
    passage_tokens: int | None = Field(
        None, ge=8, description="Longest passage, in tokens. None: as long as the encoder reads."
    )

    text_dimension: int | None = Field(
        None,
        ge=1,
        description="Text vectors are cut to their first so many numbers. None: as the index has them, whole "
        "in a new one. benchmarks/encode.py measures what that loses.",
    )
    quantize: bool | None = Field(
        None,
        description="Search text vectors in int8, and score what is found exactly: a quarter of the memory. "
        "None: as the index does, not in a new one.",
    )

    cache_folder: Path = Field(
        default_factory=user_cache_folder,
        description="Folder for what can be made again: ONNX exports of encoders, vectors of passages.",
    )
    cache_mb: int = Field(
        2048, ge=0, description="Largest size of the cache of passage vectors, in megabytes; 0: no cache."
    )

    qdrant: str | None = Field(
        None, description="URL of a Qdrant server. None: Qdrant Edge inside the workspace."
    )
    qdrant_api_key: SecretStr | None = Field(None, description="API key of the Qdrant server.")
    qdrant_prefer_grpc: bool = Field(True, description="Talk gRPC to the Qdrant server.")
    collection: str | None = Field(
        None, description="Collection alias on the server. None: the name of the workspace folder."
    )
    keep_generations: int = Field(
        2, ge=2, description="Complete indexes that a build leaves: the new one, and those to go back to."
    )
    timeout_s: float = Field(30.0, gt=0, description="Longest wait for one answer of the server.")

    text_pooling: Literal["soft_nearest", "centred_mean", "mean"] = Field(
        "soft_nearest", description="How a history becomes the query of the text signal."
    )
    sharpness: float = Field(
        5.0, gt=0, le=50, description="β of the soft nearest score: large follows the nearest item only."
    )
    half_life_days: float | None = Field(
        None, gt=0, description="Age at which an event counts half. None: age does not matter."
    )
    kind_weights: dict[str, float] = Field(
        default_factory=lambda: dict(KIND_WEIGHTS),
        description="Weight of each kind of event; below 0 it counts against.",
    )
    rating_scale: tuple[float, float] | None = Field(
        None,
        description="Lowest and highest rating; below the middle a rating counts against. None: `fit` "
        "guesses it from the ratings; before, 1 to 5.",
    )
    events_url: SecretStr | None = Field(
        None,
        description="URL of the event log, for instance postgresql+psycopg://USER:PASSWORD@HOST/DATABASE. "
        "None: events.db in the workspace.",
    )
    events_wait_s: float = Field(
        30.0, gt=0, description="Longest wait for another writer of the event log, or for its server."
    )
    max_user_events: int = Field(10_000, ge=1, description="A user with more events is a bot.")
    max_user_events_a_day: int = Field(
        5_000, ge=1, description="A user with more events on any day is a bot."
    )
    burst_s: float = Field(
        10.0, ge=0, description="Seconds within which the same user, item and kind again is one event."
    )
    freshness_field: str | None = Field(
        None,
        description="Metadata field with the date of an item: ISO 8601, a year or unix seconds. Users of "
        "whom nothing is known get what is new, too. None: they do not.",
    )
    freshness_half_life_days: float = Field(
        90.0, gt=0, description="Age at which an item is half as fresh as a new one."
    )
    max_interests: int = Field(16, ge=1, le=64, description="Most interests of one history.")
    signal_weights: dict[str, float] = Field(
        default_factory=lambda: dict(SIGNAL_WEIGHTS),
        description="Weight of each signal, where `fit` has learned none: for texts, and before any fit.",
    )
    candidates: int = Field(
        200, ge=10, le=10_000, description="Items that a search of a signal finds; many searches get fewer."
    )
    sample_items: int = Field(
        2048, ge=2, description="Items of the catalog that a signal is standardised by."
    )

    max_text_bytes: int = Field(
        1_000_000, ge=1, description="Longest text of one item; longer ones are rejected."
    )

    text_vectors: int = Field(4096, ge=1, description="Vectors of the latest query texts that are kept.")

    service_batch_s: float = Field(
        0.003, ge=0, description="Longest wait of a query text for others that are encoded with it."
    )
    service_batch_texts: int = Field(16, ge=1, description="Most query texts that are encoded together.")
    service_threads: int = Field(
        1,
        ge=1,
        le=64,
        description="Threads of `semrec serve` that answer; other queries wait. The embedded engine answers "
        "one at a time; on a Qdrant server several can wait for it together.",
    )
    service_queue: int = Field(
        64, ge=0, description="Queries that may wait for a thread; those after them hear 429, come later."
    )
    service_timeout_s: float = Field(10.0, gt=0, description="Longest time for one request, body and all.")
    service_body_bytes: int = Field(4_000_000, ge=1024, description="Longest body of one request.")
    service_rate: float = Field(50.0, gt=0, description="Requests a second of one key, in the long run.")
    service_burst: float = Field(100.0, ge=1, description="Requests of one key at once.")
    service_wrong_keys: float = Field(
        10.0, ge=1, description="Wrong keys a minute of one address; those after them hear 429."
    )
    service_origins: tuple[str, ...] = Field(
        (), description="Other sites whose pages may ask, for instance https://shop.example. Default: none."
    )
    service_max_history: int = Field(10_000, ge=1, description="Longest history that a request may give.")
    telemetry: bool = Field(
        False, description="Trace requests and their stages with OpenTelemetry, by its configured provider."
    )

    @field_validator("rating_scale")
    @classmethod
    def _goes_up(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and not scale[0] < scale[1]:
            raise ValueError("the lowest rating must be below the highest")
        return scale


def load_settings(**given: object) -> Settings:
    """Return the settings: given ones, else the environment's, else the defaults.

    Parameters
    ----------
    given : settings by name; None counts as not given.

    Raises
    ------
    ConfigError
        A name is unknown or a value does not fit.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"settings do not fit: {faults}") from error
