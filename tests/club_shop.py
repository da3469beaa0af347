"""A small shop with planted structure: clubs of items that the same users use, and items without events.

Fixtures give it without models (`unfitted_clubs`), fitted (`fitted_clubs`), and open on both engines
(`club_shop`).
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_once import made_once
from qdrant_client import QdrantClient
from toy import ToyEncoder
from workspace_copies import copy_workspace

from semrec import Event, Item, Recommender, Settings
from semrec.events.frame import frame_of
from semrec.events.log import EventLog
from semrec.signals.models.text_map import TextMap
from semrec.store import Point
from semrec.store.server import ServerStore
from semrec.types import Recommendations, item_keys

if TYPE_CHECKING:
    from semrec.learning.fit import FitReport

CLUBS, CLUB_SIZE, N_USERS = 6, 10, 120
START, DAY = 1_600_000_000.0, 86_400.0
SEED = 3
"""Of every fit of the fixtures."""

LEARNED = ("text", "collaborative", "item_item", "popularity")
"""The signals for which `fit` learns weights."""

TEXTS = ("red round", "red square", "green round", "green square", "blue", "red green blue")


def of_club(club: int) -> list[str]:
    """Return the ids of the items of a club."""
    return [f"{club}-{place}" for place in range(CLUB_SIZE)]


def club_of(item_id: str) -> str:
    """Return the club of an item."""
    return item_id.split("-")[0]


def club_catalog() -> list[Item]:
    """Return items whose texts do not tell the club, but for club 0 (round things); and three new items."""
    items = [
        Item(
            item_id,
            f"Title {item_id}",
            "blue blue round" if club == 0 else TEXTS[(place + club) % len(TEXTS)],
        )
        for club in range(CLUBS)
        for place, item_id in enumerate(of_club(club))
    ]
    new = {"new-round": "blue blue round", "new-red": "red square", "new-other": "something else"}
    return [*items, *(Item(item_id, f"Title {item_id}", text) for item_id, text in new.items())]


def club_events() -> dict[str, list[Event]]:
    """Return the events of every user: six items of one club and one of another, some hours apart."""
    choose = random.Random(7)
    found = {}
    for user in range(N_USERS):
        club = user % CLUBS
        items = [*choose.sample(of_club(club), 6), f"{(club + 1) % CLUBS}-{choose.randrange(CLUB_SIZE)}"]
        choose.shuffle(items)
        times = [START + (place * N_USERS + user) * DAY / 300 for place in range(len(items))]
        found[f"u{user}"] = [Event(item, "view", None, at) for item, at in zip(items, times, strict=True)]
    return found


EVENTS = club_events()
ITEM_IDS = [item.item_id for item in club_catalog()]


def repeated(item_id: str, *days: float, kind: str = "view", value: float | None = None) -> list[Event]:
    """Return events on one item on these days."""
    return [Event(item_id, kind, value, START + day * DAY) for day in days]


class CountingEncoder(ToyEncoder):
    """Counts the texts it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.n_texts = 0

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        self.n_texts += len(texts)
        return super().encode_documents(texts, progress)


def open_shop(
    folder: Path, client: QdrantClient | None = None, *, encoder: ToyEncoder | None = None, **groups: Any
) -> Recommender:
    """Open a shop with a toy encoder, embedded or on a Qdrant in memory; `groups` are those of `Settings`."""
    store = None if client is None else ServerStore("shop", client=client)
    encoder = encoder or ToyEncoder()
    settings = Settings(encoder={"model": encoder.name}, **groups)
    return Recommender(folder, settings, store=store, encoder=encoder)


def load(folder: Path, users: Mapping[str, Sequence[Event]]) -> None:
    """Append the events of users to the log of a workspace."""
    with EventLog.open(folder) as log:
        for user, history in users.items():
            log.append(frame_of(user, history))


def stored(shop: Recommender) -> dict[str, Point]:
    """Return all points by item id."""
    with shop.reading() as generation:
        return {point.record.item_id: point for page in generation.index.scan() for point in page}


def stored_vectors(shop: Recommender, name: str, item_ids: Sequence[str]) -> np.ndarray:
    """Return a dense field of items."""
    with shop.reading() as generation:
        return generation.index.vectors(name, item_keys(item_ids))


def predicted_factors(shop: Recommender, text_vectors: np.ndarray) -> np.ndarray:
    """Return the factors that the fit of a shop predicts from text vectors, float32 (n, rank)."""
    with shop.reading() as generation:
        learned = generation.learned.parameters["collaborative"]
    return TextMap(learned["text_centre"], learned["text_weights"]).factors(text_vectors)


def ids(answer: Recommendations) -> list[str]:
    """Return the item ids of an answer."""
    return [item.item_id for item in answer]


def scored(answer: Recommendations) -> list[tuple[str, float]]:
    """Return the item ids and scores of an answer."""
    return [(item.item_id, item.score) for item in answer]


# -- fixtures ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FittedShop:
    """A fitted shop, the report of the fit, and what there was before it."""

    recommender: Recommender
    report: FitReport
    before: Mapping[str, Point]
    n_texts_of_fit: int


@pytest.fixture(scope="session")
def unfitted_clubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with events and without models; copy it, do not open it."""

    def make(folder: Path) -> None:
        with open_shop(folder) as shop:
            shop.index(club_catalog())
        load(folder, EVENTS)

    return made_once(tmp_path_factory, "unfitted_clubs", make)


@pytest.fixture(scope="session")
def fitted_clubs(tmp_path_factory: pytest.TempPathFactory, unfitted_clubs: Path) -> Path:
    """A workspace with models; copy it, do not open it."""

    def make(folder: Path) -> None:
        with open_shop(copy_workspace(unfitted_clubs, folder)) as shop:
            shop.fit(seed=SEED)

    return made_once(tmp_path_factory, "fitted_clubs", make)


@pytest.fixture
def own_unfitted(unfitted_clubs: Path, tmp_path: Path) -> Path:
    """A workspace of this test alone, with events and without models."""
    return copy_workspace(unfitted_clubs, tmp_path / "shop")


@pytest.fixture
def own_fitted(fitted_clubs: Path, tmp_path: Path) -> Path:
    """A workspace of this test alone, with models."""
    return copy_workspace(fitted_clubs, tmp_path / "shop")


@pytest.fixture(scope="session")
def fitted_shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FittedShop]]:
    """The same shop on both engines, fitted and open; tests must not change it."""
    client = QdrantClient(":memory:")
    folder = tmp_path_factory.mktemp("shops")
    shops = {}
    for engine in ("edge", "memory"):
        encoder = CountingEncoder()
        shop = open_shop(folder / engine, client if engine == "memory" else None, encoder=encoder)
        with warnings.catch_warnings():
            # The in-memory mode of qdrant-client scans everything, and says so for every payload index.
            warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant")
            shop.index(club_catalog())
            load(folder / engine, EVENTS)
            before, n_texts = stored(shop), encoder.n_texts
            report = shop.fit(seed=SEED)
            shops[engine] = FittedShop(shop, report, before, encoder.n_texts - n_texts)
    yield shops
    for fitted in shops.values():
        fitted.recommender.close()
    client.close()


@pytest.fixture(params=["edge", "memory"])
def fitted_shop(request: pytest.FixtureRequest, fitted_shops: dict[str, FittedShop]) -> FittedShop:
    """The fitted shop, on both engines."""
    return fitted_shops[request.param]


@pytest.fixture
def club_shop(fitted_shop: FittedShop) -> Recommender:
    """The recommender of the fitted shop, on both engines."""
    return fitted_shop.recommender


@pytest.fixture(scope="session")
def embedded_club_shop(fitted_shops: dict[str, FittedShop]) -> Recommender:
    """The recommender of the fitted shop on the embedded engine."""
    return fitted_shops["edge"].recommender
