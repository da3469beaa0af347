"""Workspaces of earlier formats open, answer as they did, and can be changed.

A file `formats/format-N.tar.xz` is kept from each format of the manifest: a fitted shop of 24 items and the
events of 30 users, made with the toy encoder, in which one item was put and one deleted after the fit.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.store.edge import EdgeStore
from semrec.store.manifests import OLDEST_VERSION
from semrec.store.protocol import MANIFEST_VERSION

FORMATS = Path(__file__).with_name("formats")


@pytest.fixture(params=sorted(FORMATS.glob("*.tar.xz")), ids=lambda path: path.name)
def kept(request, tmp_path):
    """A workspace as an earlier semrec wrote it."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "shop"


def test_a_workspace_is_kept_of_every_format_that_is_read():
    kept = {int(path.name.removeprefix("format-").partition(".")[0]) for path in FORMATS.glob("*.tar.xz")}
    assert kept == set(range(OLDEST_VERSION, MANIFEST_VERSION))


def test_a_workspace_of_an_earlier_format_answers_as_it_did(kept):
    with Recommender(kept, Settings(), encoder=ToyEncoder()) as shop:
        answer = shop.recommend(user="u1", k=5)
        assert [item.item_id for item in answer] == ["1-1", "1-0", "1-2", "new", "0-7"]
        assert [item.score for item in answer] == pytest.approx([2.23, 1.81, 1.557, 0.585, -0.391], abs=0.001)
        assert shop.recommend(text="green")[0].item_id == "new"
        assert not [part for part in shop.check() if part.faults]


def test_a_workspace_of_an_earlier_format_can_be_changed(kept):
    with Recommender(kept, Settings(), encoder=ToyEncoder()) as shop:
        shop.put_items([Item("newer", "blue newer", "blue square", {"size": 1})])
        assert shop.recommend(text="blue square", k=3)[0].item_id == "newer"
        assert shop.fit().n_users == 30
    store = EdgeStore(kept)
    assert store.manifest(store.current()).version == MANIFEST_VERSION
