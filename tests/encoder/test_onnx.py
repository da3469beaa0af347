"""The bundled encoder in int8 on onnxruntime; exported once for all these tests."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from semrec.config import Settings
from semrec.encoder import load_encoder, load_reference
from semrec.encoder.onnx import CARD, MODELS, TOKENIZER, DamagedExportError, OnnxEncoder, export_folder
from semrec.encoder.onnx_export import export, known_modules, publish
from semrec.errors import EncoderError

TEXTS = ["A library to read and write JSON quickly.", "", "中文", "a" * 2000, "x y " * 400]


@pytest.fixture(scope="session")
def exports(tmp_path_factory, bundled):
    """A cache folder that holds an export of the bundled encoder."""
    folder = tmp_path_factory.mktemp("exports")
    load_encoder("bundled", Settings(cache={"folder": folder}), precision="int8")
    return folder


@pytest.fixture(scope="session")
def int8(exports):
    return load_encoder("bundled", Settings(cache={"folder": exports}, encoder={"backend": "onnx-int8"}))


@pytest.fixture
def own_exports(exports, tmp_path):
    return shutil.copytree(exports, tmp_path / "exports")


def test_it_says_what_it_is_like_the_float32_one(int8, bundled):
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
    assert cosines.min() > 0.95  # nobody writes 2,000 times "a"
    assert int8.encode_queries([]).shape == (0, 384)


def test_the_reference_has_the_vectors_of_float32_without_torch(exports, bundled):
    reference = load_reference("bundled", Settings(cache={"folder": exports}))
    assert isinstance(reference, OnnxEncoder)
    assert (reference.precision, reference.fingerprint) == ("float32", bundled.fingerprint)
    vectors = reference.encode_documents(TEXTS)
    assert (vectors * bundled.encode_documents(TEXTS)).sum(axis=1).min() > 0.9999


def test_without_a_whole_export_the_reference_is_torch(own_exports, bundled):
    (export_folder(own_exports, bundled.fingerprint) / MODELS["float32"]).write_bytes(b"no model")
    for folder in (own_exports, own_exports / "none"):
        assert load_reference("bundled", Settings(cache={"folder": folder})).encode_queries(["x"]).shape == (
            1,
            384,
        )


def test_progress_hears_of_every_text(int8):
    heard: list[int] = []
    int8.encode_documents(["one", "two " * 300, "three"], progress=heard.append)
    assert sum(heard) == 3


def test_an_export_is_loaded_without_torch(exports):
    code = (
        "import sys; from semrec.config import Settings; from semrec.encoder import load_encoder; "
        f"e = load_encoder('bundled', Settings(cache={{'folder': {str(exports)!r}}}), precision='int8'); "
        "e.encode_queries(['x']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", [CARD, MODELS["int8"], TOKENIZER])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_export_is_noticed(own_exports, bundled, name, damage):
    folder = export_folder(own_exports, bundled.fingerprint)
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    with pytest.raises(DamagedExportError):
        OnnxEncoder(folder, "bundled", 1024)


@pytest.mark.slow
def test_a_damaged_export_is_made_anew(own_exports, bundled, int8):
    folder = export_folder(own_exports, bundled.fingerprint)
    (folder / MODELS["int8"]).write_bytes(b"no model")
    again = load_encoder("bundled", Settings(cache={"folder": own_exports}), precision="int8")
    np.testing.assert_allclose(again.encode_queries(TEXTS), int8.encode_queries(TEXTS), atol=1e-6)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_who_comes_second_leaves_the_whole_export_of_the_first(own_exports, bundled, tmp_path):
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


def test_an_export_that_fails_says_why_and_leaves_nothing(bundled, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("an operator that ONNX does not have\nand more")

    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(EncoderError, match=r"cannot export .* an operator that ONNX does not have$"):
        export(bundled, tmp_path / "onnx" / "bundled", 1024)
    assert list((tmp_path / "onnx").iterdir()) == []


@pytest.mark.slow
def test_where_nothing_can_be_written_the_export_is_used_but_not_kept(int8, tmp_path):
    (tmp_path / "file").touch()
    encoder = load_encoder("bundled", Settings(cache={"folder": tmp_path / "file"}), precision="int8")
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), int8.encode_queries(TEXTS), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_modules_and_poolings_that_are_not_known_are_refused(model_copy):
    pooled = load_encoder(str(model_copy("max", **{"1_Pooling/config": {"pooling_mode": "max"}})), Settings())
    with pytest.raises(EncoderError, match=r"cannot export an encoder with the pooling .*max"):
        known_modules(pooled.model)
    pooled.model.append(torch.nn.Linear(2, 2))
    with pytest.raises(EncoderError, match="of the modules Transformer, Pooling, Normalize, Linear"):
        known_modules(pooled.model)
