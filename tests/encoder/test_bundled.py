"""The weights that come with semrec."""

from __future__ import annotations

import pytest

from semrec.config import Settings
from semrec.encoder import bundled, load_encoder
from semrec.errors import EncoderError


def test_the_weights_are_the_released_ones():
    assert (bundled.bundled_model() / "model.safetensors").stat().st_size == 90_868_376


def test_damaged_weights_are_an_error_before_loading(tmp_path, monkeypatch):
    weights = bytearray((bundled.bundled_model() / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    monkeypatch.setattr(bundled, "get_model_path", lambda: str(tmp_path))
    with pytest.raises(EncoderError, match=r"is damaged: .*pip install --force-reinstall"):
        load_encoder("bundled", Settings())


def test_missing_weights_are_an_error(tmp_path):
    with pytest.raises(EncoderError, match=r"is missing: .*Reinstall semrec"):
        bundled.check_weights(tmp_path / "model.safetensors", bundled.WEIGHTS_SHA256)
