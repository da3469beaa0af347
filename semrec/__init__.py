"""semrec: index a catalog, recommend by text or history, and say why.

>>> from semrec import Recommender
>>> with Recommender.open("shop") as rec:  # doctest: +SKIP
...     rec.index("catalog.parquet")
...     rec.recommend(text="parse json quickly", k=5)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from semrec.version import __version__ as __version__

if TYPE_CHECKING:
    from semrec.catalog_map.map import CatalogMap
    from semrec.config import (
        CacheSettings,
        EncoderSettings,
        EventLogSettings,
        EventSettings,
        IndexSettings,
        RankingSettings,
        ServiceSettings,
        Settings,
        StoreSettings,
    )
    from semrec.encoder.encoder import Encoder
    from semrec.errors import (
        CatalogError,
        ConfigError,
        EncoderError,
        InvalidIdError,
        ItemRefusedError,
        NoEventLogError,
        QueryError,
        SemrecError,
        StoreDamagedError,
        StoreError,
        StoreLockedError,
        StoreUnavailableError,
        UnknownFieldError,
        UnknownItemError,
        WorkspaceError,
    )
    from semrec.evaluation.evaluate_recommender import EvaluationResult
    from semrec.events.append_report import AppendReport
    from semrec.events.cleaning import CleaningReport
    from semrec.events.event_columns import EventMapping
    from semrec.events.log import EventLog
    from semrec.events.stored_events import EventChoice, StoredEvent
    from semrec.indexer.index_report import IndexReport
    from semrec.indexer.mapping import FieldMapping
    from semrec.indexer.rejects import Reject
    from semrec.indexer.sources.sql import SqlQuery
    from semrec.learning.fit import FitReport
    from semrec.ranking.all_users import BatchReport
    from semrec.ranking.rating_prediction import RatingPrediction, RatingReason
    from semrec.ranking.user_profile import DeletedUser, UserInterest, UserProfile
    from semrec.ranking.why_not import Standing, WhyNot
    from semrec.recommender import Recommender
    from semrec.store.index_check import Checked
    from semrec.store.protocol import Record
    from semrec.types import (
        Because,
        ChangeReport,
        Event,
        Interest,
        Item,
        ItemPatch,
        Passages,
        Recommendation,
        Recommendations,
    )
    from semrec.workspace.generations import GenerationFacts

__all__ = [
    "AppendReport",
    "BatchReport",
    "Because",
    "CacheSettings",
    "CatalogError",
    "CatalogMap",
    "ChangeReport",
    "Checked",
    "CleaningReport",
    "ConfigError",
    "DeletedUser",
    "Encoder",
    "EncoderError",
    "EncoderSettings",
    "EvaluationResult",
    "Event",
    "EventChoice",
    "EventLog",
    "EventLogSettings",
    "EventMapping",
    "EventSettings",
    "FieldMapping",
    "FitReport",
    "GenerationFacts",
    "IndexReport",
    "IndexSettings",
    "Interest",
    "InvalidIdError",
    "Item",
    "ItemPatch",
    "ItemRefusedError",
    "NoEventLogError",
    "Passages",
    "QueryError",
    "RankingSettings",
    "RatingPrediction",
    "RatingReason",
    "Recommendation",
    "Recommendations",
    "Recommender",
    "Record",
    "Reject",
    "SemrecError",
    "ServiceSettings",
    "Settings",
    "SqlQuery",
    "Standing",
    "StoreDamagedError",
    "StoreError",
    "StoreLockedError",
    "StoreSettings",
    "StoreUnavailableError",
    "StoredEvent",
    "UnknownFieldError",
    "UnknownItemError",
    "UserInterest",
    "UserProfile",
    "WhyNot",
    "WorkspaceError",
]

_NAMES = {
    "semrec.catalog_map.map": ("CatalogMap",),
    "semrec.config": (
        "CacheSettings",
        "EncoderSettings",
        "EventLogSettings",
        "EventSettings",
        "IndexSettings",
        "RankingSettings",
        "ServiceSettings",
        "Settings",
        "StoreSettings",
    ),
    "semrec.encoder.encoder": ("Encoder",),
    "semrec.errors": (
        "CatalogError",
        "ConfigError",
        "EncoderError",
        "InvalidIdError",
        "ItemRefusedError",
        "NoEventLogError",
        "QueryError",
        "SemrecError",
        "StoreDamagedError",
        "StoreError",
        "StoreLockedError",
        "StoreUnavailableError",
        "UnknownFieldError",
        "UnknownItemError",
        "WorkspaceError",
    ),
    "semrec.evaluation.evaluate_recommender": ("EvaluationResult",),
    "semrec.events.append_report": ("AppendReport",),
    "semrec.events.cleaning": ("CleaningReport",),
    "semrec.events.log": ("EventLog",),
    "semrec.events.stored_events": ("EventChoice", "StoredEvent"),
    "semrec.events.event_columns": ("EventMapping",),
    "semrec.indexer.index_report": ("IndexReport",),
    "semrec.indexer.mapping": ("FieldMapping",),
    "semrec.indexer.rejects": ("Reject",),
    "semrec.indexer.sources.sql": ("SqlQuery",),
    "semrec.learning.fit": ("FitReport",),
    "semrec.ranking.all_users": ("BatchReport",),
    "semrec.ranking.rating_prediction": ("RatingPrediction", "RatingReason"),
    "semrec.ranking.user_profile": ("DeletedUser", "UserInterest", "UserProfile"),
    "semrec.ranking.why_not": ("Standing", "WhyNot"),
    "semrec.recommender": ("Recommender",),
    "semrec.store.index_check": ("Checked",),
    "semrec.store.protocol": ("Record",),
    "semrec.types": (
        "Because",
        "ChangeReport",
        "Event",
        "Interest",
        "Item",
        "ItemPatch",
        "Passages",
        "Recommendation",
        "Recommendations",
    ),
    "semrec.workspace.generations": ("GenerationFacts",),
}
"""The public names of each module."""

_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import semrec` itself is fast."""
    if name not in _MODULES:
        raise AttributeError(f"module 'semrec' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
