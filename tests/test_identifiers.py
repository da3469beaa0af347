"""The same id at every door: files, frames, Python, HTTP and the command line."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from toy import ToyEncoder

from semrec import Event, Item, Recommender, Settings
from semrec.cli.options import comma_separated
from semrec.errors import CatalogError, ConfigError, InvalidIdError, QueryError
from semrec.events.stored_events import EventChoice
from semrec.identifiers import identifier, identifiers
from semrec.service.app import create_app

NFC, NFD = "Café", unicodedata.normalize("NFD", "Café")
CATALOG = [
    {"id": 1, "title": "red", "text": "red round"},
    {"id": 2, "title": "red red", "text": "red square"},
    {"id": NFD, "title": "green", "text": "green round"},
    {"id": " spaced ", "title": "blue", "text": "blue round"},
    {"id": "a,b", "title": "blue blue", "text": "blue square"},
]
STORED = ["1", "2", NFC, "spaced", "a,b"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (1, "1"),
        (1.0, "1"),
        (np.int64(1), "1"),
        (np.float32(1), "1"),
        (np.uint8(200), "200"),
        (Decimal("7.00"), "7"),
        (1.5, "1.5"),
        (10**18, "1000000000000000000"),
        (1e18, "1000000000000000000"),
        (" A 1\n", "A 1"),
        ("\u3000编号\u00a0", "编号"),
        (NFD, NFC),
        (np.str_("x"), "x"),
        ("007", "007"),
        ("1.0", "1.0"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_an_id_is_stored_as_one_text(given, stored):
    assert identifier(given) == stored


@pytest.mark.parametrize(
    "given", [None, "", "  ", float("nan"), Decimal("sNaN"), float("inf"), True, [1], {"id": 1}]
)
def test_what_cannot_be_an_id_is_refused(given):
    with pytest.raises(InvalidIdError):
        identifier(given)


def test_a_number_of_thousands_of_digits_is_no_id():
    with pytest.raises(InvalidIdError, match="too many digits"):
        identifier(10**5000)


@given(st.text())
def test_the_id_of_an_id_is_the_same(text):
    if text.strip():
        once = identifier(text)
        assert identifier(once) == identifier(f" {unicodedata.normalize('NFD', once)}\t") == once


@pytest.mark.parametrize("single", ["one", 1, Item("one")])
def test_one_id_instead_of_a_list_is_refused_with_the_right_form(single):
    with pytest.raises(QueryError, match=r"exclude is a list, not a single value; write exclude=\["):
        identifiers(single, "exclude")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids") / "shop"
    with Recommender(folder, Settings(), encoder=ToyEncoder()) as recommender:
        recommender.index(CATALOG)
        recommender.add_events(
            [{"user_id": 42.0, "item_id": 1.0}, {"user_id": " 42", "item_id": NFD, "kind": "buy"}]
        )
        yield recommender


def found(answer):
    return [one.item_id for one in answer]


def test_all_doors_of_items_store_the_same_ids(shop, tmp_path):
    columns = {"id": ["1.0", "2.0"], "title": ["red", "red red"]}
    numbers = {**columns, "id": [1.0, 2.0]}
    (tmp_path / "lines.jsonl").write_text('{"id": 1, "title": "red"}\n{"id": 2.0, "title": "red red"}\n')
    (tmp_path / "table.csv").write_text("id,title\n1.0,red\n2.0,red red\n")
    pl.DataFrame(numbers).write_parquet(tmp_path / "table.parquet")
    sources = [
        [Item(1, "red"), Item(np.float64(2), "red red")],
        pd.DataFrame(numbers),
        pl.DataFrame(numbers),
        pl.DataFrame(columns),
        *(tmp_path / name for name in ("lines.jsonl", "table.csv", "table.parquet")),
    ]
    for place, source in enumerate(sources):
        with Recommender(tmp_path / str(place), Settings(), encoder=ToyEncoder()) as other:
            other.index(source)
            assert [record.item_id for record in other.items([1, 2])] == ["1", "2"], source


def test_ids_with_a_zero_after_the_point_are_kept_where_others_are_no_numbers(tmp_path):
    (tmp_path / "versions.csv").write_text("id,title\n1.0,red\n1.0.1,red red\n")
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as other:
        other.index(tmp_path / "versions.csv")
        assert [record.item_id for record in other.items(["1.0", "1.0.1"])] == ["1.0", "1.0.1"]


def test_events_and_items_agree_on_ids_that_pandas_has_made_decimal(shop, tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id\n7.0,1.0\n8.0,2.0\n")
    shop.add_events(tmp_path / "events.csv")
    stored = shop.events(EventChoice(item=2))
    assert [(event.user_id, event.item_id) for event in stored] == [("8", "2")]


def test_items_are_found_by_any_form_of_their_id(shop):
    for form, stored in [(1, "1"), (np.int32(1), "1"), (1.0, "1"), (NFC, NFC), ("spaced ", "spaced")]:
        assert [record.item_id for record in shop.items([form])] == [stored]
        assert shop.similar(form).query["item"] == stored
        assert shop.recommend(history=[form]).query["history"] == [stored]
        assert stored not in found(shop.recommend(text="red green blue", exclude=[form]))
        assert shop.why_not(form, text="red", exclude=[form]).verdict == "excluded"
        assert list(shop.places([form]) or {}) in ([], [stored])
    assert shop.recommend(history=np.array([1, 2])).query["history"] == ["1", "2"]
    assert shop.recommend(history=[Event(1), {"item_id": 2.0}]).query["history"] == ["1", "2"]
    assert shop.recommend(text="red", exclude={1, 2}).query["exclude"] in (["1", "2"], ["2", "1"])


def test_users_are_found_by_any_form_of_their_id(shop):
    for form in (42, 42.0, np.int64(42), "42", " 42 "):
        assert shop.user_profile(form).user_id == "42"
        assert shop.recommend(user=form).query["user"] == "42"
        assert len(shop.events(EventChoice(user=form))) == 2
    assert shop.set_interests(42, {np.int64(1): 1.0}).user_id == "42"


def test_options_take_numbers_of_numpy(shop):
    weights = {"text": np.float32(1)}
    answer = shop.recommend(
        text="red", k=np.int64(2), diversity=np.float32(0.5), weights=weights, explain=np.True_
    )
    assert len(answer) == 2
    json.dumps(answer.to_dict())


def test_a_number_is_a_text_and_another_type_is_refused(shop):
    assert shop.recommend(text=5).query["text"] == "5"
    for wrong in (["red"], {"text": "red"}, True):
        with pytest.raises(QueryError, match="the text is a string, not"):
            shop.recommend(text=wrong)


def test_a_filter_as_text_is_read_as_on_the_command_line(tmp_path):
    items = [Item("a", "red", "", {"size": 1}), Item("b", "red red", "", {"size": 2})]
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as other:
        other.index(items)
        assert found(other.recommend(text="red", where="size=1")) == ["a"]
        assert found(other.recommend(text="red", where=["size>=1", "size<2"])) == ["a"]
        assert found(other.similar("a", where="size=2")) == ["b"]
        with pytest.raises(QueryError, match=r"write where=\{'field': value\}"):
            other.recommend(text="red", where=5)


@pytest.mark.parametrize(
    ("call", "form"),
    [
        (lambda shop: shop.recommend(text="red", exclude="one"), r"write exclude=\['one'\]"),
        (lambda shop: shop.recommend(text="red", exclude=1), r"write exclude=\[1\]"),
        (lambda shop: shop.recommend(history="one"), r"write history=\['one'\]"),
        (lambda shop: shop.recommend(history=5), r"write history=\[5\]"),
        (lambda shop: shop.items("one"), r"write item_ids=\['one'\]"),
        (lambda shop: shop.places("one"), r"write item_ids=\['one'\]"),
        (lambda shop: shop.recommend(user=""), "user is missing"),
        (lambda shop: shop.similar(None), r"history\[0\]: .item_id. is missing"),
    ],
)
def test_a_wrong_form_is_refused_with_the_right_one(shop, call, form):
    with pytest.raises(QueryError, match=form):
        call(shop)


def test_one_id_to_delete_is_refused_with_the_right_form(shop):
    with pytest.raises(CatalogError, match=r"write item_ids=\['spaced'\]"):
        shop.delete_items("spaced")


def test_http_takes_numbers_and_other_forms_of_an_id(tmp_path):
    recommender = Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder())
    recommender.index(CATALOG)
    with TestClient(create_app(lambda: recommender, Settings()), base_url="http://localhost") as client:
        while client.get("/ready").status_code != 200:
            pass
        put = client.put("/items", json={"items": [{"item_id": 9.0, "title": "red", "text": "red"}]})
        assert put.json()["added"] == ["9"]
        event = {"user_id": 42, "item_id": f" {NFD}", "kind": "view"}
        assert client.post("/events", json={"events": [event]}).json()["added"] == 1
        assert client.get("/users/42").json()["recent"][0]["item_id"] == NFC
        body = {"history": [1, {"item_id": 2}], "user": 42, "exclude": [9]}
        assert client.post("/recommend", json=body).json()["query"]["history"] == ["1", "2"]
        assert client.get(f"/items/{NFD}").json()["item_id"] == NFC
        for blank in ("", "  ", None, True):
            wrong = {"user_id": blank, "item_id": "1"}
            assert client.post("/events", json={"events": [wrong]}).status_code == 422


def test_ids_with_commas_are_quoted_on_the_command_line():
    assert comma_separated('"a,b", c ,,d') == ("a,b", "c", "d")
    with pytest.raises(ConfigError, match="cannot read the list"):
        comma_separated('"a,b')
