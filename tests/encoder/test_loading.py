"""Encoders by name: which one is loaded, and that torch is not imported without need."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from semrec.config import Settings
from semrec.encoder import load_encoder, load_reference
from semrec.encoder.onnx import MODELS, OnnxEncoder, export_folder

TEXTS = ["A library to read and write JSON quickly.", "", "中文", "a" * 2000, "x y " * 400]


def test_the_reference_has_the_vectors_of_float32_without_torch(exports, bundled):
    reference = load_reference("bundled", Settings(cache={"folder": exports}))
    assert isinstance(reference, OnnxEncoder)
    assert (reference.precision, reference.fingerprint) == ("float32", bundled.fingerprint)
    vectors = reference.encode_documents(TEXTS)
    assert (vectors * bundled.encode_documents(TEXTS)).sum(axis=1).min() > 0.9999


def test_without_a_complete_export_the_reference_uses_torch(own_exports, bundled):
    (export_folder(own_exports, bundled.fingerprint) / MODELS["float32"]).write_bytes(b"no model")
    for folder in (own_exports, own_exports / "none"):
        assert load_reference("bundled", Settings(cache={"folder": folder})).encode_queries(["x"]).shape == (
            1,
            384,
        )


def test_an_export_is_loaded_without_torch(exports):
    code = (
        "import sys; from semrec.config import Settings; from semrec.encoder import load_encoder; "
        f"e = load_encoder('bundled', Settings(cache={{'folder': {str(exports)!r}}}), precision='int8'); "
        "e.encode_queries(['x']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_a_damaged_export_is_replaced(own_exports, bundled, int8):
    folder = export_folder(own_exports, bundled.fingerprint)
    (folder / MODELS["int8"]).write_bytes(b"no model")
    again = load_encoder("bundled", Settings(cache={"folder": own_exports}), precision="int8")
    np.testing.assert_allclose(again.encode_queries(TEXTS), int8.encode_queries(TEXTS), atol=1e-6)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
