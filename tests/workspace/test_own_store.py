"""Two workspaces on one server: each index belongs to one of them."""

from __future__ import annotations

import json
import os
import shutil
import uuid

import pytest
from qdrant_client import QdrantClient, models
from stand_in_server import stand_in_server
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.config import StoreSettings
from semrec.errors import ConfigError, StoreError, StoreLockedError, WorkspaceError
from semrec.store import server_lease
from semrec.workspace.folder import find_workspace

RED = [Item(f"red-{n}", f"red {n}", "red") for n in range(5)]
BLUE = [Item(f"blue-{n}", f"blue {n}", "blue round") for n in range(4)]


@pytest.fixture(params=["stand-in", "server"])
def server(request):
    """URL of a server, and a name for an index that no other test uses."""
    name = f"shop{uuid.uuid4().hex[:8]}"
    if request.param == "stand-in":
        with stand_in_server() as running:
            yield running.url, name
        return
    url = os.environ.get("SEMREC_TEST_QDRANT_URL")
    if not url:
        pytest.skip("SEMREC_TEST_QDRANT_URL does not name a Qdrant server")
    yield url, name
    client = client_of(url)
    for collection in client.get_collections().collections:
        if collection.name.startswith(name):
            client.delete_collection(collection.name)
    client.close()


@pytest.fixture
def opened(server, tmp_path):
    """Open a workspace by the name of its parent folder; all have the same name and the same server."""
    url, name = server
    shops = []

    def open_one(parent, collection=None, folder=None):
        store = StoreSettings(qdrant=url, collection=collection)
        shop = Recommender(tmp_path / parent / (folder or name), Settings(store=store), encoder=ToyEncoder())
        shops.append(shop)
        return shop

    yield open_one
    for shop in shops:
        shop.close()


def client_of(url):
    port = int(url.rpartition(":")[2])
    key = os.environ.get("SEMREC_TEST_QDRANT_API_KEY")
    return QdrantClient(
        url=url, port=port, grpc_port=port + 1, prefer_grpc=True, api_key=key, check_compatibility=False
    )


def ids(shop, text):
    return {item.item_id for item in shop.recommend(text=text, k=3)}


def test_the_index_of_another_workspace_is_refused(server, opened, tmp_path):
    url, name = server
    first, second = opened("p"), opened("q")
    first.index(RED)
    message = rf"collection '{name}' at {url} belongs to workspace {tmp_path}/p/{name} on host .*--collection"
    with pytest.raises(StoreError, match=message):
        second.index(BLUE)
    assert not (tmp_path / "q" / name).exists()
    assert ids(first, "blue") <= {item.item_id for item in RED}


def test_another_name_keeps_two_workspaces_apart(server, opened, tmp_path):
    _, name = server
    first = opened("p")
    first.index(RED)
    second = opened("q", collection=f"{name}-2")
    second.index(BLUE)
    second.close()
    assert find_workspace(tmp_path / "q" / name).collection == f"{name}-2"
    again = opened("q")  # the name is remembered
    assert ids(again, "blue") <= {item.item_id for item in BLUE}
    assert ids(first, "blue") <= {item.item_id for item in RED}


def test_names_that_end_like_generations_do_not_clash(server, opened):
    _, name = server
    shops = [opened("p", collection=name), opened("q", collection=f"{name}-1")]
    for _ in range(2):
        for shop, items in zip(shops, (RED, BLUE), strict=True):
            shop.index(items, rebuild=True)
    assert ids(shops[0], "blue") <= {item.item_id for item in RED}
    assert ids(shops[1], "red") <= {item.item_id for item in BLUE}


@pytest.mark.parametrize("collection", ["a@1", "a/b", "x" * 250, "a\x00"])
def test_names_that_cannot_be_used_are_refused(server, opened, tmp_path, collection):
    with pytest.raises(StoreError, match="choose another one with --collection NAME"):
        opened("p", collection=collection).index(RED)


def test_the_name_of_a_collection_of_another_program_is_refused(server, opened):
    url, name = server
    client = client_of(url)
    client.create_collection(name, vectors_config={"a": models.VectorParams(size=2, distance="Dot")})
    with pytest.raises(StoreError, match="choose another name with --collection NAME"):
        opened("p").index(RED)
    client.close()


def test_a_moved_workspace_keeps_its_index(opened, tmp_path, server):
    _, name = server
    first = opened("p")
    first.index(RED)
    first.close()
    shutil.move(tmp_path / "p", tmp_path / "r")
    (tmp_path / "r" / name).rename(tmp_path / "r" / "renamed")
    assert ids(opened("r", folder="renamed"), "red") <= {item.item_id for item in RED}


def test_an_index_is_taken_over(server, opened):
    url, name = server
    first, second = opened("p"), opened("q")
    first.index(RED)
    first.add_events([{"user_id": "u", "item_id": "red-1"}])
    assert second.take_over() == f"Qdrant collection {name} at {url}"
    assert ids(second, "red") <= {item.item_id for item in RED}
    second.index([*RED, *BLUE])
    assert ids(second, "blue") <= {item.item_id for item in BLUE}
    with pytest.raises(StoreError, match=rf"belongs to workspace .*/q/{name} on host"):
        first.put_items([Item("new", "new", "red")])
    with pytest.raises(StoreError, match="belongs to workspace"):
        first.index(RED, rebuild=True)


def test_a_lost_workspace_is_replaced(server, opened, tmp_path):
    first = opened("p")
    first.index(RED)
    first.close()
    shutil.rmtree(tmp_path / "p")
    again = opened("p")
    with pytest.raises(StoreError, match="take it over with: semrec take-over"):
        again.index(RED)
    again.take_over()
    assert again.index([*RED, BLUE[0]]).n_unchanged == 5


def test_what_cannot_be_taken_over(server, opened, tmp_path, monkeypatch):
    with pytest.raises(WorkspaceError, match=r"no Qdrant collection .* to take over"):
        opened("p").take_over()
    assert not (tmp_path / "p").exists()
    with (
        Recommender(tmp_path / "embedded", Settings()) as embedded,
        pytest.raises(ConfigError, match="--qdrant URL"),
    ):
        embedded.take_over()
    first = opened("p")
    first.index(RED)
    monkeypatch.setattr(server_lease.platform, "node", lambda: "elsewhere")
    first._workspace.store().create(())
    monkeypatch.undo()
    with pytest.raises(StoreLockedError, match="is being built by process"):
        opened("q").take_over()


def written_by_an_older_version(url, name, folder):
    """Give collections and marker the form that older versions of semrec wrote."""
    client = client_of(url)
    client.update_collection_aliases(
        [models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=name))]
    )
    new = f"{name}@1"
    config = client.get_collection(new).config
    metadata = {key: value for key, value in config.metadata.items() if key != "semrec_workspace"}
    client.create_collection(
        f"{name}-1",
        vectors_config=config.params.vectors,
        sparse_vectors_config=config.params.sparse_vectors,
        metadata=metadata,
    )
    points, _ = client.scroll(new, limit=100, with_payload=True, with_vectors=True)
    client.upsert(
        f"{name}-1",
        [models.PointStruct(id=one.id, vector=one.vector, payload=one.payload) for one in points],
        wait=True,
    )
    client.delete_collection(new)
    alias = models.CreateAlias(collection_name=f"{name}-1", alias_name=name)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
    client.close()
    (folder / "semrec.json").write_text(json.dumps({"format": 1, "qdrant": url, "collection": None}))


def test_an_index_of_an_older_version_opens_and_belongs_to_its_workspace(server, opened, tmp_path):
    url, name = server
    first = opened("p")
    first.index(RED)
    first.close()
    written_by_an_older_version(url, name, tmp_path / "p" / name)
    again = opened("p")
    assert ids(again, "red") <= {item.item_id for item in RED}
    with pytest.raises(StoreError, match="written by an older semrec"):
        opened("q").index(BLUE)
    with pytest.raises(StoreError, match=rf"'{name}-1', which is no index .*--collection NAME"):
        opened("r", collection=f"{name}-1").index(BLUE)
    assert again.index([*RED, *BLUE]).generation == 2
    assert [one.number for one in again.generations()] == [1, 2]
    assert again.rollback() == 1
