"""A service on a small shop whose vectors are known."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent.parent))

from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import load_settings
from semrec.service.app import create_app

SHOP = [
    Item("r1", "red one", "red round", {"colour": "red", "size": 1}),
    Item("r2", "red two", "red red square", {"colour": "red", "size": 2}),
    Item("g1", "green one", "green round", {"colour": "green", "size": 1}),
    Item("g2", "green two", "green green square", {"colour": "green", "size": 2}),
    Item("b1", "blue one", "blue round", {"colour": "blue", "size": 1}),
    Item("a/b c", "blue two", "blue blue <b>square</b>", {"colour": "blue", "size": 2}),
]


def open_shop(folder, **settings):
    """Return a recommender on a folder, with the toy encoder."""
    return Recommender(folder, load_settings(**settings), encoder=ToyEncoder())


def start(folder, **settings):
    """Return a client of an app on a folder; a context that starts and stops the app."""
    app = create_app(lambda: open_shop(folder, **settings), load_settings(**settings))
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory):
    """A workspace with `SHOP`; copy it, do not open it."""
    folder = tmp_path_factory.mktemp("built") / "shop"
    with open_shop(folder, model="toy") as recommender:
        recommender.index(SHOP)
    return folder


@pytest.fixture
def shop(built_shop, tmp_path):
    """A workspace with `SHOP` of one's own."""
    return shutil.copytree(built_shop, tmp_path / "shop")


@pytest.fixture(scope="session")
def client(built_shop, tmp_path_factory):
    """A client of an app with default settings, for questions that change nothing."""
    folder = shutil.copytree(built_shop, tmp_path_factory.mktemp("asked") / "shop")
    with start(folder) as client:
        yield client


@pytest.fixture
def serve(shop):
    """Return a function that starts an app on `shop` with other settings and returns a client of it."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(start(shop, **settings))
