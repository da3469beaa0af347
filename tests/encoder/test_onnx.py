"""The bundled encoder in int8 on onnxruntime; exported once for all these tests."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.encoder.onnx import CARD, MODELS, TOKENIZER, DamagedExportError, OnnxEncoder, export_folder

TEXTS = ["A library to read and write JSON quickly.", "", "中文", "a" * 2000, "x y " * 400]


def test_attributes_are_those_of_the_model(int8, bundled):
    assert int8.precision == "int8"
    assert int8.fingerprint == f"{bundled.fingerprint}-int8"
    assert (int8.name, int8.dimension, int8.passage_tokens) == ("bundled", 384, 254)
    assert (int8.query_prompt, int8.document_prompt) == ("", "")
    assert int8.count_tokens([*TEXTS, "a " * 1000]) == bundled.count_tokens([*TEXTS, "a " * 1000])


def test_vectors_are_nearly_those_of_float32(int8, bundled):
    vectors = int8.encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = (vectors * bundled.encode_documents(TEXTS)).sum(axis=1)
    assert cosines[0] > 0.99
    assert cosines.min() > 0.95  # 2,000 times "a" is no normal text
    assert int8.encode_queries([]).shape == (0, 384)


def test_progress_is_called_for_every_text(int8):
    heard: list[int] = []
    int8.encode_documents(["one", "two " * 300, "three"], progress=heard.append)
    assert sum(heard) == 3


@pytest.mark.parametrize("name", [CARD, MODELS["int8"], TOKENIZER])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_export_is_an_error(own_exports, bundled, name, damage):
    folder = export_folder(own_exports, bundled.fingerprint)
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    with pytest.raises(DamagedExportError):
        OnnxEncoder(folder, "bundled", 1024)
