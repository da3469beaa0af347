"""How the values of a column are read."""

from __future__ import annotations

import pytest

from semrec.indexer.column_formats import ColumnFormat, guess_format, widened, wider
from semrec.indexer.read import open_catalog
from semrec.types import Item


def read(folder, values):
    """Return the field of a CSV file with these values: its type, what items have, and what is told."""
    path = folder / "catalog.csv"
    cells = ('"' + value.replace('"', '""') + '"' for value in values)
    path.write_text("id,title,price\n" + "".join(f"{n},T,{cell}\n" for n, cell in enumerate(cells)))
    catalog = open_catalog(path, max_text_bytes=1000)
    items = list(catalog)
    assert all(isinstance(item, Item) for item in items)
    told = "\n".join([*catalog.notes, *catalog.cleaning.notes()])
    return catalog.fields["price"], [item.metadata.get("price") for item in items], told


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["9", "9.5"], "float", [9, 9.5]),
        (["9.99", "N/A", "8"], "float", [9.99, None, 8]),
        (["9.99", "$", "8"], "float", [9.99, None, 8]),
        (["$1,299.00", "$5", "12"], "float", [1299, 5, 12]),
        (["$5", "$6"], "integer", [5, 6]),
        (["9,99 €", "1.299,00 €", "12"], "float", [9.99, 1299, 12]),
        (["1,234", "5"], "integer", [1234, 5]),
        (["9,5", "1,234"], "float", [9.5, 1.234]),
        (["9.99", "8.50", "7", "call us"], "float", [9.99, 8.5, 7, None]),
        (["NULL", "nan", "None", "7"], "integer", [None, None, None, 7]),
        (["36", "37", "S"], "keyword", ["36", "37", "S"]),
        (["12345", "01234"], "keyword", ["12345", "01234"]),
        (["1234567890", *["080442957X"] * 2], "keyword", ["1234567890", *["080442957X"] * 2]),
        (["true", "5", "yes"], "keyword", ["true", "5", "yes"]),
        (["true", "false", ""], "bool", [True, False, None]),
        (["555 123 456", "555 123 457"], "keyword", ["555 123 456", "555 123 457"]),
    ],
)
def test_the_column_says_what_a_value_is(tmp_path, values, kind, expected):
    assert read(tmp_path, values)[:2] == (kind, expected)


def test_guesses_and_values_that_are_left_out_are_told(tmp_path):
    told = read(tmp_path, ["$9.99", "8.50", "7", "call us", "N/A"])[2]
    assert "\"price\": numbers, also written as '$9.99' (guessed; the decimal mark is '.')" in told
    assert (
        "\"price\": 1 values were left out, for instance item '3': is the text 'call us', not a number"
        in told
    )
    assert "'N/A' counted as missing in 1 values" in told


def test_one_word_in_a_thousand_codes_is_left_out_and_one_code_is_not(tmp_path):
    numbers = [str(n) for n in range(100)]
    assert read(tmp_path, [*numbers, "soon"])[0] == "integer"
    assert read(tmp_path, [*numbers, "12a"])[0] == "keyword"


def test_a_decimal_after_the_sample_widens_a_field(tmp_path):
    rows = [{"id": n, "title": "T", "size": n} for n in range(10)]
    catalog = open_catalog([*rows, {"id": 10, "title": "T", "size": 2.5}], max_text_bytes=100, sample_rows=10)
    assert catalog.fields == {"size": "integer"}
    assert list(catalog)[-1].metadata == {"size": 2.5}


def test_declared_texts_stay_texts_unless_they_are_prices():
    assert guess_format(["5", "6"], parse=False, declared="keyword")[0] == ColumnFormat("keyword")
    assert guess_format(["$5", "$6"], parse=False, declared="keyword")[0] == ColumnFormat("integer")
    assert guess_format(["5", 6], parse=False)[0] == ColumnFormat("integer")


def test_a_column_without_values_keeps_the_type_of_its_field():
    assert guess_format([None, ""], parse=True, before=ColumnFormat("float"))[0].type == "float"
    assert guess_format([None, ""], parse=True)[0].type == "keyword"


def test_a_later_file_is_read_like_the_first_one():
    lists = ColumnFormat("keyword", separator="|")
    assert guess_format(["Drama"], parse=True, before=lists)[0] == lists
    marked = ColumnFormat("float", mark=",")
    assert guess_format(["1,234"], parse=True, before=marked)[0].mark == ","
    assert guess_format(["1.5"], parse=True, before=marked)[0].mark == "."
    assert guess_format(["a|b"], parse=True, separator=";")[0] == ColumnFormat("keyword")


def test_types_only_become_wider():
    assert [wider("integer", "float"), wider("float", "keyword"), wider("bool", "integer")] == [
        "float",
        "keyword",
        "keyword",
    ]
    fields = {"n": "integer", "x": "float", "t": "keyword"}
    assert widened(fields, {"n": 1, "x": 1, "t": 5}) == {}
    assert widened(fields, {"n": 1.5, "x": "a", "b": True}) == {"n": "float", "x": "keyword", "b": "bool"}


def test_lists_in_cells(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text("id,title,genres,tags\n1,T,Adventure|Animation,\"['tea', 'kitchen']\"\n2,T,Drama,[]\n")
    catalog = open_catalog(path, max_text_bytes=1000)
    first, second = catalog
    assert first.metadata == {"genres": ("Adventure", "Animation"), "tags": ("tea", "kitchen")}
    assert second.metadata == {"genres": ("Drama",)}
    assert (
        '"genres": lists separated by \'|\' (guessed; --list-separator "" keeps them as texts)'
        in catalog.notes
    )
    assert catalog.separators == {"genres": "|", "tags": "[]"}
