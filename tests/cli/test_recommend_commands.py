"""`semrec recommend` and `semrec similar`."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest
from commands import as_json, event_rows, invoke, item_ids, one_line, write

CENTRAL = "central in the groups of the catalog"


def test_an_answer_has_reasons_in_words(shop):
    status, out, err = invoke("recommend", "--history", "python3-numpy,python3-scipy", "-k", 3, "-w", shop)
    assert (status, err) == (0, "")
    assert out.count("Because of") == 3
    assert "[text 100 %]" in one_line(out)


def test_the_json_holds_the_whole_answer(shop):
    arguments = ("recommend", "--history", "sox", "--history", "lame,nowhere", "--text", "radio", "-w", shop)
    status, out, err = invoke(*arguments, "--json", "-k", 4, "--diversity", 0.2, "--exclude", "mpg123,mpg321")
    answer = json.loads(out)
    assert status == 0
    assert err.strip() == "skipped 1 unknown items of the history: nowhere"
    assert answer["query"]["history"] == ["sox", "lame", "nowhere"]
    assert len(answer["recommendations"]) == 4
    assert not {"mpg123", "mpg321", "sox", "lame"} & {item["item_id"] for item in answer["recommendations"]}
    assert answer["unknown_items"] == ["nowhere"]


def test_seen_items_can_be_included(shop):
    def found(*more):
        _, out, _ = invoke("recommend", "--history", "sox", "--json", "-w", shop, *more)
        return [item["item_id"] for item in json.loads(out)["recommendations"]]

    assert "sox" not in found()
    assert found("--include-seen")[0] == "sox"


def test_filters(shop, catalog):
    filters = ("--where", "categories=mail", "--where", "categories=games", "--where", "size>=300")
    status, out, _ = invoke("similar", "sox", *filters, "--json", "-w", shop, "-k", 1000)
    answer = json.loads(out)
    wanted = catalog.filter(catalog["categories"].is_in(["mail", "games"]), catalog["size"] >= 300)
    assert status == 0
    assert {item["item_id"] for item in answer["recommendations"]} == set(wanted["item_id"])
    assert answer["query"]["where"] == {"categories": ["mail", "games"], "size": {"gte": "300"}}


def test_a_filter_that_matches_nothing_is_no_error(shop):
    status, out, _ = invoke("similar", "sox", "--where", "categories=gardening", "-w", shop)
    assert (status, out) == (0, "No item matches the filters.\n")


def test_items_with_the_same_text_are_recommended_without_a_reason(books, tmp_path):
    rows = "".join(f"{n},Same,same words\n" for n in range(4))
    source = write(tmp_path, "id,title,text\n" + rows)
    assert invoke("index", source, "-w", tmp_path / "same")[0] == 0
    status, out, _ = invoke("similar", "0", "-w", tmp_path / "same")
    assert status == 0
    assert {line.split()[2] for line in out.splitlines() if "Same" in line} == {"1", "2", "3"}
    assert one_line(out).count("No reason; it only fills the list.") == 3
    status, out, _ = invoke("recommend", "--history", "0,1,2,3", "-w", tmp_path / "same")
    assert (status, out) == (
        0,
        "Interests: Same (25 %); Same (25 %); Same (25 %); Same (25 %)\n"
        "Nothing is left to recommend: all items are in the history, or excluded.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recommend", "--history", "a,b"), "no item of the history is in the index: 'a', 'b'"),
        (("similar", "zebra"), "'zebra'"),
        (("recommend", "--text", "x", "-k", "0"), "k is how many"),
        (("recommend", "--text", "x", "-k", "1001"), "from 1 to 1000"),
        (("recommend", "--text", "x", "--diversity", "2"), "diversity is a number from 0 to 1"),
        (("recommend", "--text", "x", "--where", "colour=red"), "Known fields: categories, size, tags"),
        (("recommend", "--text", "x", "--where", "colour"), "cannot read the filter 'colour'"),
        (("recommend", "--text", "x", "--where", "size>much"), "'size' is a number"),
    ],
)
def test_a_query_without_an_answer_exits_2_with_one_line(shop, arguments, message):
    status, out, err = invoke(*arguments, "-w", shop)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert len(err.splitlines()) == 1


# -- users ---------------------------------------------------------------------------------------------


def test_recommending_for_a_user(fitted):
    status, out, err = invoke("recommend", "--user", "u2", "-k", 3, "-w", fitted)
    assert (status, err) == (0, "")
    words = one_line(out)
    assert re.search(r"People who use Title 2-\d.* also use this\.|Often used together with Title 2-", words)
    assert re.search(r"\[.*(taste|used together|collaborative|item_item) \d+ %", words)
    seen = {item for user, item, _ in event_rows() if user == "u2"}
    found = item_ids("recommend", "--user", "u2", "-k", 3, "-w", fitted)
    assert found[0].startswith("2-")
    assert {item[0] for item in found} <= {"2", "3"}  # of 3 the user has used one item
    assert not seen & set(found)
    assert seen <= set(item_ids("recommend", "--user", "u2", "-k", 32, "--include-seen", "-w", fitted))


def test_an_unknown_user_gets_popular_items(fitted):
    status, out, err = invoke("recommend", "--user", "stranger", "-k", 4, "-w", fitted)
    assert status == 0
    assert one_line(err) == "user 'stranger' has no events: this is what is popular"
    assert "popularity 100 %" in one_line(out)
    found = as_json("recommend", "--user", "stranger", "-k", 4, "-w", fitted)
    assert found["notes"] == [one_line(err)]
    assert found["query"]["user"] == "stranger"


def test_an_unknown_user_with_a_text_gets_items_by_text(fitted):
    found = as_json("recommend", "--user", "stranger", "--text", "red square", "-k", 3, "-w", fitted)
    assert "has no events" in found["notes"][0]
    assert set(found["recommendations"][0]["signals"]) <= {"text", "bm25"}


def test_a_user_without_an_event_log(bare):
    status, _, err = invoke("recommend", "--user", "u2", "-w", bare)
    assert status == 0
    assert one_line(err) == f"user 'u2' has no events: this is what is {CENTRAL}"


def test_an_empty_question(bare):
    status, _, err = invoke("recommend", "-w", bare)
    assert (status, one_line(err)) == (0, f"the question is empty: this is what is {CENTRAL}")


def test_an_unknown_user_before_the_first_fit(loaded):
    status, _, err = invoke("recommend", "--user", "stranger", "-w", loaded)
    assert status == 0
    assert one_line(err).endswith(CENTRAL)
    assert invoke("recommend", "--user", "u2", "-w", loaded)[0] == 0


# -- all users -----------------------------------------------------------------------------------------


def test_all_users_are_written_to_a_file(fitted, tmp_path):
    output = tmp_path / "recs.parquet"
    report = as_json("recommend", "--all-users", "--output", output, "-k", 2, "-w", fitted)
    written = pl.read_parquet(output)
    assert report["n_rows"] == len(written) == 2 * written["user_id"].n_unique()
    status, out, err = invoke("recommend", "--all-users", "--output", output, "-k", 2, "-w", fitted)
    assert (status, out) == (0, "")
    assert f"recommendations for {report['n_users']} users" in one_line(err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--all-users",), "need each other"),
        (("--output", "x.parquet"), "need each other"),
        (("--all-users", "--output", "x.parquet", "--text", "red"), "can only be combined with"),
        (("--all-users", "--output", "x.parquet", "--diversity", "0.5"), "can only be combined with"),
    ],
)
def test_options_that_do_not_go_with_all_users(bare, arguments, message):
    status, out, err = invoke("recommend", *arguments, "-w", bare)
    assert (status, out) == (2, "")
    assert message in one_line(err)


# -- predict -------------------------------------------------------------------------------------------

RATINGS = """user,item,rating
1,1,3
1,2,4
1,3,2
2,1,2
2,2,3
2,3,4
3,1,4
3,2,2
3,3,3
4,1,1
4,2,2
4,3,4
5,1,3
5,3,3
"""
"""The example of 5 users and 3 items; user 5 has not rated item 2, and gave 3 of 5 to both others."""


def test_the_rating_of_user_5_for_item_2(toy_encoder, tmp_path):
    shop = tmp_path / "shop"
    catalog = write(tmp_path, "id,title\n1,One\n2,Two\n3,Three\n", "items.csv")
    assert invoke("index", catalog, "-w", shop)[0] == 0
    assert invoke("events", write(tmp_path, RATINGS, "ratings.csv"), "-w", shop)[0] == 0
    status, _, err = invoke("predict", "--user", 5, "--item", 2, "-w", shop)
    assert status == 2
    assert "semrec fit" in err
    assert invoke("fit", "-w", shop)[0] == 0
    status, out, err = invoke("predict", "--user", 5, "--item", 2, "-w", shop)
    assert (status, err) == (0, "")
    assert re.search(r"Two  [23]\.\d on a scale from 1 to 5", out)
    assert "The average rating is 2.9." in one_line(out)
    assert "80 % of such ratings are between" in one_line(out)
    found = as_json("predict", "--user", 5, "--item", 2, "-w", shop)
    assert found["n_user_ratings"] == 2
    status, out, err = invoke("recommend", "--user", 5, "-w", shop)
    assert status == 0
    assert "neutral ratings, in the middle of 1 to 5" in one_line(err)
    assert "no events" not in err
    assert re.search(r"Two 2 .* rating [23]\.\d", one_line(out))
