"""A model is a folder or a name on the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.model_path import looks_like_folder, model_path
from semrec.errors import EncoderError


@pytest.mark.parametrize("name", ["./model", "/models/one", "~/model", "a/b/c", "a\\b"])
def test_a_name_that_can_only_be_a_folder(name):
    assert looks_like_folder(name)


@pytest.mark.parametrize("name", ["model", "owner/model"])
def test_a_name_of_the_hub_is_passed_on(name):
    assert not looks_like_folder(name)
    assert model_path(name) == name


def test_the_bundled_model_is_a_folder():
    assert (Path(model_path("bundled")) / "model.safetensors").is_file()


def test_a_missing_folder_is_not_looked_up_on_the_hub(tmp_path):
    with pytest.raises(EncoderError, match=r"cannot load the encoder .*the folder does not exist"):
        load_encoder(str(tmp_path / "model"), Settings())
