"""The folder that is a workspace."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress

import pytest

from semrec.errors import WorkspaceError
from semrec.workspace.folder import Workspace, find_workspace, make_workspace


def test_a_workspace_is_made_and_found_again(tmp_path):
    folder = tmp_path / "new" / "shop"
    made = make_workspace(folder, qdrant="http://localhost:6333", collection="books")
    assert find_workspace(folder) == made == Workspace(folder, "http://localhost:6333", "books")
    assert [path.name for path in folder.iterdir()] == ["semrec.json"]
    assert made.rejects == folder / "rejects.jsonl"


def test_an_empty_folder_becomes_a_workspace(tmp_path):
    make_workspace(tmp_path, qdrant=None, collection=None)
    assert find_workspace(tmp_path) == Workspace(tmp_path)


def test_a_workspace_can_move_to_a_server(tmp_path):
    make_workspace(tmp_path, qdrant=None, collection=None)
    (tmp_path / "events.db").touch()
    make_workspace(tmp_path, qdrant="http://localhost:6333", collection=None)
    assert find_workspace(tmp_path).qdrant == "http://localhost:6333"
    assert (tmp_path / "events.db").exists()


def test_the_id_of_a_workspace_stays(tmp_path):
    made = make_workspace(tmp_path, qdrant=None, collection=None)
    moved = make_workspace(tmp_path, qdrant="http://localhost:6333", collection="books")
    assert len(made.id) == 32
    assert made.id == moved.id == find_workspace(tmp_path).id
    assert make_workspace(tmp_path / "other", qdrant=None, collection=None).id != made.id


def test_an_older_workspace_gets_an_id(tmp_path):
    (tmp_path / "semrec.json").write_text('{"format": 1, "qdrant": null, "collection": null}')
    assert find_workspace(tmp_path).id == ""
    assert make_workspace(tmp_path, qdrant=None, collection=None).id == find_workspace(tmp_path).id != ""


def test_the_key_is_not_in_the_marker(tmp_path):
    make_workspace(tmp_path, qdrant="http://localhost:6333", collection=None)
    assert set(json.loads((tmp_path / "semrec.json").read_text())) == {
        "semrec",
        "digest",
        "format",
        "qdrant",
        "collection",
        "id",
    }


def test_a_missing_folder_names_the_command(tmp_path):
    with pytest.raises(WorkspaceError, match=r"there is no workspace .*semrec index CATALOG --workspace"):
        find_workspace(tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


def test_a_folder_that_is_no_workspace(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(WorkspaceError, match=r"not a workspace: it has no semrec\.json"):
        find_workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="not empty; nothing was written"):
        make_workspace(tmp_path, qdrant=None, collection=None)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_instead_of_a_folder(tmp_path):
    file = tmp_path / "shop"
    file.write_text("mine")
    with pytest.raises(WorkspaceError, match="is a file; give a folder"):
        make_workspace(file, qdrant=None, collection=None)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"format": "new"}', b"\xff\xfe{"])
def test_a_damaged_marker(tmp_path, content):
    (tmp_path / "semrec.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(
        WorkspaceError,
        match=r"semrec\.json is damaged .*: write it again with the URL of its Qdrant server, or its",
    ):
        find_workspace(tmp_path)


def test_a_workspace_of_a_newer_version_names_the_command(tmp_path):
    make_workspace(tmp_path, qdrant=None, collection=None)
    (tmp_path / "semrec.json").write_text(json.dumps({"format": 7, "semrec": "0.7"}))
    with pytest.raises(WorkspaceError, match=r"newer semrec \(0.7\); this is .*pip install --upgrade semrec"):
        find_workspace(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WorkspaceError, match="cannot write the workspace"):
        make_workspace(tmp_path / "shop", qdrant=None, collection=None)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="cannot write the workspace"):
        make_workspace(tmp_path / "file" / "shop", qdrant=None, collection=None)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe{", b'{"format": "new"}'])
def test_the_marker_of_an_embedded_index_is_written_again_by_the_advised_command(tmp_path, content):
    make_workspace(tmp_path, qdrant=None, collection=None)
    (tmp_path / "generations").mkdir()
    if content is None:
        (tmp_path / "semrec.json").unlink()
    else:
        (tmp_path / "semrec.json").write_bytes(content)
    with pytest.raises(WorkspaceError, match="write it again: `echo") as raised:
        find_workspace(tmp_path)
    command = re.search("`(.*)`", str(raised.value))[1]
    subprocess.run(command, shell=True, check=True)
    assert find_workspace(tmp_path) == Workspace(tmp_path)


def test_any_flipped_bit_of_the_marker_is_damage(tmp_path):
    made = make_workspace(tmp_path, qdrant="http://localhost:6333", collection="books")
    marker = tmp_path / "semrec.json"
    data = marker.read_bytes()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        marker.write_bytes(damaged)
        with suppress(WorkspaceError):  # else only the space between values has changed
            assert find_workspace(tmp_path) == made


def test_the_marker_of_an_older_version_has_no_digest(tmp_path):
    (tmp_path / "semrec.json").write_text('{"format": 1, "qdrant": null, "collection": "books"}')
    assert find_workspace(tmp_path) == Workspace(tmp_path, None, "books")
