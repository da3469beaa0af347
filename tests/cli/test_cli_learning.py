"""The commands that learn: events, fit, evaluate, and recommendations for a user."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import time

import pytest
from toy import ToyEncoder
from typer.testing import CliRunner

import semrec.workspace.encoders
from semrec.cli import app

CLUBS, CLUB_SIZE, N_USERS = 4, 8, 60
START = 1_600_000_000
TEXTS = ("red round", "red square", "green round", "blue", "green blue")


@pytest.fixture(autouse=True)
def toy_encoder(monkeypatch):
    """Every recommender of these tests encodes with the toy."""
    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder())


def invoke(*arguments, stdin=None):
    """Run a command in this process; return its exit status, standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stdout + result.stderr
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def catalog_text():
    rows = [
        f"{club}-{place},Title {club}-{place},{TEXTS[(place + club) % len(TEXTS)]}\n"
        for club in range(CLUBS)
        for place in range(CLUB_SIZE)
    ]
    return "id,title,text\n" + "".join(rows)


def event_rows():
    """Users use five of the eight items of their club and one of another, in any order."""
    choose = random.Random(1)
    rows = []
    for user in range(N_USERS):
        club = user % CLUBS
        items = choose.sample([f"{club}-{place}" for place in range(CLUB_SIZE)], 5)
        items.append(f"{(club + 1) % CLUBS}-{choose.randrange(CLUB_SIZE)}")
        choose.shuffle(items)
        rows += [
            (f"u{user}", item, START + 3600 * (place * N_USERS + user)) for place, item in enumerate(items)
        ]
    return rows


def events_text(rows, header="user,item,time"):
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


N_EVENTS = 6 * N_USERS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "catalog.csv").write_text(catalog_text())
    (folder / "events.csv").write_text(events_text(event_rows()))
    return folder


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    """Workspaces to copy: an index, one with events, one with models."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder())
        assert invoke("index", files / "catalog.csv", "-w", folder / "bare")[0] == 0
        shutil.copytree(folder / "bare", folder / "loaded")
        assert invoke("events", files / "events.csv", "-w", folder / "loaded")[0] == 0
        shutil.copytree(folder / "loaded", folder / "fitted")
        assert invoke("fit", "-w", folder / "fitted")[0] == 0
    return folder


@pytest.fixture
def bare(made, tmp_path):
    return shutil.copytree(made / "bare", tmp_path / "shop")


@pytest.fixture
def loaded(made, tmp_path):
    return shutil.copytree(made / "loaded", tmp_path / "shop")


@pytest.fixture
def fitted(made, tmp_path):
    return shutil.copytree(made / "fitted", tmp_path / "shop")


def write(folder, text, name="more.csv"):
    (folder / name).write_text(text)
    return folder / name


def answer(*arguments):
    status, out, err = invoke("recommend", *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def item_ids(*arguments):
    return [item["item_id"] for item in answer(*arguments)["recommendations"]]


# -- help ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["events", "fit", "evaluate"])
def test_each_command_has_help(command):
    status, out, _ = invoke(command, "--help")
    assert status == 0
    assert "--workspace" in out
    assert command in invoke("--help")[1]


@pytest.mark.parametrize(
    "arguments",
    [("events",), ("evaluate",), ("fit", "shop"), ("fit", "--seed", "x"), ("events", "x", "--tiem")],
)
def test_bad_use_exits_2_with_nothing_on_stdout(arguments):
    status, out, err = invoke(*arguments)
    assert (status, out) == (2, "")
    assert err


@pytest.mark.parametrize("command", [("events", "x.csv"), ("fit",), ("evaluate", "x.csv")])
def test_a_folder_that_is_no_workspace_is_not_written_to(tmp_path, command):
    status, out, err = invoke(*command, "-w", tmp_path)
    assert (status, out) == (1, "")
    assert "is not a workspace" in err
    assert list(tmp_path.iterdir()) == []


# -- events --------------------------------------------------------------------------------------------


def test_events_are_added_once(bare, files):
    status, out, err = invoke("events", files / "events.csv", "-w", bare)
    assert (status, out) == (0, "")
    assert f"added {N_EVENTS:,} events; 0 were there already." in err
    assert 'user: column "user" (guessed)' in err
    status, _, err = invoke("events", files / "events.csv", "-w", bare)
    assert status == 0
    assert f"added 0 events; {N_EVENTS:,} were there already." in err


def test_events_as_json(bare, files):
    status, out, _ = invoke("events", files / "events.csv", "-w", bare, "--json")
    assert status == 0
    assert json.loads(out) == {"added": N_EVENTS, "repeated": 0, "rejected": {}}


def test_columns_can_be_named(bare, tmp_path):
    source = write(tmp_path, "wer;was;wie\n".replace(";", ",") + "a,1-1,buy\nb,1-2,view\n")
    named = ("--user", "wer", "--item", "was", "--kind", "wie")
    assert invoke("events", source, "-w", bare)[0] == 1
    status, _, err = invoke("events", source, *named, "-w", bare)
    assert status == 0
    assert "added 2 events" in err
    status, _, err = invoke("events", source, "--user", "who", "-w", bare)
    assert status == 1
    assert 'there is no column "who"' in err


def test_standard_input_and_json_lines(bare):
    lines = '{"user": "a", "item": "1-1"}\n{"user": "a", "item": "1-2", "time": "2024-05-01"}\n'
    status, _, err = invoke("events", "-", "--format", "jsonl", "-w", bare, stdin=lines)
    assert status == 0, err
    assert "added 2 events" in err


BAD_ROWS = {
    "no user": ",1-1,5,1600000000",
    "no item": "a,,5,1600000000",
    "NaN": "a,1-1,nan,1600000000",
    "infinite": "a,1-1,inf,1600000000",
    "no number": "a,1-1,many,1600000000",
    "no time": "a,1-1,5,soon",
}


@pytest.mark.parametrize(("strict", "expected"), [((), 0), (("--strict",), 1)])
def test_rows_that_are_no_events_are_counted_and_listed(bare, tmp_path, strict, expected):
    text = "user,item,rating,time\n" + "".join(f"{row}\n" for row in BAD_ROWS.values())
    source = write(tmp_path, text + "a,1-1,5,1600000000\n")
    status, out, err = invoke("events", source, "-w", bare, *strict)
    assert (status, out) == (expected, "")
    assert "added 1 events" in err
    for reason in (
        'rejected 1: "user" is missing',
        'rejected 1: "item" is missing',
        'rejected 2: "rating" is NaN or infinite',
        'rejected 1: "rating" is not a number',
        'rejected 1: "time" is neither unix time nor an ISO date',
    ):
        assert reason in err
    assert "rejected-events.jsonl" in err
    listed = (bare / "rejected-events.jsonl").read_text().splitlines()
    assert len(listed) == len(BAD_ROWS)


def test_rejects_are_in_the_json_too(bare, tmp_path):
    text = "user,item,rating,time\n" + "".join(f"{row}\n" for row in BAD_ROWS.values())
    out = invoke("events", write(tmp_path, text + "a,1-1,5,1600000000\n"), "-w", bare, "--json")[1]
    report = json.loads(out)
    assert report["added"] == 1
    assert sum(report["rejected"].values()) == len(BAD_ROWS)


def test_a_source_of_rejects_only_is_a_failure(bare, tmp_path):
    status, out, err = invoke("events", write(tmp_path, "user,item\n,\n,\n"), "-w", bare)
    assert (status, out) == (1, "")
    assert "added 0 events" in err


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a,b\n1,2\n", "no column looks like the user"), ("user,thing\n1,2\n", "no column looks like the item")],
)
def test_a_source_without_users_or_items(bare, tmp_path, text, reason):
    status, out, err = invoke("events", write(tmp_path, text), "-w", bare)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert reason in err


def test_a_source_that_is_not_there(bare, tmp_path):
    status, out, err = invoke("events", tmp_path / "missing.csv", "-w", bare)
    assert (status, out) == (1, "")
    assert "missing.csv" in err


# -- fit -----------------------------------------------------------------------------------------------


def test_fit_tells_what_was_learned(loaded):
    status, out, _ = invoke("fit", "-w", loaded)
    assert status == 0
    assert f"learned from {N_EVENTS:,} events of {N_USERS} users" in out
    assert "generation 2 answers now" in out
    for word in (
        "text",
        "collaborative",
        "item_item",
        "popularity",
        "blend",
        "NDCG@10 alone",
        "adds to the blend",
    ):
        assert word in " ".join(out.split())
    assert json.loads(invoke("info", "-w", loaded, "--json")[1])["current"] == 2


def test_fit_as_json(loaded):
    status, out, _ = invoke("fit", "-w", loaded, "--json", "--seed", 5)
    report = json.loads(out)
    assert status == 0
    assert (report["generation"], report["n_users"], report["n_events"]) == (2, N_USERS, N_EVENTS)
    assert set(report["learning"]["gain"]) == {"text", "collaborative", "item_item", "popularity"}
    assert report["cleaning"]["used"] == N_EVENTS


def messy_rows():
    """Events that cannot be used, each for a reason."""
    return [
        *((f"u{n}", f"gone-{n}", "view", "", START) for n in range(7)),
        *((f"u{n}", "1-1", "view", "", int(time.time()) + 10**7) for n in range(3)),
        *((f"u{n}", "1-1", "sing", "", START) for n in range(4)),
        *((f"r{n}", f"2-{n % 8}", "rate", 1 + n % 5, START + n) for n in range(300)),
        ("u1", "1-1", "rate", 999, START),
    ]


@pytest.fixture
def messy(loaded, tmp_path):
    source = write(tmp_path, events_text(messy_rows(), "user,item,kind,rating,time"))
    assert invoke("events", source, "-w", loaded)[0] == 0
    return loaded


def test_what_is_left_out_is_counted(messy):
    status, out, err = invoke("fit", "-w", messy, "--json")
    assert status == 0, err
    cleaning = json.loads(out)["cleaning"]
    dropped = cleaning["dropped"]
    assert dropped["unknown_item"] == cleaning["unknown_items"] == 7
    assert (dropped["impossible_time"], dropped["unknown_kind"], dropped["outside_scale"]) == (3, 4, 1)
    assert cleaning["unknown_kinds"] == {"sing": 4}
    assert cleaning["rating_scale"] == [1, 5]
    assert cleaning["used"] + sum(dropped.values()) == cleaning["events"] == N_EVENTS + len(messy_rows())


def test_what_is_left_out_is_said_on_stderr(messy):
    status, out, err = invoke("fit", "-w", messy)
    assert status == 0
    assert "events left out: " in err
    for words in ("7 unknown item", "3 impossible time", "1 outside scale", "rating scale: 1 to 5 (guessed)"):
        assert words in err
    assert "left out" not in out


def test_users_with_faults_in_their_log_are_answered(messy):
    assert invoke("fit", "-w", messy)[0] == 0
    for user in ("u0", "u1", "r3"):
        status, out, err = invoke("recommend", "--user", user, "-k", 5, "-w", messy)
        assert status == 0, err
        assert out


def test_events_of_items_that_come_later_were_kept(loaded, files, tmp_path):
    rows = [(f"n{n}", item, START + n) for n in range(12) for item in ("later", "0-1")]
    invoke("events", write(tmp_path, events_text(rows)), "-w", loaded)
    first = json.loads(invoke("fit", "-w", loaded, "--json")[1])
    assert first["cleaning"]["dropped"]["unknown_item"] == 12
    more = write(tmp_path, catalog_text() + "later,A late item,something else\n", "catalog.csv")
    assert invoke("index", more, "-w", loaded)[0] == 0
    second = json.loads(invoke("fit", "-w", loaded, "--json")[1])
    assert "unknown_item" not in second["cleaning"]["dropped"]
    assert "later" in item_ids("--history", "0-1", "-w", loaded)


NOTHING = {
    "only unknown items": ([(f"u{n}", f"gone-{n}", START) for n in range(9)], "not in the catalog: 9"),
    "one event": ([("a", "1-1", START)], "one user, one item"),
    "all the same": ([("a", "1-1", START + 99 * n) for n in range(9)], "one user, one item"),
    "one item": ([(f"u{n}", "1-1", START) for n in range(9)], "about one item"),
    "the future": ([(f"u{n}", f"1-{n % 8}", 2**33) for n in range(9)], "in the future: 9"),
}


@pytest.mark.parametrize(("rows", "reason"), NOTHING.values(), ids=NOTHING)
def test_nothing_to_learn_from_is_one_line(bare, tmp_path, rows, reason):
    invoke("events", write(tmp_path, events_text(rows)), "-w", bare)
    result = CliRunner().invoke(app, ["fit", "-w", str(bare)])
    assert (result.exit_code, result.stdout) == (2, "")
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert [line for line in lines if "error" in line] == lines[-1:]
    assert "nothing can be learned: " in lines[-1]
    assert reason in lines[-1]


def test_without_events_fit_says_what_to_do(bare):
    status, out, err = invoke("fit", "-w", bare)
    assert (status, out) == (1, "")
    assert "there is no event log" in err
    assert "load events first" in err


def test_indexing_after_a_fit_keeps_the_models(fitted, files):
    status, out, err = invoke("index", files / "catalog.csv", "-w", fitted)
    assert (status, out) == (0, "")
    assert "unchanged" in err
    assert "generation 2" in err


# -- users ---------------------------------------------------------------------------------------------


def test_recommending_for_a_user(fitted):
    status, out, err = invoke("recommend", "--user", "u2", "-k", 3, "-w", fitted)
    assert (status, err) == (0, "")
    words = " ".join(out.split())
    assert "Those who use Title 2-" in words
    assert "also use this." in words
    assert re.search(r"\[.*(taste|neighbours) \d+ %", words)
    seen = {item for user, item, _ in event_rows() if user == "u2"}
    found = item_ids("--user", "u2", "-k", 3, "-w", fitted)
    assert found[0].startswith("2-")
    assert {item[0] for item in found} <= {"2", "3"}  # of 3 the user has used one item
    assert not seen & set(found)
    assert seen <= set(item_ids("--user", "u2", "-k", 32, "--include-seen", "-w", fitted))


def test_a_user_never_seen_gets_what_is_popular(fitted):
    status, out, err = invoke("recommend", "--user", "stranger", "-k", 4, "-w", fitted)
    assert status == 0
    assert err == "user 'stranger' has no events on known items: this is what is popular"
    assert "popularity 100 %" in " ".join(out.split())
    as_json = answer("--user", "stranger", "-k", 4, "-w", fitted)
    assert as_json["notes"] == [err]
    assert as_json["query"]["user"] == "stranger"


def test_a_user_never_seen_with_a_text_gets_the_text(fitted):
    found = answer("--user", "stranger", "--text", "red square", "-k", 3, "-w", fitted)
    assert "has no events" in found["notes"][0]
    assert set(found["recommendations"][0]["signals"]) <= {"text", "bm25"}


def test_a_user_without_any_log(bare):
    status, out, err = invoke("recommend", "--user", "u2", "-w", bare)
    assert (status, out) == (1, "")
    assert "there is no event log" in err


def test_a_stranger_before_the_first_fit(loaded):
    status, out, err = invoke("recommend", "--user", "stranger", "-w", loaded)
    assert (status, out) == (2, "")
    assert "semrec fit" in err
    assert invoke("recommend", "--user", "u2", "-w", loaded)[0] == 0


# -- evaluate ------------------------------------------------------------------------------------------


def test_evaluate_prints_a_table(loaded, files):
    status, out, _ = invoke("evaluate", files / "events.csv", "-w", loaded, "--no-baselines")
    assert status == 0
    words = " ".join(out.split())
    for word in ("semrec", "ndcg@10", "recall@10", "map@10", "coverage@10"):
        assert word in words
    assert re.search(r"\d\.\d{4}\W+\d\.\d{4}\W+\d\.\d{4}", words)


def test_evaluate_as_json_with_a_page(loaded, files, tmp_path):
    page = tmp_path / "out.html"
    arguments = ("evaluate", files / "events.csv", "-w", loaded, "--report", page, "--json", "-k", 5)
    status, out, err = invoke(*arguments)
    assert status == 0, err
    assert f"the page is in {page}" in err
    found = json.loads(out)
    assert (found["k"], found["split"]) == (5, "random")
    who = {measure["recommender"] for measure in found["measures"]}
    assert {"semrec", "popularity"} < who
    ndcg = {
        m["recommender"]: m["value"]
        for m in found["measures"]
        if (m["metric"], m["group"]) == ("ndcg", "all")
    }
    assert ndcg["semrec"] > ndcg["popularity"]
    check_page(page.read_text(encoding="utf-8"), who)


def check_page(html, who):
    """One page that loads nothing from anywhere and runs no program."""
    assert html.lstrip().lower().startswith("<!doctype html>")
    assert "<svg" in html
    assert all(name in html for name in who)
    assert "NaN" not in html
    links = [link for link in re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", html) if link[:1] != "#"]
    assert [link for link in links if not link.startswith("data:")] == []
    assert "@import" not in html
    assert not re.search(r"url\((?!['\"]?(#|data:))", html)
    assert "<link" not in html.lower()


@pytest.mark.parametrize("split", ["time", "global-time", "last", "cold-items", "cold-users"])
def test_every_split(loaded, files, split):
    arguments = ("evaluate", files / "events.csv", "-w", loaded, "--split", split, "--no-baselines", "--json")
    status, out, err = invoke(*arguments)
    assert status == 0, err
    assert json.loads(out)["split"] == split


def test_an_unknown_split_exits_2(loaded, files):
    status, out, err = invoke("evaluate", files / "events.csv", "-w", loaded, "--split", "tomorrow")
    assert (status, out) == (2, "")
    assert "no split 'tomorrow'; take one of time, " in err


def test_a_catalog_of_its_own(files, tmp_path):
    arguments = ("evaluate", files / "events.csv", "--catalog", files / "catalog.csv", "--no-baselines")
    status, out, err = invoke(*arguments, "--json", "-w", tmp_path / "nowhere")
    assert status == 0, err
    assert json.loads(out)["counts"]["users"] == N_USERS
    assert not (tmp_path / "nowhere").exists()


def test_nothing_of_an_evaluation_is_stored(bare, files):
    before = sorted(path.name for path in bare.rglob("*"))
    assert invoke("evaluate", files / "events.csv", "-w", bare, "--no-baselines")[0] == 0
    assert sorted(path.name for path in bare.rglob("*")) == before
    assert json.loads(invoke("info", "-w", bare, "--json")[1])["current"] == 1


@pytest.mark.parametrize(("rows", "reason"), NOTHING.values(), ids=NOTHING)
def test_nothing_to_evaluate_is_one_line(bare, tmp_path, rows, reason):
    status, out, err = invoke("evaluate", write(tmp_path, events_text(rows)), "-w", bare)
    assert (status, out) == (2, "")
    assert "error: nothing can be learned: " in err
    assert reason in err


def test_a_split_that_leaves_nothing_to_test(bare, tmp_path):
    rows = [(f"u{n}", f"1-{n % 8}", START) for n in range(9)]
    status, out, err = invoke("evaluate", write(tmp_path, events_text(rows)), "-w", bare)
    assert (status, out) == (2, "")
    assert "leaves nothing to test" in err


def test_a_split_by_time_needs_times(bare, tmp_path):
    rows = [(f"u{n}", f"1-{n % 8}") for n in range(9)] + [(f"u{n}", f"2-{n % 8}") for n in range(9)]
    source = write(tmp_path, events_text(rows, "user,item"))
    status, out, err = invoke("evaluate", source, "-w", bare, "--split", "time")
    assert (status, out) == (2, "")
    assert "needs a time for every event" in err


def test_ratings_are_measured(loaded, tmp_path):
    rows = [
        (user, item, 5 if item[0] == str(int(user[1:]) % CLUBS) else 1, at) for user, item, at in event_rows()
    ]
    source = write(tmp_path, events_text(rows, "user,item,rating,time"))
    status, out, err = invoke("evaluate", source, "-w", loaded, "--no-baselines")
    assert status == 0, err
    found = dict(re.findall(r"rmse of ratings, (semrec|mean rating): (\d\.\d+)", out))
    assert float(found["semrec"]) < float(found["mean rating"])


# -- a real process ------------------------------------------------------------------------------------


def test_a_failure_of_a_real_process_is_one_line(bare):
    command = [sys.executable, "-c", "from semrec.cli import main; main()", "fit", "-w", str(bare)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1
