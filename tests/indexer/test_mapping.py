"""Columns of a catalog: guesses and types."""

import pytest

from semrec.errors import CatalogError
from semrec.indexer.mapping import FieldMapping
from semrec.indexer.read import open_catalog
from semrec.types import Item


def opened(rows, mapping=None):
    return open_catalog(rows, mapping, max_text_bytes=1000)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("item_id", "title", "text"), ("item_id", "title", "text")),
        (("Name", "ID", "Description"), ("ID", "Name", "Description")),
        (("parent", "ASIN", "Title", "Body"), ("ASIN", "Title", "Body")),
        (("text", "item-id", "Product Name"), ("item-id", "Product Name", "text")),
        (("标题", "内容", "编号"), ("编号", "标题", "内容")),
        (("名称", "描述", "商品编号"), ("商品编号", "名称", "描述")),
        (("slug", "headline", "正文"), ("slug", "headline", "正文")),
        (("movieId", "overview"), ("movieId", None, "overview")),
        (("id", "name", "title"), ("id", "title", None)),
    ],
)
def test_guesses(columns, expected):
    catalog = opened([dict.fromkeys(columns, "x")])
    mapping = catalog.mapping
    assert (mapping.item_id, mapping.title, mapping.text) == expected
    told = "\n".join(catalog.notes)
    assert all(f'column "{name}" (guessed)' in told for name in expected if name)
    assert ("none (no column looks like it" in told) == (None in expected)


def test_given_columns_are_not_guessed():
    mapping = FieldMapping(item_id="title", title="id", metadata=("kind",))
    catalog = opened([{"id": "a", "title": "b", "text": "c", "kind": "d", "other": "e"}], mapping)
    assert list(catalog) == [Item("b", "a", "c", {"kind": "d"})]
    assert catalog.notes == ['text: column "text" (guessed)']


def test_long_and_nested_columns_are_left_out_and_named():
    rows = [{"id": "a", "title": "A", "short": "s", "essay": "x" * 201, "nested": [{"a": 1}]}]
    catalog = opened(rows)
    assert catalog.mapping.metadata == ("short",)
    assert catalog.notes[-2:] == [
        'left out: "essay" (values longer than 200 characters; keep them with --meta)',
        'left out: "nested" (filters cannot use nested objects)',
    ]
    (item,) = opened(rows, FieldMapping(metadata=("essay",)))
    assert item.metadata == {"essay": "x" * 201}


def test_columns_with_values_of_200_characters_are_kept():
    (item,) = opened([{"id": "a", "title": "A", "essay": "x" * 200}])
    assert item.metadata == {"essay": "x" * 200}


@pytest.mark.parametrize(("place", "kind"), [(999, "float"), (1000, "integer")])
def test_types_are_those_of_the_first_thousand_rows(place, kind):
    rows = [{"id": str(n), "title": "A", "size": 2.5 if n == place else 1} for n in range(1001)]
    catalog = opened(rows)
    assert catalog.fields == {"size": kind}
    n_items = sum(isinstance(entry, Item) for entry in catalog)
    assert n_items == 1001  # a decimal number after them makes the field wider


def test_items_keep_all_their_metadata():
    item = Item("a", "A", "", {"essay": "x" * 500})
    assert list(opened([item])) == [item]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "-20"], "integer", [1, -20]),
        (["1", "2.5"], "float", [1.0, 2.5]),
        (["1e3", ".5"], "float", [1000.0, 0.5]),
        (["true", "False"], "bool", [True, False]),
        (["007", "8"], "keyword", ["007", "8"]),
        (["1", "x"], "keyword", ["1", "x"]),
        (["99999999999999999999", "1"], "keyword", ["99999999999999999999", "1"]),
        (["1.2.3", "."], "keyword", ["1.2.3", "."]),
        (["e5", "-"], "keyword", ["e5", "-"]),
        (["1", ""], "integer", [1, None]),
        (["Nan", "Anna"], "keyword", ["Nan", "Anna"]),
        (["", ""], None, [None, None]),
    ],
)
def test_types_of_csv_columns(tmp_path, values, kind, expected):
    path = tmp_path / "x.csv"
    path.write_text("id,title,v\n" + "".join(f"{n},T,{value}\n" for n, value in enumerate(values)))
    catalog = opened(path)
    assert catalog.fields == ({"v": kind} if kind else {})
    assert [item.metadata.get("v") for item in catalog] == expected


def test_types_of_json_values():
    rows = [
        {"id": "a", "title": "A", "i": 1, "f": 1, "b": True, "k": "1", "l": ["x"], "m": 1, "n": None},
        {"id": "b", "title": "B", "i": 2.0, "f": 2.5, "b": False, "k": "", "l": [], "m": "x", "n": None},
    ]
    catalog = opened(rows)
    kinds = {"i": "float", "f": "float", "b": "bool", "k": "keyword", "l": "keyword", "m": "keyword"}
    assert catalog.fields == kinds
    assert '"m": integer and text values; all are kept as text' in catalog.notes
    first, second = catalog
    assert first.metadata == {"i": 1.0, "f": 1.0, "b": True, "k": "1", "l": ("x",), "m": "1"}
    assert second.metadata == {"i": 2.0, "f": 2.5, "b": False, "m": "x"}


def test_lists_are_split_at_commas():
    rows = [{"id": "a", "title": "A", "tags": " x, y ,,z"}, {"id": "b", "title": "B", "tags": ["u", "v,w"]}]
    first, second = opened(rows, FieldMapping(metadata=(), lists=("tags",)))
    assert first.metadata == {"tags": ("x", "y", "z")}
    assert second.metadata == {"tags": ("u", "v,w")}


@pytest.mark.parametrize(
    "mapping",
    [
        FieldMapping(item_id="nope"),
        FieldMapping(title="nope"),
        FieldMapping(metadata=("nope",)),
        FieldMapping(lists=("nope",)),
        FieldMapping(template="{nope}"),
        FieldMapping(template="{text}"),
    ],
)
def test_unknown_columns_are_an_error(mapping):
    with pytest.raises(CatalogError, match=r'no column "(nope|text)"\. Columns: "id", "title"'):
        opened([{"id": "a", "title": "A"}], mapping)
