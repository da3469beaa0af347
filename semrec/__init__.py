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
    from semrec.config import Settings
    from semrec.errors import SemrecError
    from semrec.indexer.read import FieldMapping
    from semrec.recommender import Recommender
    from semrec.types import (
        Because,
        ChangeReport,
        Event,
        Interest,
        Item,
        Passages,
        Recommendation,
        Recommendations,
    )

__all__ = [
    "Because",
    "ChangeReport",
    "Event",
    "FieldMapping",
    "Interest",
    "Item",
    "Passages",
    "Recommendation",
    "Recommendations",
    "Recommender",
    "SemrecError",
    "Settings",
]

HOMES = {
    "FieldMapping": "semrec.indexer.read",
    "Recommender": "semrec.recommender",
    "SemrecError": "semrec.errors",
    "Settings": "semrec.config",
}


def __getattr__(name: str) -> Any:
    """Load public names when they are first used: `import semrec` itself loads nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'semrec' has no attribute {name!r}")
    return getattr(import_module(HOMES.get(name, "semrec.types")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
