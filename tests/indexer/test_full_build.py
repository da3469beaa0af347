"""A new index from a catalog, in the embedded store."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from toy import WORDS, ToyEncoder

from semrec.errors import CatalogError, StoreError
from semrec.indexer.build_steps import AHEAD
from semrec.indexer.compare import BATCH_ITEMS
from semrec.indexer.full_build import index_catalog
from semrec.indexer.read import FieldMapping, open_catalog
from semrec.store.edge import EdgeStore
from semrec.types import Item, item_keys


@pytest.fixture
def store(tmp_path):
    return EdgeStore(tmp_path)


def build(store, folder, rows, encoder=None, **options):
    catalog = open_catalog(rows, FieldMapping(), max_text_bytes=10_000)
    return index_catalog(catalog, encoder or ToyEncoder(), store, rejects=folder / "rejects.jsonl", **options)


def items(n):
    return [Item(f"item-{row}", f"Title {row}", WORDS[row % len(WORDS)]) for row in range(n)]


def ids_in(store):
    index = store.open(store.current())
    found = [point.record.item_id for page in index.scan() for point in page]
    index.close()
    return sorted(found)


def generations_on_disk(folder):
    return sorted(path.name for path in (folder / "generations").iterdir() if path.is_dir())


def test_the_report_counts_what_was_done(store, tmp_path):
    heard: list[int] = []
    rows = [*items(3), Item("item-1", "again"), Item("empty")]
    report = build(store, tmp_path, rows, progress=heard.append)
    assert (report.generation, report.n_items, report.n_passages, report.n_rejected) == (1, 3, 3, 2)
    assert (report.encoder, report.device) == ("toy", "paper")
    assert sum(heard) == 5
    assert report.seconds > 0
    assert json.loads(json.dumps(report.to_dict()))["n_rejected"] == 2


def test_the_manifest_describes_the_generation(store, tmp_path):
    build(
        store, tmp_path, [{"id": "a", "title": "red", "year": 2000}, {"id": "b", "title": "blue", "year": 1}]
    )
    manifest = store.manifest(1)
    assert (manifest.encoder, manifest.encoder_fingerprint) == ("toy", "toy-fingerprint")
    assert (manifest.n_items, manifest.n_passages, manifest.dimension) == (2, 2, len(WORDS) + 1)
    assert manifest.fields == {"year": "integer"}
    np.testing.assert_allclose(manifest.text_mean, [0.5, 0, 0.5, 0, 0, 0])


def test_every_rejected_row_is_listed_and_counted_by_reason(store, tmp_path):
    rows = [
        {"id": "a", "title": "red"},
        {"id": "a", "title": "blue"},
        {"id": "b", "title": ""},
        {"id": "c", "title": "x" * 20_000},
        {"id": "d", "title": "x" * 30_000},
    ]
    report = build(store, tmp_path, rows)
    listed = [json.loads(line) for line in report.rejects.read_text().splitlines()]
    assert [(entry["row"], entry["item_id"]) for entry in listed] == [(2, "a"), (3, "b"), (4, "c"), (5, "d")]
    assert all(entry["reason"] for entry in listed)
    assert sorted(report.rejected.values()) == [1, 1, 2]


def test_without_rejects_there_is_no_file_and_an_old_one_is_removed(store, tmp_path):
    build(store, tmp_path, [*items(1), Item("item-0", "again")])
    assert (tmp_path / "rejects.jsonl").exists()
    report = build(store, tmp_path, items(2))
    assert report.rejects is None
    assert not (tmp_path / "rejects.jsonl").exists()


def test_without_items_the_old_generation_stays_current(store, tmp_path):
    build(store, tmp_path, items(3))
    with pytest.raises(CatalogError, match="nothing was indexed; the previous index, if any, still answers"):
        build(store, tmp_path, [Item("a"), Item("b")])
    assert store.current() == 1
    assert ids_in(store) == ["item-0", "item-1", "item-2"]
    assert generations_on_disk(tmp_path) == ["1"]


def test_after_an_error_of_the_encoder_only_the_old_generation_exists(store, tmp_path):
    build(store, tmp_path, items(3))
    with pytest.raises(RuntimeError, match="out of memory"):
        build(store, tmp_path, items(5 * BATCH_ITEMS), ToyEncoder(breaks_after=2 * BATCH_ITEMS + 1))
    assert store.current() == 1
    assert ids_in(store) == ["item-0", "item-1", "item-2"]
    assert generations_on_disk(tmp_path) == ["1"]
    working = {thread.name.partition("_")[0] for thread in threading.enumerate()}
    assert not working & {"semrec-read", "semrec-write"}


def test_after_an_error_of_the_source_only_the_old_generation_exists(store, tmp_path):
    def rows():
        yield from items(2 * BATCH_ITEMS)
        raise CatalogError("the disk with the catalog is gone")

    build(store, tmp_path, items(3))
    with pytest.raises(CatalogError, match="is gone"):
        build(store, tmp_path, rows())
    assert store.current() == 1
    assert generations_on_disk(tmp_path) == ["1"]


def test_after_an_error_of_the_store_only_the_old_generation_exists(store, tmp_path):
    class Full(EdgeStore):
        def complete(self, generation, index, manifest):
            raise StoreError("no space left")

    build(store, tmp_path, items(3))
    with pytest.raises(StoreError, match="no space left"):
        build(Full(tmp_path), tmp_path, items(4))
    assert store.current() == 1
    assert generations_on_disk(tmp_path) == ["1"]


def test_a_rejects_file_that_cannot_be_written_is_an_error(store, tmp_path):
    (tmp_path / "rejects.jsonl").mkdir()
    with pytest.raises(StoreError, match=r"cannot write .*rejects\.jsonl"):
        build(store, tmp_path, [*items(1), Item("item-0", "again")])
    assert store.current() is None


def test_the_generation_before_is_kept_and_no_older_one(store, tmp_path):
    for n in (1, 2, 3, 4):
        build(store, tmp_path, items(n))
    assert store.generations() == [3, 4]
    assert generations_on_disk(tmp_path) == ["3", "4"]
    assert len(ids_in(store)) == 4


def test_a_long_text_becomes_several_passages(store, tmp_path):
    text = "red red red red. blue blue blue blue. green"
    report = build(store, tmp_path, [Item("a", "", text), Item("b", "red")], ToyEncoder(passage_tokens=4))
    assert (report.n_items, report.n_passages) == (2, 4)
    index = store.open(1)
    (record,), (rows,) = index.records(item_keys(["a"])), index.passage_vectors(item_keys(["a"]))
    vector = index.vectors("text", item_keys(["a"]))[0]
    index.close()
    assert " ".join(record.passages) == text
    assert rows.shape == (3, len(WORDS) + 1)
    mean = rows.mean(axis=0)
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_passages_can_be_shorter(store, tmp_path):
    assert build(store, tmp_path, [Item("a", "", "red " * 8)], passage_tokens=2).n_passages == 4


def test_the_template_determines_what_is_encoded(store, tmp_path):
    catalog = open_catalog(
        [{"id": "a", "title": "red", "author": "blue", "text": "green"}],
        FieldMapping(template="{title} {author}"),
        max_text_bytes=1000,
    )
    index_catalog(catalog, ToyEncoder(), store, rejects=tmp_path / "rejects.jsonl")
    index = store.open(1)
    np.testing.assert_allclose(index.vectors("text", item_keys(["a"]))[0], [0.5**0.5, 0, 0.5**0.5, 0, 0, 0])
    assert index.records(item_keys(["a"]))[0].passages == ("red blue",)
    index.close()


def test_reading_stays_a_few_batches_ahead(store, tmp_path):
    """Memory does not grow with the catalog: reading waits for a slow encoder."""
    n_read, most_ahead = 0, 0

    def rows():
        nonlocal n_read
        for item in items(20 * BATCH_ITEMS):
            n_read += 1
            yield item

    class Slow(ToyEncoder):
        n_encoded = 0

        def encode_documents(self, texts, progress=None):
            nonlocal most_ahead
            time.sleep(0.02)
            most_ahead = max(most_ahead, n_read - self.n_encoded)
            self.n_encoded += len(texts)
            return super().encode_documents(texts)

    report = build(store, tmp_path, rows(), Slow())
    assert report.n_items == 20 * BATCH_ITEMS
    # Waiting batches, one being read, one being encoded, and the sample for guesses.
    assert most_ahead <= (AHEAD + 3) * BATCH_ITEMS
