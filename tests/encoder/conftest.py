"""Copies of the bundled model with something changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
