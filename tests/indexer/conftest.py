"""Indexes that are built once for all tests of the folder, because each build starts a process."""

from __future__ import annotations

from contextlib import closing

import pytest
from toy import ToyEncoder
from workspace_copies import copy_workspace

from semrec.config import Settings
from semrec.recommender import Recommender


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Create an embedded index in the folder `shop`, and its passage cache in `cache`."""
    originals = {}

    def build(items, folder):
        if str(items) not in originals:
            original = originals[str(items)] = tmp_path_factory.mktemp("built")
            settings = Settings(encoder={"model": "toy"}, cache={"folder": original / "cache"})
            with closing(Recommender(original / "shop", settings, encoder=ToyEncoder())) as shop:
                shop.index(items)
        copy_workspace(originals[str(items)], folder)

    return build
