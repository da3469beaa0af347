"""A manifest comes back equal, with its arrays; one that does not fit its arrays is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from samples import build, manifest, points

from semrec.errors import StoreDamagedError, StoreError
from semrec.store.edge import EdgeStore
from semrec.store.manifests import dump_manifest, load_manifest

# The in-memory mode of qdrant-client scans everything and says so for every payload index.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

ARRAYS = {
    "gram": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "keys": np.array([2**64 - 1, 7], np.uint64),
    "empty": np.empty((0, 4), np.float32),
}


def no_arrays(digest):
    raise AssertionError(f"arrays {digest} were read")


def check_arrays(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_arrays_are_not_part_of_the_json():
    text, arrays = dump_manifest(manifest(3, arrays=ARRAYS))
    loaded = load_manifest(text, lambda digest: arrays, where="here")
    assert loaded == manifest(3)
    check_arrays(loaded.arrays, ARRAYS)
    assert "gram" not in text


def test_without_arrays_none_are_read():
    text, arrays = dump_manifest(manifest(3))
    assert arrays == b""
    assert load_manifest(text, no_arrays, where="here") == manifest(3)


def test_the_manifest_of_an_older_version_has_no_arrays():
    values = json.loads(dump_manifest(manifest(3))[0])
    del values["arrays"], values["landmarks"], values["digest"], values["semrec"]
    values["version"] = 2
    loaded = load_manifest(json.dumps(values), no_arrays, where="here")
    assert loaded == manifest(3, landmarks=(), version=2)


def test_any_flipped_bit_that_changes_a_value_is_found():
    expected = manifest(3)
    data = dump_manifest(expected)[0].encode()
    for bit in range(0, 8 * len(data), 3):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            loaded = load_manifest(damaged.decode("utf-8", "replace"), no_arrays, "here")
        except StoreError:
            continue
        assert loaded == expected  # only the JSON around the values has changed


def test_a_generation_of_an_older_version_is_listed_but_not_opened(store):
    number = build(store, points(3), version=1)
    assert store.manifest(number).version == 1
    for opening in (store.open, store.borrow):
        with pytest.raises(StoreError, match=r"older semrec; build it again: semrec index CATALOG --rebuild"):
            opening(number)


def test_arrays_of_another_manifest_are_refused():
    text, _ = dump_manifest(manifest(3, arrays=ARRAYS))
    _, other = dump_manifest(manifest(3, arrays={"gram": np.ones(2, np.float32)}))
    with pytest.raises(
        StoreDamagedError, match=r"here has a damaged manifest \(its arrays do not belong to it\)"
    ):
        load_manifest(text, lambda digest: other, where="here")


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_manifest(manifest(3, text_mean=(float("nan"),)))


def test_every_store_keeps_the_arrays(store):
    number = build(store, points(3), arrays=ARRAYS)
    check_arrays(store.manifest(number).arrays, ARRAYS)
    store.rewrite_manifest(number, replace(store.manifest(number), n_changes=1))
    check_arrays(store.manifest(number).arrays, ARRAYS)
    new = {"gram": np.zeros((1, 2), np.float32)}
    store.rewrite_manifest(number, replace(store.manifest(number), arrays=new))
    check_arrays(store.manifest(number).arrays, new)
    store.rewrite_manifest(number, replace(store.manifest(number), arrays={}))
    assert store.manifest(number).arrays == {}


def test_a_manifest_whose_arrays_are_gone_is_refused(tmp_path):
    store = EdgeStore(tmp_path)
    number = build(store, points(3), arrays=ARRAYS)
    [file] = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError, match="its arrays do not belong to it"):
        store.manifest(number)
    file.unlink()
    with pytest.raises(StoreError, match="the file of its arrays is missing"):
        store.open(number)


def test_a_write_that_stops_before_the_json_leaves_the_old_manifest(tmp_path, monkeypatch):
    store = EdgeStore(tmp_path)
    number = build(store, points(3), arrays=ARRAYS)

    class PowerCutError(Exception):
        pass

    real = type(tmp_path).replace

    def cut(path, target):
        if path.name.startswith("manifest.json"):
            raise PowerCutError
        return real(path, target)

    monkeypatch.setattr(type(tmp_path), "replace", cut)
    changed = replace(store.manifest(number), n_changes=7, arrays={"gram": np.ones(1, np.float32)})
    with pytest.raises(StoreError):
        store.rewrite_manifest(number, changed)
    monkeypatch.undo()
    assert store.manifest(number).n_changes == 0
    check_arrays(store.manifest(number).arrays, ARRAYS)
