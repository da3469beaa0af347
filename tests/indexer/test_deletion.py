"""Items that an update deletes."""

from __future__ import annotations

import pytest
from stub_index import index_of, manifest
from toy import ToyEncoder

from semrec.errors import CatalogError
from semrec.indexer.compare import CatalogComparison
from semrec.indexer.deletion import keys_to_delete
from semrec.indexer.read import open_catalog
from semrec.indexer.rejects import RejectsFile
from semrec.types import Item, item_keys

DRAFT = manifest()
ITEMS = [Item(f"item-{n}", f"Toy {n}", "red") for n in range(20)]
INDEX = index_of(ITEMS, DRAFT)


def deleted(rows, folder, *, sync=True, allow_large_delete=False):
    catalog = open_catalog(rows, max_text_bytes=1000)
    source = CatalogComparison(catalog, INDEX, DRAFT, RejectsFile(folder / "rejects"), ToyEncoder)
    for _ in source:
        pass
    return keys_to_delete(source, INDEX, sync=sync, allow_large_delete=allow_large_delete)


def test_items_that_the_source_does_not_name_are_deleted_only_with_sync(tmp_path):
    assert len(deleted(ITEMS[1:], tmp_path, sync=False)) == 0
    assert deleted(ITEMS[1:], tmp_path).tolist() == item_keys(["item-0"]).tolist()


def test_a_rejected_row_names_its_item(tmp_path):
    assert len(deleted([Item("item-0"), *ITEMS[1:]], tmp_path)) == 0


def test_a_fifth_may_be_deleted_and_more_only_if_allowed(tmp_path):
    assert len(deleted(ITEMS[4:], tmp_path)) == 4
    with pytest.raises(CatalogError, match=r"names 15 items; 5 of the 20 items .* would be deleted"):
        deleted(ITEMS[5:], tmp_path)
    assert len(deleted(ITEMS[5:], tmp_path, allow_large_delete=True)) == 5


@pytest.mark.parametrize("sync", [False, True])
def test_a_source_without_items_is_an_error(tmp_path, sync):
    with pytest.raises(CatalogError, match=r"No row can be used: .*\(1 rows\)"):
        deleted([Item("item-0")], tmp_path, sync=sync, allow_large_delete=True)
