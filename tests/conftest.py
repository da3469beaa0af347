"""What all tests share: a clean environment, and the bundled encoder, loaded once."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No setting of the person who runs the tests changes what they see."""
    for name in os.environ:
        if name.upper().startswith("SEMREC_") and not name.upper().startswith("SEMREC_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def bundled():
    """The bundled encoder; loading it takes seconds."""
    from semrec.config import Settings
    from semrec.encoder import load_encoder

    return load_encoder("bundled", Settings())


@pytest.fixture
def one_encoder(bundled, monkeypatch):
    """Let every recommender of this test use the encoder that is loaded already."""
    import semrec.recommender

    load = semrec.recommender.load_encoder
    monkeypatch.setattr(
        semrec.recommender,
        "load_encoder",
        lambda name, settings: bundled if name in (None, "bundled") else load(name, settings),
    )
