"""Exports to ONNX: complete or missing, and only of supported models."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from toy import ToyEncoder

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.onnx import CARD, export_folder
from semrec.encoder.onnx_export import check_same, export, known_modules, publish
from semrec.errors import EncoderError

TEXTS = ["A library to read and write JSON quickly.", "", "中文"]


class Rotated(ToyEncoder):
    """Its vectors have this cosine with (1, 0, 0, …)."""

    def __init__(self, cosine, precision="float32"):
        super().__init__()
        self.precision, self._cosine = precision, cosine

    def encode_documents(self, texts, progress=None):
        vector = [self._cosine, (1 - self._cosine**2) ** 0.5]
        return np.tile(np.array(vector, np.float64), (len(texts), 1))


@pytest.mark.parametrize(
    ("precision", "cosine", "is_same"),
    [("int8", 0.91, True), ("int8", 0.89, False), ("float32", 0.99995, True), ("float32", 0.9998, False)],
)
def test_an_export_must_compute_nearly_the_same_vectors(precision, cosine, is_same):
    model, exported = Rotated(1.0), Rotated(cosine, precision)
    if is_same:
        check_same(model, exported)
    else:
        with pytest.raises(EncoderError, match=f"computes other vectors in {precision}"):
            check_same(model, exported)


def test_a_complete_export_is_not_replaced(own_exports, bundled, tmp_path):
    folder = export_folder(own_exports, bundled.fingerprint)
    before = (folder / CARD).stat().st_ino
    made = shutil.copytree(folder, tmp_path / "second" / "export")
    publish(made, folder)
    assert (folder / CARD).stat().st_ino == before


@pytest.mark.slow
def test_two_processes_export_at_once(tmp_path):
    code = (
        "from semrec.config import Settings; from semrec.encoder import load_encoder; "
        f"e = load_encoder('bundled', Settings(cache={{'folder': {str(tmp_path)!r}}}), precision='int8'); "
        "print(e.encode_queries(['x'])[0, :3].tolist())"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    said = {process.communicate(timeout=300)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(said) == 1
    assert len(list((tmp_path / "onnx").iterdir())) == 1


def test_a_failed_export_leaves_no_files(bundled, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("an operator that ONNX does not have\nand more")

    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(EncoderError, match=r"cannot export .* an operator that ONNX does not have$"):
        export(bundled, tmp_path / "onnx" / "bundled", 1024)
    assert list((tmp_path / "onnx").iterdir()) == []


@pytest.mark.slow
def test_an_export_can_be_used_without_a_writable_folder(int8, tmp_path):
    (tmp_path / "file").touch()
    encoder = load_encoder("bundled", Settings(cache={"folder": tmp_path / "file"}), precision="int8")
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), int8.encode_queries(TEXTS), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_unsupported_modules_and_poolings_are_an_error(model_copy):
    pooled = load_encoder(str(model_copy("max", **{"1_Pooling/config": {"pooling_mode": "max"}})), Settings())
    with pytest.raises(EncoderError, match=r"cannot export an encoder with the pooling .*max"):
        known_modules(pooled.model)
    pooled.model.append(torch.nn.Linear(2, 2))
    with pytest.raises(EncoderError, match="of the modules Transformer, Pooling, Normalize, Linear"):
        known_modules(pooled.model)
