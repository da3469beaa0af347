"""`semrec fit` and `semrec evaluate`."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing

import pytest
from commands import (
    N_CLUBS,
    N_EVENTS,
    N_USERS,
    START,
    as_json,
    catalog_text,
    event_rows,
    events_text,
    invoke,
    item_ids,
    one_line,
    start_semrec,
    write,
)
from toy import ToyEncoder
from workspace_copies import copy_workspace

import semrec.workspace.encoders

# -- fit -----------------------------------------------------------------------------------------------


def test_fit_prints_what_was_learned(loaded):
    status, out, _ = invoke("fit", "-w", loaded)
    assert status == 0
    assert f"learned from {N_EVENTS:,} events of {N_USERS} users" in out
    assert "generation 2 is current now" in out
    for word in (
        "text",
        "collaborative",
        "item_item",
        "popularity",
        "blend",
        "NDCG@10 alone",
        "adds to the blend",
    ):
        assert word in one_line(out)
    assert as_json("info", "-w", loaded)["current"] == 2


def test_fit_as_json(loaded):
    status, out, _ = invoke("fit", "-w", loaded, "--json", "--seed", 5)
    report = json.loads(out)
    assert status == 0
    assert (report["generation"], report["n_users"], report["n_events"]) == (2, N_USERS, N_EVENTS)
    assert set(report["learning"]["gain"]) == {"text", "collaborative", "item_item", "popularity"}
    assert report["cleaning"]["used"] == N_EVENTS


def test_users_with_the_same_history_are_reported_and_can_be_left_out(loaded, tmp_path):
    items = [f"{club}-{place}" for club in (0, 1) for place in range(6)]
    rows = [(f"copy-{n}", item, START + place) for n in range(5) for place, item in enumerate(items)]
    invoke("events", write(tmp_path, events_text(rows)), "-w", loaded)
    status, _, err = invoke("fit", "-w", loaded)
    assert status == 0
    assert "the largest has 5 users ('copy-0', 'copy-1', 'copy-2', …)" in one_line(err)
    assert "counts as one user" in one_line(err)
    assert "semrec fit --leave-out-similar-users" in one_line(err)
    report = as_json("fit", "-w", loaded, "--leave-out-similar-users")
    assert report["similar_users"] == [[f"copy-{n}" for n in range(5)]]
    assert any("They were left out" in note for note in report["notes"])
    assert item_ids("recommend", "--user", "copy-1", "-w", loaded)


def messy_rows():
    """Return events, most of them unusable, for several reasons."""
    return [
        *((f"u{n}", f"gone-{n}", "view", "", START) for n in range(7)),
        *((f"u{n}", "1-1", "view", "", int(time.time()) + 10**7) for n in range(3)),
        *((f"u{n}", "1-1", "sing", "", START) for n in range(4)),
        *((f"r{n}", f"2-{n % 8}", "rate", 1 + n % 5, START + n) for n in range(300)),
        ("u1", "1-1", "rate", 999, START),
    ]


@pytest.fixture
def messy(messy_shop, toy_encoder):
    """A fitted workspace with these events, and what `fit` printed with and without --json."""
    return messy_shop


@pytest.fixture(scope="module")
def messy_shop(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("messy")
    shop = copy_workspace(made / "loaded", folder / "shop")
    source = write(folder, events_text(messy_rows(), "user,item,kind,rating,time"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder())
        assert invoke("events", source, "-w", shop)[0] == 0
        return shop, invoke("fit", "-w", shop), invoke("fit", "-w", shop, "--json")


def test_events_that_are_left_out_are_counted(messy):
    _, _, (status, out, err) = messy
    assert status == 0, err
    cleaning = json.loads(out)["cleaning"]
    dropped = cleaning["dropped"]
    assert dropped["unknown_item"] == cleaning["unknown_items"] == 7
    assert (dropped["impossible_time"], dropped["unknown_kind"], dropped["outside_scale"]) == (3, 4, 1)
    assert cleaning["unknown_kinds"] == {"sing": 4}
    assert cleaning["rating_scale"] == [1, 5]
    assert cleaning["used"] + sum(dropped.values()) == cleaning["events"] == N_EVENTS + len(messy_rows())


def test_events_that_are_left_out_are_reported_on_stderr(messy):
    _, (status, out, err), _ = messy
    assert status == 0
    for words in (
        "events left out, 7: item is not in the catalog; first user 'u",
        "events left out, 3: time is not in unix seconds, from 1990 to tomorrow; first user 'u",
        "events left out, 1: rating is outside the scale; first user",
        "rating scale: 1 to 5 (guessed)",
    ):
        assert words in one_line(err)
    assert "left out" not in out


def test_users_with_invalid_events_get_recommendations(messy):
    for user in ("u0", "u1", "r3"):
        status, out, err = invoke("recommend", "--user", user, "-k", 5, "-w", messy[0])
        assert status == 0, err
        assert out


def test_events_of_items_that_are_indexed_later_are_kept(loaded, files, tmp_path):
    rows = [(f"n{n}", item, START + n) for n in range(12) for item in ("later", "0-1")]
    invoke("events", write(tmp_path, events_text(rows)), "-w", loaded)
    first = as_json("fit", "-w", loaded)
    assert first["cleaning"]["dropped"]["unknown_item"] == 12
    more = write(tmp_path, catalog_text() + "later,A late item,something else\n", "catalog.csv")
    assert invoke("index", more, "-w", loaded)[0] == 0
    second = as_json("fit", "-w", loaded)
    assert "unknown_item" not in second["cleaning"]["dropped"]
    assert "later" in item_ids("recommend", "--history", "0-1", "-w", loaded)


NOTHING = {
    "only unknown items": ([(f"u{n}", f"gone-{n}", START) for n in range(9)], "not in the catalog: 9"),
    "one event": ([("a", "1-1", START)], "one user and one item"),
    "all the same": ([("a", "1-1", START + 99 * n) for n in range(9)], "one user and one item"),
    "one item": ([(f"u{n}", "1-1", START) for n in range(9)], "all events are of one item"),
    "the future": ([(f"u{n}", f"1-{n % 8}", 2**33) for n in range(9)], "to tomorrow: 9"),
}


@pytest.mark.parametrize(("rows", "reason"), NOTHING.values(), ids=NOTHING)
def test_nothing_to_learn_from_is_one_line(bare, tmp_path, rows, reason):
    invoke("events", write(tmp_path, events_text(rows)), "-w", bare)
    status, out, err = invoke("fit", "-w", bare)
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if line.strip()]
    assert [line for line in lines if "error" in line] == lines[-1:]
    assert "nothing can be learned: " in lines[-1]
    assert reason in lines[-1]


def test_fit_without_events_says_what_to_do(bare):
    status, out, err = invoke("fit", "-w", bare)
    assert (status, out) == (1, "")
    assert "there is no event log" in one_line(err)
    assert "load events first" in one_line(err)


def test_a_failure_of_a_real_process_is_one_line(bare):
    process = start_semrec("fit", "-w", bare)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.strip()]) == 1


# -- evaluate ------------------------------------------------------------------------------------------


def test_evaluate_prints_a_table(loaded, files):
    status, out, _ = invoke("evaluate", files / "events.csv", "-w", loaded, "--baselines", "none")
    assert status == 0
    words = one_line(out)
    for word in ("semrec", "ndcg@10", "recall@10", "map@10", "coverage@10"):
        assert word in words
    assert re.search(r"\d\.\d{4}\W+\d\.\d{4}\W+\d\.\d{4}", words)


def test_evaluate_as_json_with_a_report(loaded, files, tmp_path):
    page = tmp_path / "out.html"
    arguments = ("evaluate", files / "events.csv", "-w", loaded, "--report", page, "--json", "-k", 5)
    status, out, err = invoke(*arguments)
    assert status == 0, err
    assert f"the report is in {page}" in one_line(err)
    found = json.loads(out)
    assert (found["k"], found["split"]) == (5, "random")
    methods = {measure["recommender"] for measure in found["measures"]}
    assert {"semrec", "popularity"} < methods
    ndcg = {
        m["recommender"]: m["value"]
        for m in found["measures"]
        if (m["metric"], m["group"]) == ("ndcg", "all")
    }
    assert ndcg["semrec"] > ndcg["popularity"]
    check_report(page.read_text(encoding="utf-8"), methods)


def check_report(html, methods):
    """Check that a report is one file that loads nothing and runs no script."""
    assert html.lstrip().lower().startswith("<!doctype html>")
    assert "<svg" in html
    assert all(name in html for name in methods)
    assert "NaN" not in html
    links = [link for link in re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", html) if link[:1] != "#"]
    assert [link for link in links if not link.startswith("data:")] == []
    assert "@import" not in html
    assert not re.search(r"url\((?!['\"]?(#|data:))", html)
    assert "<link" not in html.lower()


@pytest.mark.parametrize("split", ["time", "global-time", "last", "cold-items", "cold-users"])
def test_every_split(loaded, files, split):
    arguments = (
        "evaluate",
        files / "events.csv",
        "-w",
        loaded,
        "--split",
        split,
        "--baselines",
        "none",
        "--json",
    )
    status, out, err = invoke(*arguments)
    assert status == 0, err
    assert json.loads(out)["split"] == split


def test_an_unknown_split_exits_2(loaded, files):
    status, out, err = invoke("evaluate", files / "events.csv", "-w", loaded, "--split", "tomorrow")
    assert (status, out) == (2, "")
    assert "no split 'tomorrow'; take one of time, " in one_line(err)


def test_evaluate_with_a_catalog(files, tmp_path):
    arguments = ("evaluate", files / "events.csv", "--catalog", files / "catalog.csv", "--baselines", "none")
    status, out, err = invoke(*arguments, "--json", "-w", tmp_path / "nowhere")
    assert status == 0, err
    assert json.loads(out)["counts"]["users"] == N_USERS
    assert not (tmp_path / "nowhere").exists()


def events_by(door, folder):
    """Return the arguments by which `evaluate` reads the events of the shop through a door."""
    if door == "no header":
        lines = "".join(f"{at};{item};Zoë {user}\n" for user, item, at in event_rows())
        (folder / "log.txt").write_bytes(lines.encode("utf-16"))
        columns = ("--no-header", "--columns", "when,what,who", "--encoding", "utf-16", "--format", "csv")
        return (folder / "log.txt", *columns, "--user", "who", "--item", "what", "--time", "when")
    if door == "database":
        with closing(sqlite3.connect(folder / "log.db")) as database, database:
            database.execute("CREATE TABLE log (user, item, time)")
            database.executemany("INSERT INTO log VALUES (?, ?, ?)", event_rows())
        return ("--sql", "SELECT * FROM log", "--url", f"sqlite:///{folder / 'log.db'}")
    rows = [json.dumps({"user": user, "item": item, "time": at}) for user, item, at in event_rows()]
    (folder / "log").write_text("\n".join(rows))
    return (folder / "log", "--format", "jsonl")


@pytest.mark.parametrize("door", ["no header", "database", "format"])
def test_evaluate_reads_what_events_reads(bare, tmp_path, door):
    arguments = ("evaluate", *events_by(door, tmp_path), "-w", bare, "--baselines", "none", "--json")
    status, out, err = invoke(*arguments)
    assert status == 0, err
    assert json.loads(out)["counts"]["users"] == N_USERS


@pytest.mark.parametrize("options", [(), ("a.csv", "--sql", "SELECT 1")])
def test_evaluate_needs_one_source(bare, options):
    status, _, err = invoke("evaluate", *options, "-w", bare)
    assert (status, "give files, or --sql and --url" in one_line(err)) == (2, True)


def test_events_of_a_database_are_checked_before_the_catalog_is_indexed(files, tmp_path, monkeypatch):
    def index(*_):
        raise AssertionError("the catalog was indexed")

    monkeypatch.setattr("semrec.cli.learning_commands.index_with_progress", index)
    _, _, *url = events_by("database", tmp_path)
    query = ("--sql", "SELECT user, user AS item, time FROM log", *url)
    status, _, err = invoke("evaluate", *query, "--catalog", files / "catalog.csv")
    assert (status, "item is not in the catalog" in one_line(err)) == (2, True), err


@pytest.mark.parametrize(
    ("events", "options", "words"),
    [
        ("user,item\na,1-1\nb,1-2\n", ("--split", "time"), "this split needs a time for every event"),
        ("user,item\na,x\nb,y\n", (), "item is not in the catalog: 2"),
        ("user,item,time\na,1-1,1\n", ("--split", "tomorrow"), "no split 'tomorrow'"),
        ("user,item,time\na,1-1,1\n", ("-k", "0"), "-k is the length of the lists, 1 or more; got 0"),
        (
            "user,item,time\na,1-1,1\n",
            ("--report", "gone/report.html"),
            "folder of the report does not exist",
        ),
    ],
)
def test_an_evaluation_that_must_fail_fails_before_the_catalog_is_indexed(
    files, tmp_path, monkeypatch, events, options, words
):
    def index(*_):
        raise AssertionError("the catalog was indexed")

    monkeypatch.setattr("semrec.cli.learning_commands.index_with_progress", index)
    source = write(tmp_path, events)
    status, _, err = invoke("evaluate", source, "--catalog", files / "catalog.csv", *options)
    assert (status, words in one_line(err)) == (2, True), err


def test_nothing_of_an_evaluation_is_stored(bare, files):
    before = sorted(path.name for path in bare.rglob("*"))
    assert invoke("evaluate", files / "events.csv", "-w", bare, "--baselines", "none")[0] == 0
    assert sorted(path.name for path in bare.rglob("*")) == before
    assert as_json("info", "-w", bare)["current"] == 1


@pytest.mark.parametrize(("rows", "reason"), NOTHING.values(), ids=NOTHING)
def test_nothing_to_evaluate_is_one_line(bare, tmp_path, rows, reason):
    status, out, err = invoke("evaluate", write(tmp_path, events_text(rows)), "-w", bare)
    assert (status, out) == (2, "")
    assert "error: nothing can be learned: " in one_line(err)
    assert reason in one_line(err)


def test_evaluate_tells_what_it_leaves_out(loaded, tmp_path):
    rows = [(user, item, "view", "", at) for user, item, at in event_rows()]
    rows += [("mallory", "1-1", "buy", "1e20", START), ("ann", "1-1", "sniff", "", START)]
    source = write(tmp_path, events_text(rows, "user,item,kind,value,time"))
    status, _, err = invoke("evaluate", source, "-w", loaded, "--baselines", "none")
    assert status == 0
    assert 'rows refused: "value" is too large: 1, for instance ' in one_line(err)
    assert "events left out: kind has no weight: 1, for instance user 'ann', item '1-1'" in one_line(err)


def test_a_split_that_leaves_nothing_to_test(bare, tmp_path):
    rows = [(f"u{n}", f"1-{n % 8}", START) for n in range(9)]
    status, out, err = invoke("evaluate", write(tmp_path, events_text(rows)), "-w", bare)
    assert (status, out) == (2, "")
    assert "leaves nothing to test" in one_line(err)


def test_a_split_by_time_needs_times(bare, tmp_path):
    rows = [(f"u{n}", f"1-{n % 8}") for n in range(9)] + [(f"u{n}", f"2-{n % 8}") for n in range(9)]
    source = write(tmp_path, events_text(rows, "user,item"))
    status, out, err = invoke("evaluate", source, "-w", bare, "--split", "time")
    assert (status, out) == (2, "")
    assert "needs a time for every event" in one_line(err)


def test_ratings_are_measured(loaded, tmp_path):
    rows = [
        (user, item, 5 if item[0] == str(int(user[1:]) % N_CLUBS) else 1, at)
        for user, item, at in event_rows()
    ]
    source = write(tmp_path, events_text(rows, "user,item,rating,time"))
    status, out, err = invoke("evaluate", source, "-w", loaded, "--baselines", "none")
    assert status == 0, err
    found = dict(re.findall(r"rmse of ratings, (semrec|mean rating): (\d\.\d+)", out))
    assert float(found["semrec"]) < float(found["mean rating"])
