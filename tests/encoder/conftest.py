"""Exports of the bundled model, and copies of it with something changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_once import made_once

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.bundled import bundled_model


@pytest.fixture
def model_copy(tmp_path):
    """Copy the bundled model (its weights by reference), with other contents of some JSON files."""

    def copy(name="model", **changes) -> Path:
        return copy_model(tmp_path / name, changes)

    return copy


def copy_model(folder: Path, changes) -> Path:
    for file in bundled_model().rglob("*"):
        target = folder / file.relative_to(bundled_model())
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors":
            target.symlink_to(file)
        elif file.is_file():
            target.write_bytes(file.read_bytes())
    for name, content in changes.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
    return folder


@pytest.fixture(scope="session")
def exports(tmp_path_factory, bundled):
    """A cache folder that holds an export of the bundled encoder."""

    def make(folder):
        load_encoder("bundled", Settings(cache={"folder": folder}), precision="int8")

    return made_once(tmp_path_factory, "exports", make)


@pytest.fixture(scope="session")
def int8(exports):
    return load_encoder("bundled", Settings(cache={"folder": exports}, encoder={"backend": "onnx-int8"}))


@pytest.fixture
def own_exports(exports, tmp_path):
    return shutil.copytree(exports, tmp_path / "exports")
