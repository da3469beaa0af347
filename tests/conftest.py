"""What all tests share: a clean environment, and the bundled encoder, loaded once."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest
from club_shop import (  # noqa: F401 - fixtures of many tests
    club_shop,
    embedded_club_shop,
    fitted_clubs,
    fitted_shop,
    fitted_shops,
    own_fitted,
    own_unfitted,
    unfitted_clubs,
)
from hypothesis import settings
from made_once import made_once
from postgres_cluster import log, postgres_url, url  # noqa: F401 - fixtures of many tests
from unreliable_client import clock, unreliable  # noqa: F401 - fixtures of many tests

settings.register_profile("repeatable", derandomize=True)  # the same examples every time, here and in CI
settings.load_profile("repeatable")

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of several processes would wait for each other

MEMORY, ENOUGH = Path("/dev/shm"), 6 << 30
KEPT = ("SEMREC_TEST_", "SEMREC_CACHE_FOLDER", "SEMREC_NEAR_DUPLICATES")


def pytest_configure():
    """Let tests write into memory where there is room: every index waits a third of a second for a disk."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_report_header():
    return f"files of the tests: {os.environ.get('PYTEST_DEBUG_TEMPROOT', 'on the disk')}"


def pytest_collection_finish():
    """Spare the garbage collector the modules, a million objects that stay to the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory):
    """No test reads or writes the cache of the person who runs it.

    And near-duplicates do not collapse by themselves: in catalogs of a few made texts most items are alike.
    """
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMREC_NEAR_DUPLICATES", "keep")
        patch.setenv("SEMREC_CACHE_FOLDER", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, own_cache_folder):
    """No setting of the person who runs the tests, and no passage of another test, changes what they see."""
    for name in os.environ:
        if name.upper().startswith("SEMREC_") and not name.upper().startswith(KEPT):
            monkeypatch.delenv(name)
    for file in (*own_cache_folder.glob("passages*"), *own_cache_folder.glob("speeds*")):
        file.unlink()


@pytest.fixture(scope="session")
def bundled():
    """The bundled encoder; loading it takes seconds."""
    from semrec.config import Settings
    from semrec.encoder import load_encoder

    return load_encoder("bundled", Settings())


@pytest.fixture
def one_encoder(bundled, monkeypatch):
    """Let every recommender of this test use the encoder that is loaded already."""
    import semrec.workspace.encoders

    load = semrec.workspace.encoders.load_encoder
    monkeypatch.setattr(
        semrec.workspace.encoders,
        "load_encoder",
        lambda name, settings, *, precision=None: (
            bundled
            if name in (None, "bundled") and precision in (None, "float32")
            else load(name, settings, precision=precision)
        ),
    )


@pytest.fixture(scope="session")
def catalog():
    """148 packages of the bundled catalog: scientific Python, GTK, sound, fonts, databases, mail, games."""
    import polars as pl

    from semrec.cli.demo_data import CATALOG

    category, item_id, text = pl.col("categories"), pl.col("item_id"), pl.col("text")
    science = (category == "python") & text.str.contains("(?i)scientific|numeric|statist|plot")
    gtk = (category == "libdevel") & item_id.str.contains("gtk|cairo|pango|gdk|vte")
    others = category.is_in(["sound", "database", "mail", "games"])
    return (
        pl.read_parquet(CATALOG, columns=["item_id", "title", "text", "categories", "tags"])
        .with_columns(size=text.str.len_chars().cast(pl.Int64))
        .filter(science | gtk | others, pl.col("size") < 1500)
    )


@pytest.fixture(scope="session")
def mapping():
    """What is what in `catalog`."""
    from semrec.indexer.read import FieldMapping

    return FieldMapping("item_id", "title", "text", ("categories", "tags", "size"), ("tags",))


@pytest.fixture(scope="session")
def indexed(tmp_path_factory, bundled, catalog, mapping):
    """A workspace with `catalog`; copy it, do not open it."""
    from semrec import Recommender, Settings

    def make(folder):
        with Recommender(folder, Settings(), encoder=bundled) as recommender:
            recommender.index(catalog, mapping=mapping)

    return made_once(tmp_path_factory, "indexed", make)
