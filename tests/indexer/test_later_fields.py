"""Fields and types that show themselves after the rows from which columns are guessed."""

from __future__ import annotations

import csv

import polars as pl
import pytest
from catalog_sources import LIMIT, parquet, put, split, written
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.indexer import item_fields
from semrec.indexer.read import FieldMapping, open_catalog
from semrec.indexer.sources.sampled import SAMPLE_ROWS

N = SAMPLE_ROWS + 200


def rows(**late):
    """Return rows of which those after the sample have more fields, or other values."""
    found = [{"id": str(n), "title": "red", "text": "blue", "n": n} for n in range(N)]
    return [row | late if place >= SAMPLE_ROWS + 100 else row for place, row in enumerate(found)]


def opened(source, mapping=None):
    return open_catalog(source, mapping, max_text_bytes=LIMIT)


def told(catalog):
    return "\n".join((*catalog.notes, *catalog.later_notes()))


@pytest.mark.parametrize("kind", ["jsonl", "dicts", "generator", "items"])
def test_later_fields_are_stored_and_told(tmp_path, kind):
    late = {"color": "green", "stock": 4, "details": {"brand": "Acme"}, "tags": ["a", "b"]}
    source = written("jsonl" if kind == "jsonl" else "dicts", tmp_path, rows(**late))
    if kind == "generator":
        source = iter(source)
    if kind == "items":
        source = [
            Item(row["id"], "red", "blue", {"n": 1} | (late if "color" in row else {})) for row in source
        ]
    catalog = opened(source)
    items, rejects = split(catalog)
    assert rejects == []
    assert items[SAMPLE_ROWS].metadata.keys() == {"n"}
    expected = {"color": "green", "stock": 4, "details.brand": "Acme", "tags": ("a", "b")}
    assert items[-1].metadata.items() >= expected.items()
    assert dict(catalog.fields) == {
        "n": "integer",
        "color": "keyword",
        "stock": "integer",
        "details.brand": "keyword",
        "tags": "keyword",
    }
    assert '"color" (row 1,101), "stock" (row 1,101)' in told(catalog)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "polars", "pandas", "arrow"])
def test_a_column_whose_values_come_later_has_their_type(tmp_path, kind):
    source = [{"stock": None, "kinds": None} | row for row in rows(stock=4, kinds="a|b")]
    if kind in ("csv", "tsv"):
        path = tmp_path / f"x.{kind}"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, source[0], delimiter="," if kind == "csv" else "\t")
            writer.writeheader()
            writer.writerows(source)
    else:
        frame = pl.DataFrame(source, infer_schema_length=None)
        path = {"parquet": lambda: put(tmp_path / "x.parquet", parquet(frame)), "polars": lambda: frame}.get(
            kind, frame.to_arrow if kind == "arrow" else frame.to_pandas
        )()
    catalog = opened(path)
    items, rejects = split(catalog)
    assert rejects == []
    assert items[-1].metadata == {"n": N - 1, "stock": 4, "kinds": ("a", "b")}
    assert items[0].metadata == {"n": 0}
    if kind in ("csv", "tsv"):
        assert catalog.separators == {"kinds": "|"}


def test_a_struct_of_parquet_whose_fields_come_later(tmp_path):
    frame = pl.DataFrame(
        [{"details": None} | row for row in rows(details={"brand": "Acme", "year": 1999})],
        infer_schema_length=None,
    )
    items, _ = split(opened(put(tmp_path / "x.parquet", parquet(frame))))
    assert items[-1].metadata == {"n": N - 1, "details.brand": "Acme", "details.year": 1999}


def test_a_later_file_with_another_column(tmp_path):
    first = put(tmp_path / "1.csv", "id,title,price\na,A,1\n")
    second = put(tmp_path / "2.csv", "id,title,brand,price\nb,B,Acme,2\n")
    items, _ = split(opened([first, second]))
    assert items[1].metadata == {"price": 2, "brand": "Acme"}


def test_a_later_title_and_text_are_encoded():
    found = [{"id": str(n), "name": "red"} for n in range(N)]
    found[-1]["description"] = "It cuts wood."
    catalog = opened(found)
    items, _ = split(catalog)
    assert items[-1] == Item(str(N - 1), "red", "It cuts wood.")
    assert 'text: column "description" (guessed; first in row 1,200)' in told(catalog)


def test_a_later_long_text_is_left_out_and_named_and_kept_when_it_is_named():
    source = rows(manual="x" * 300)
    catalog = opened(source)
    items, _ = split(catalog)
    assert "manual" not in items[-1].metadata
    assert 'left out: "manual" (row 1,101)' in told(catalog)
    items, _ = split(opened(source, FieldMapping(metadata=("manual",))))
    assert items[-1].metadata == {"manual": "x" * 300}


def test_endless_later_fields_are_left_out_and_named(monkeypatch):
    monkeypatch.setattr(item_fields, "MOST_LATER_FIELDS", 2)
    source = rows()
    source[-1] |= {"a": 1, "b": 2, "c": 3, "d": 4}
    catalog = opened(source)
    items, _ = split(catalog)
    assert items[-1].metadata == {"n": N - 1, "a": 1, "b": 2}
    assert 'left out: "c" (row 1,200), "d" (row 1,200) (more than 2 later columns' in told(catalog)


def test_a_name_that_no_row_has_is_told():
    catalog = opened(rows(), FieldMapping(metadata=("n", "colour")))
    split(catalog)
    assert 'no row has "colour"' in told(catalog)


@pytest.mark.parametrize("value", ["N/A", "", None])
def test_a_later_word_for_nothing_changes_no_type(value):
    catalog = opened(rows(n=value))
    items, _ = split(catalog)
    assert (catalog.fields, items[-1].metadata) == ({"n": "integer"}, {})


@pytest.mark.parametrize("value", ["soon", True, [1], {"a": 1}])
def test_one_later_value_that_does_not_fit_is_left_out_and_counted(value):
    source = rows()
    source[-1]["n"] = value
    catalog = opened(source)
    items, _ = split(catalog)
    assert catalog.fields["n"] == "integer"
    assert "n" not in items[-1].metadata
    if not isinstance(value, dict):  # an object has fields of its own
        assert "\"n\": 1 values were left out, for instance item '1199'" in "\n".join(
            catalog.cleaning.notes()
        )


def test_many_later_texts_make_a_field_one_of_texts():
    catalog = opened(rows(n="12-AB"))
    items, _ = split(catalog)
    assert (catalog.fields["n"], items[-1].metadata["n"]) == ("keyword", "12-AB")
    assert '"n" had whole numbers; from now on it has texts' in told(catalog)


@pytest.fixture
def shop(tmp_path):
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as opened_shop:
        yield opened_shop


def found(shop, **where):
    return {one.item_id for one in shop.recommend(text="red", k=1000, where=where, near_duplicates="keep")}


@pytest.mark.parametrize("before", ["nothing", "a part", "the same items"])
def test_an_index_holds_later_fields_and_types(shop, before):
    if before != "nothing":
        first = rows()
        shop.index(first[: SAMPLE_ROWS // 2] if before == "a part" else first)
    report = shop.index(rows(n="12-AB", kinds="a|b", stock=2.5))
    with shop.reading() as generation:
        manifest = generation.manifest
    assert dict(manifest.fields) == {"n": "keyword", "kinds": "keyword", "stock": "float"}
    assert manifest.separators == {"kinds": "|"}
    assert found(shop, n="7") == {"7"}
    assert len(found(shop, n="12-AB", kinds="b", stock={"lte": 2.5})) == 100
    assert any("stock" in note and "row 1,101" in note for note in report.notes)
    again = shop.index(rows(n="12-AB", kinds="a|b", stock=2.5), rebuild=False)
    assert again.n_unchanged == N
