"""A service on a small shop."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from serving import SHOP, open_shop, start, wait_until_ready


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory):
    """A workspace with `SHOP`; copy it, do not open it."""
    folder = tmp_path_factory.mktemp("built") / "shop"
    with open_shop(folder, encoder={"model": "toy"}) as recommender:
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
        wait_until_ready(client)
        yield client


@pytest.fixture
def serve(shop):
    """Return a function that starts an app on `shop` with other settings and returns a client of it."""
    with ExitStack() as stack:

        def serve_it(wait=True, **settings):
            client = stack.enter_context(start(shop, **settings))
            if wait:
                wait_until_ready(client)
            return client

        yield serve_it
