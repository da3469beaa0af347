"""A sentence encoder of two small layers, made here: it is trained in seconds."""

from __future__ import annotations

import pytest
from tiny_encoder import make_tiny_encoder


@pytest.fixture
def tiny(tmp_path):
    """The folder of a tiny encoder of this test alone."""
    return make_tiny_encoder(tmp_path / "tiny")
