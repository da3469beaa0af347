"""`semrec events` and `semrec forget`."""

from __future__ import annotations

import json

import pytest
from commands import N_EVENTS, as_json, invoke, one_line, write


def test_events_are_added_once(bare, files):
    status, out, err = invoke("events", files / "events.csv", "-w", bare)
    assert (status, out) == (0, "")
    assert f"added {N_EVENTS:,} events; 0 were already stored." in one_line(err)
    assert 'user: column "user" (guessed)' in one_line(err)
    status, _, err = invoke("events", files / "events.csv", "-w", bare)
    assert status == 0
    assert f"added 0 events; {N_EVENTS:,} were already stored." in one_line(err)


def test_events_as_json(bare, files):
    status, out, _ = invoke("events", files / "events.csv", "-w", bare, "--json")
    assert status == 0
    nothing = {"rejected": {}, "left_out": {}, "examples": {}, "notes": []}
    assert json.loads(out) == {"added": N_EVENTS, "repeated": 0, **nothing}


def test_columns_can_be_named(bare, tmp_path):
    source = write(tmp_path, "wer;was;wie\n".replace(";", ",") + "a,1-1,buy\nb,1-2,view\n")
    named = ("--user", "wer", "--item", "was", "--kind", "wie")
    assert invoke("events", source, "-w", bare)[0] == 1
    status, _, err = invoke("events", source, *named, "-w", bare)
    assert status == 0
    assert "added 2 events" in one_line(err)
    status, _, err = invoke("events", source, "--user", "who", "-w", bare)
    assert status == 1
    assert 'there is no column "who"' in one_line(err)


def test_standard_input_and_json_lines(bare):
    lines = '{"user": "a", "item": "1-1"}\n{"user": "a", "item": "1-2", "time": "2024-05-01"}\n'
    status, _, err = invoke("events", "-", "--format", "jsonl", "-w", bare, stdin=lines)
    assert status == 0, err
    assert "added 2 events" in one_line(err)


BAD_ROWS = {
    "no user": ",1-1,5,1600000000",
    "no item": "a,,5,1600000000",
    "NaN": "a,1-1,nan,1600000000",
    "infinite": "a,1-1,inf,1600000000",
    "no number": "a,1-1,many,1600000000",
    "no time": "a,1-1,5,soon",
}


@pytest.mark.parametrize(("strict", "expected"), [((), 0), (("--strict",), 1)])
def test_invalid_rows_are_counted_and_listed(bare, tmp_path, strict, expected):
    text = "user,item,rating,time\n" + "".join(f"{row}\n" for row in BAD_ROWS.values())
    source = write(tmp_path, text + "a,1-1,5,1600000000\n")
    status, out, err = invoke("events", source, "-w", bare, *strict)
    assert (status, out) == (expected, "")
    assert "added 1 events" in one_line(err)
    for reason in (
        'rejected 1: "user" is missing',
        'rejected 1: "item" is missing',
        'rejected 2: "rating" is NaN or infinite',
        'rejected 1: "rating" is not a number',
        'rejected 1: "time" is neither a unix time nor a date in a usual spelling',
    ):
        assert reason in one_line(err)
    assert "rejected-events.jsonl" in one_line(err)
    listed = (bare / "rejected-events.jsonl").read_text().splitlines()
    assert len(listed) == len(BAD_ROWS)


def test_rejected_rows_are_in_the_json(bare, tmp_path):
    text = "user,item,rating,time\n" + "".join(f"{row}\n" for row in BAD_ROWS.values())
    out = invoke("events", write(tmp_path, text + "a,1-1,5,1600000000\n"), "-w", bare, "--json")[1]
    report = json.loads(out)
    assert report["added"] == 1
    assert sum(report["rejected"].values()) == len(BAD_ROWS)


def test_a_source_of_invalid_rows_only_is_a_failure(bare, tmp_path):
    status, out, err = invoke("events", write(tmp_path, "user,item\n,\n,\n"), "-w", bare)
    assert (status, out) == (1, "")
    assert "added 0 events" in one_line(err)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a,b\n1,2\n", "no column looks like the user"), ("user,thing\n1,2\n", "no column looks like the item")],
)
def test_a_source_without_users_or_items(bare, tmp_path, text, reason):
    status, out, err = invoke("events", write(tmp_path, text), "-w", bare)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert reason in one_line(err)


def test_a_missing_source(bare, tmp_path):
    status, out, err = invoke("events", tmp_path / "missing.csv", "-w", bare)
    assert (status, out) == (1, "")
    assert "missing.csv" in one_line(err)


# -- listing and deleting ------------------------------------------------------------------------------

ODD = """user,item,kind,value,time
mallory,1-1,buy,2,1600000000
mallory,1-2,sniff,,1600000000
ann,1-1,view,,1e300
ann,1-2,view,,1600000000
"""


@pytest.fixture
def odd(bare, tmp_path):
    status, _, err = invoke("events", write(tmp_path, ODD), "-w", bare)
    assert status == 0, err
    return bare


def users_and_items(events):
    """Users are stored in an arbitrary order."""
    return sorted((event["user_id"], event["item_id"]) for event in events)


def test_what_does_not_count_is_told_at_once(bare, tmp_path):
    _, _, err = invoke("events", write(tmp_path, ODD), "-w", bare)
    assert (
        "stored, but not counted, 1: kind has no weight; first user 'mallory', item '1-2', kind 'sniff', "
        "time 1600000000 [kinds with a weight: buy, cart, click, dislike, like, rate, view]"
    ) in one_line(err)
    assert (
        "stored, but not counted, 1: time is not in unix seconds, from 1990 to tomorrow; first user 'ann', "
        "item '1-1', kind 'view', time 1e+300"
    ) in one_line(err)
    assert "added 4 events" in one_line(err)


RETAIL_ROCKET = """timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,1-1,
1433224214164,992329,addtocart,1-2,
1433221999827,111016,transaction,gone,4000
1433221955914,483717,sniff,gone,
"""


def test_kinds_are_taken_by_their_usual_names_and_unknown_ones_get_a_line_that_works(
    bare, tmp_path, monkeypatch
):
    source = write(tmp_path, RETAIL_ROCKET)
    report = as_json("events", source, "-w", bare)
    renamed, unknown, items = report["notes"][:2], report["notes"][2], report["notes"][3]
    assert renamed == [
        'kind "addtocart" is taken as "cart": 1 events',
        'kind "transaction" is taken as "buy": 1 events',
    ]
    assert 'kinds without a weight do not count: "sniff" (1 events). This gives them one: export ' in unknown
    assert items == "1 of 3 items are not in the catalog: their events count once they are indexed."
    assert one_line(unknown) in one_line(invoke("events", source, "-w", bare)[2])
    name, _, value = unknown.partition("export ")[2].partition("=")
    monkeypatch.setenv(name, value.strip("'"))
    assert as_json("events", "--list", "--left-out", "-w", bare)["events"] == []


def test_items_that_are_all_unknown_point_to_the_id_column(bare, tmp_path):
    source = write(tmp_path, "user,item\na,x\nb,y\nc,z\n")
    assert as_json("events", source, "-w", bare)["notes"] == [
        "3 of 3 items are not in the catalog: wrong id column?"
    ]


def test_dates_in_two_ways_are_refused_with_advice_that_works(bare, tmp_path):
    source = write(tmp_path, "user,item,date\na,1-1,03/04/2022\n")
    status, _, err = invoke("events", source, "-w", bare)
    assert status == 2
    assert "--time-format '%d/%m/%Y'" in one_line(err)
    assert invoke("events", source, "-w", bare, "--time-format", "%d/%m/%Y")[0] == 0
    (event,) = as_json("events", "--list", "-w", bare)["events"]
    assert event["time"] == 1_648_944_000.0


def test_a_rating_can_mean_not_rated(bare, tmp_path):
    source = write(tmp_path, "user,item,rating\na,1-1,0\na,1-2,8\n")
    assert invoke("events", source, "-w", bare, "--unrated", "0")[0] == 0
    events = as_json("events", "--list", "-w", bare)["events"]
    assert [(event["kind"], event["value"]) for event in events] == [("view", None), ("rate", 8.0)]


def test_a_value_that_is_too_large_is_a_rejected_row(bare, tmp_path):
    text = "user,item,kind,value\nmallory,cmake,buy,1e20\nmallory,cmake,buy,2\n"
    status, out, err = invoke("events", write(tmp_path, text), "-w", bare, "--json")
    assert status == 0
    report = json.loads(out)
    assert (report["added"], report["rejected"]) == (1, {'"value" is too large': 1})
    assert "row 1: " in report["examples"]['"value" is too large']
    assert 'rejected 1: "value" is too large' in one_line(err)


def test_stored_events_are_listed(odd):
    listed = as_json("events", "--list", "--user", "mallory", "-w", odd)
    assert listed["more"] is False
    assert listed["events"] == [
        {
            "user_id": "mallory",
            "item_id": "1-1",
            "kind": "buy",
            "value": 2.0,
            "time": 1.6e9,
            "left_out": None,
        },
        {
            "user_id": "mallory",
            "item_id": "1-2",
            "kind": "sniff",
            "value": None,
            "time": 1.6e9,
            "left_out": "kind has no weight",
        },
    ]
    by_item = as_json("events", "--list", "--item", "1-2", "--kind", "view", "-w", odd)["events"]
    assert [event["user_id"] for event in by_item] == ["ann"]
    left_out = as_json("events", "--list", "--left-out", "-w", odd)["events"]
    assert users_and_items(left_out) == [("ann", "1-1"), ("mallory", "1-2")]


def test_the_list_is_a_table(odd):
    status, out, err = invoke("events", "--list", "--user", "ann", "-w", odd)
    assert status == 0
    assert "2020-09-13" in out
    assert "1e+300" in out
    assert "2 events." in err
    status, out, err = invoke("events", "--list", "--limit", "1", "-w", odd)
    assert "1 events; there are more, see --limit 2." in one_line(err)
    status, out, err = invoke("events", "--list", "--user", "nobody", "-w", odd)
    assert (status, out, one_line(err)) == (0, "", "0 events.")


def test_events_are_deleted_by_their_choice(odd):
    status, _, err = invoke("events", "--delete", "--left-out", "-w", odd)
    assert status == 0
    assert "deleted 2 events. The next `semrec fit` no longer knows them." in one_line(err)
    left = as_json("events", "--list", "-w", odd)["events"]
    assert users_and_items(left) == [("ann", "1-2"), ("mallory", "1-1")]
    assert as_json("events", "--delete", "--item", "1-2", "-w", odd) == {"deleted": 1}
    assert as_json("events", "--delete", "--item", "1-2", "-w", odd) == {"deleted": 0}


def test_a_user_is_forgotten(odd):
    status, _, err = invoke("forget", "mallory", "-w", odd)
    assert status == 0
    assert one_line(err) == (
        "deleted 2 events and 0 preferences of user 'mallory'. The next `semrec fit` no longer knows them."
    )
    assert as_json("events", "--list", "--user", "mallory", "-w", odd)["events"] == []
    status, _, err = invoke("forget", "mallory", "-w", odd)
    assert (status, one_line(err)) == (0, "nothing is stored of user 'mallory'.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give files with events, or --list, or --delete"),
        (("--list", "--delete"), "one of the three"),
        (("a.csv", "--list"), "one of the three"),
        (("--list", "--value", "n"), "are for files with events"),
        (("a.csv", "--left-out"), "--left-out is for --list and --delete"),
        (("--delete",), "all events would be deleted"),
    ],
)
def test_options_that_do_not_fit_together(odd, arguments, words):
    status, out, err = invoke("events", *arguments, "-w", odd)
    assert (status, out) == (2, "")
    assert words in one_line(err)


def test_a_shop_without_events_and_a_folder_that_is_no_shop(bare, tmp_path):
    status, _, err = invoke("events", "--list", "-w", bare)
    assert status == 1
    assert "load events first" in one_line(err)
    for command in (("events", "--list"), ("forget", "ann")):
        status, _, err = invoke(*command, "-w", tmp_path / "nothing")
        assert status == 1
        assert "there is no workspace" in one_line(err)
    assert not (tmp_path / "nothing").exists()
