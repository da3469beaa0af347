"""Workspaces for the commands."""

from __future__ import annotations

import pytest
from commands import BOOKS, catalog_text, event_rows, events_text, invoke, write
from made_once import made_once
from toy import ToyEncoder
from workspace_copies import copy_workspace

import semrec.workspace.encoders


@pytest.fixture
def shop(indexed, one_encoder, tmp_path):
    """A workspace with the packages of `catalog`, for the bundled encoder."""
    return copy_workspace(indexed, tmp_path / "shop")


@pytest.fixture
def books(one_encoder, tmp_path):
    """A catalog of three books, for the bundled encoder."""
    return write(tmp_path, BOOKS, "books.csv")


@pytest.fixture
def toy_encoder(monkeypatch):
    """Every recommender of the test encodes with the toy."""
    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder())


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with catalog.csv and events.csv of the clubs."""
    folder = tmp_path_factory.mktemp("files")
    write(folder, catalog_text(), "catalog.csv")
    write(folder, events_text(event_rows()), "events.csv")
    return folder


@pytest.fixture(scope="session")
def made(files, tmp_path_factory):
    """Workspaces of the clubs to copy: an index, one with events, one with models."""

    def make(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder())
            assert invoke("index", files / "catalog.csv", "-w", folder / "bare")[0] == 0
            copy_workspace(folder / "bare", folder / "loaded")
            assert invoke("events", files / "events.csv", "-w", folder / "loaded")[0] == 0
            copy_workspace(folder / "loaded", folder / "fitted")
            assert invoke("fit", "-w", folder / "fitted")[0] == 0

    return made_once(tmp_path_factory, "clubs_by_command", make)


@pytest.fixture
def bare(made, toy_encoder, tmp_path):
    """A workspace with an index of the clubs."""
    return copy_workspace(made / "bare", tmp_path / "shop")


@pytest.fixture
def loaded(made, toy_encoder, tmp_path):
    """A workspace with an index and events of the clubs."""
    return copy_workspace(made / "loaded", tmp_path / "shop")


@pytest.fixture
def fitted(made, toy_encoder, tmp_path):
    """A workspace with an index, events and models of the clubs."""
    return copy_workspace(made / "fitted", tmp_path / "shop")
