"""`semrec index` and `semrec delete`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from commands import BOOKS, WITH_TOY, as_json, invoke, item_ids, one_line, start_semrec, write

from semrec.store.edge import EdgeStore

DATA = Path(__file__).parents[1] / "data"

pytestmark = pytest.mark.usefixtures("one_encoder")


def test_indexing_reports_on_stderr_only(books, tmp_path):
    status, out, err = invoke("index", books, "-w", tmp_path / "shop")
    assert (status, out) == (0, "")
    assert "3 new: 3 items in generation 1, in " in err
    assert "3 passages with bundled on " in err
    assert "with bundled on" in err
    status, out, _ = invoke(
        "recommend",
        "--text",
        "an ocean that thinks",
        "-k",
        1,
        "--where",
        "year>1900",
        "-w",
        tmp_path / "shop",
    )
    assert status == 0
    assert "Solaris" in out


def test_indexing_as_json(books, tmp_path):
    status, out, _ = invoke("index", books, "-w", tmp_path / "shop", "--json")
    report = json.loads(out)
    assert status == 0
    assert (report["generation"], report["n_items"], report["n_rejected"]) == (1, 3, 0)


def test_vectors_can_be_cut_and_quantized(books, tmp_path):
    shop = tmp_path / "shop"
    status, _, _ = invoke("index", books, "-w", shop, "--dimension", 64, "--quantize")
    assert status == 0
    assert as_json("info", "-w", shop)["dimension"] == 64
    assert EdgeStore(shop).manifest(1).vectors[0].quantized
    answer = as_json("recommend", "--text", "sand and spice", "-k", 1, "-w", shop)
    assert answer["recommendations"][0]["item_id"] == "1"
    assert invoke("index", books, "-w", shop, "--no-quantize")[0] == 0
    manifest = EdgeStore(shop).manifest(2)
    assert (manifest.dimension, manifest.vectors[0].quantized) == (64, False)


def test_columns_and_template_can_be_named(books, tmp_path):
    shop = tmp_path / "shop"
    arguments = ("--id", "id", "--title", "title", "--text", "text", "--meta", "author,year")
    status, _, _ = invoke("index", books, *arguments, "--encode", "{title} by {author}", "-w", shop)
    assert status == 0
    facts = as_json("info", "-w", shop)
    assert facts["template"] == "{title} by {author}"
    assert facts["fields"] == {"author": "keyword", "year": "integer"}
    answer = as_json("recommend", "--text", "Lem", "-k", 1, "-w", shop)
    assert answer["recommendations"][0]["passages"]["item"] == "Solaris by Lem"


def test_lists_are_split(tmp_path):
    catalog = tmp_path / "c.csv"
    catalog.write_text('id,title,tags\n1,Dune,"desert, space"\n2,Emma,"village"\n')
    invoke("index", catalog, "--meta", "tags", "--lists", "tags", "-w", tmp_path / "shop")
    _, out, _ = invoke(
        "recommend", "--text", "book", "--where", "tags=space", "--json", "-w", tmp_path / "shop"
    )
    assert [item["item_id"] for item in json.loads(out)["recommendations"]] == ["1"]


def test_standard_input_is_a_catalog(tmp_path):
    arguments = ("index", "-", "--format", "csv", "-w", tmp_path / "shop", "--json")
    process = start_semrec(*arguments, command=WITH_TOY, stdin=subprocess.PIPE)
    out, err = process.communicate(BOOKS, timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["n_items"] == 3


@pytest.mark.parametrize(("strict", "expected"), [((), 0), (("--strict",), 1)])
def test_strict_makes_rejected_rows_a_failure(books, tmp_path, strict, expected):
    books.write_text(BOOKS + "1,Again,The same id,Nobody,2000\n")
    status, out, err = invoke("index", books, "-w", tmp_path / "shop", *strict)
    assert (status, out) == (expected, "")
    assert "rejected 1: " in err
    assert "rejects.jsonl" in err
    assert invoke("recommend", "--text", "sea", "-w", tmp_path / "shop")[0] == 0


def test_when_nothing_was_indexed_it_is_a_failure(tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("id,title\n1,\n2,\n")
    status, out, err = invoke("index", empty, "-w", tmp_path / "shop")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert "nothing was indexed" in err
    assert "No row can be used: nothing to encode (2 rows)" in one_line(err)


def test_a_folder_and_files_without_column_names(tmp_path):
    status, _, err = invoke("index", DATA / "movielens", "-w", tmp_path / "shop")
    assert status == 0
    assert "movies.csv: items (guessed by its columns)" in one_line(err)
    assert invoke("events", DATA / "movielens", "-w", tmp_path / "shop")[0] == 0
    other = tmp_path / "more.csv"
    other.write_text("7,The Well (2001)\n")
    columns = ("--no-header", "--columns", "movieId,title")
    assert invoke("index", other, *columns, "-w", tmp_path / "shop")[0] == 0
    assert item_ids("similar", "7", "-k", 1, "-w", tmp_path / "shop")
    status, _, err = invoke("index", other, "--columns", "a,b", "-w", tmp_path / "shop")
    assert (status, "add --no-header" in err) == (2, True)


def test_a_query_is_indexed(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE products (id INTEGER, title TEXT)")
        database.execute("INSERT INTO products VALUES (1, 'Tea'), (2, 'Cup')")
    database.close()
    query = ("--sql", "SELECT * FROM products", "--url", f"sqlite:///{tmp_path}/shop.db")
    assert as_json("index", *query, "-w", tmp_path / "shop")["n_items"] == 2
    status, _, err = invoke("index", "--sql", "SELECT 1", "-w", tmp_path / "shop")
    assert (status, "--sql needs the database" in err) == (2, True)
    status, _, err = invoke("index", "-w", tmp_path / "shop")
    assert (status, "give files, or --sql and --url" in err) == (2, True)


def test_a_missing_catalog(tmp_path):
    status, out, err = invoke("index", tmp_path / "missing.csv", "-w", tmp_path / "shop")
    assert (status, out) == (1, "")
    assert [line[:7] for line in err.splitlines() if line] == ["error: "]
    assert not (tmp_path / "shop").exists()


def test_a_folder_with_other_files_is_not_changed(books, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    status, _, err = invoke("index", books, "-w", tmp_path / "photos")
    assert status == 1
    assert "nothing was written" in err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_missing_encoder(books, tmp_path):
    status, out, err = invoke("index", books, "-w", tmp_path / "shop", "--model", tmp_path / "model")
    assert (status, out) == (1, "")
    assert "the folder does not exist" in err
    assert [line for line in err.splitlines() if "error" in line] == err.splitlines()[-1:]


def test_after_a_kill_the_previous_index_is_used(shop, tmp_path):
    before = invoke("similar", "sox", "-w", shop, "--json")[1]
    catalog = tmp_path / "many.csv"
    catalog.write_text("id,title\n" + "".join(f"{n},Item number {n}\n" for n in range(20_000)))
    child = start_semrec("index", catalog, "-w", shop)
    try:
        deadline = time.monotonic() + 60
        while not list((shop / "generations" / "2").glob("*")) and time.monotonic() < deadline:
            assert child.poll() is None, child.stderr.read()
            time.sleep(0.05)
        assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert invoke("similar", "sox", "-w", shop, "--json")[1] == before
    small = tmp_path / "small.csv"
    small.write_text("id,title\nsox,Sound exchange\nlame,An encoder\n")
    assert invoke("index", small, "-w", shop, "--rebuild")[0] == 0
    assert as_json("info", "-w", shop)["items"] == 2


def test_a_server_that_does_not_answer_is_one_line(tmp_path, books):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    status, out, err = invoke("index", books, "-w", tmp_path / "shop", "--qdrant", url)
    assert (status, out) == (1, "")
    assert f"the Qdrant server at {url} does not answer" in err.splitlines()[-1]
    status, out, err = invoke("similar", "1", "-w", tmp_path / "shop")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1


def test_indexing_after_a_fit_keeps_the_models(fitted, files):
    status, out, err = invoke("index", files / "catalog.csv", "-w", fitted)
    assert (status, out) == (0, "")
    assert "unchanged" in err
    assert "generation 2" in err


# -- delete --------------------------------------------------------------------------------------------


def test_items_are_deleted_and_unknown_ids_are_named(shop):
    status, out, err = invoke("delete", "sox", "nowhere", "-w", shop)
    assert (status, out) == (0, "")
    assert "not in the index: nowhere" in err
    assert "items deleted: 1; not in the index: 1." in err
    assert invoke("similar", "sox", "-w", shop)[0] == 2


def test_ids_can_come_from_a_file(shop, tmp_path):
    ids = write(tmp_path, "sox\n\n lame \n", "ids.txt")
    assert as_json("delete", "--from", ids, "-w", shop) == {"deleted": ["sox", "lame"], "unknown": []}
    status, _, err = invoke("delete", "--from", tmp_path / "missing", "-w", shop)
    assert status == 2
    assert "cannot read ids from" in err


def test_a_deletion_needs_an_id(shop):
    status, _, err = invoke("delete", "-w", shop)
    assert status == 2
    assert "name the items to delete" in err
