"""The page in a real browser, on a real index."""

from __future__ import annotations

import random
import shutil

import pytest
from browsing import MARKUP
from serving import listening
from workspace_copies import copy_workspace

from semrec import Recommender
from semrec.config import IndexSettings, Settings
from semrec.service.api_keys import ApiKeys
from semrec.service.app import create_app

CHROMIUM = shutil.which("chromium")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 30_000


def pytest_collection_modifyitems(items):
    """Starting a browser leaves pipes to the garbage collector."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


def purchases(catalog):
    """Return events of 60 users who each like two categories: 8 items of each."""
    by_category = [group["item_id"].to_list() for _, group in sorted(catalog.group_by("categories"))]
    chance = random.Random(0)
    return [
        {"user": f"user-{user}", "item": item, "kind": "buy", "time": 1.7e9 + 1000 * user + n}
        for user in range(60)
        for n, item in enumerate(
            item
            for liked in (user % len(by_category), (user + 1) % len(by_category))
            for item in chance.sample(by_category[liked], min(8, len(by_category[liked])))
        )
    ]


@pytest.fixture(scope="session")
def page_shop(indexed, bundled, catalog, tmp_path_factory):
    """A shop with `catalog`, events that were learned from, and an item with markup in every field."""
    folder = copy_workspace(indexed, tmp_path_factory.mktemp("page") / "shop")
    settings = Settings(index=IndexSettings(keep_html=True))
    with Recommender(folder, settings, encoder=bundled) as recommender:
        recommender.put_items([MARKUP])
        recommender.add_events(purchases(catalog))
        recommender.fit()
    return folder


def serve_page(folder, encoder, keys=None):
    """Return a context that serves a shop on this machine and gives its address."""
    settings = Settings()
    return listening(create_app(lambda: Recommender(folder, settings, encoder=encoder), settings, keys=keys))


@pytest.fixture(scope="session")
def address(page_shop, bundled):
    """The address of a service on `page_shop`."""
    with serve_page(page_shop, bundled) as address:
        yield address


@pytest.fixture(scope="session")
def address_and_key(page_shop, bundled, tmp_path_factory):
    """The address of a service that needs a key, and the key."""
    folder = copy_workspace(page_shop, tmp_path_factory.mktemp("with-keys") / "shop")
    keys = ApiKeys(tmp_path_factory.mktemp("keys"))
    key, _ = keys.create("page", "read")
    with serve_page(folder, bundled, keys) as address:
        yield address, key


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium without a window; its driver keeps an event loop in this thread until it ends."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Return a function that opens the page as a new user.

    A warning or an error in the console, a dialog, or a request to another site fails the test.
    """
    contexts, problems = [], []

    def open_page(path="", *, theme="light", language="en-US", size=None, allowed=(), at=None):
        origin = at or address
        context = browser.new_context(
            viewport=size or {"width": 1280, "height": 900}, color_scheme=theme, locale=language
        )
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(origin) or problems.append(f"request to another site: {request.url}")
            ),
        )
        page.on(
            "console",
            lambda entry: (
                entry.type in ("error", "warning")
                and not any(part in entry.text for part in allowed)
                and problems.append(f"{entry.type}: {entry.text}")
            ),
        )
        page.goto(f"{origin}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
