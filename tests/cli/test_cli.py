"""The command line: data on standard output, the rest on standard error; exit 2 is bad use, 1 a failure."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from semrec.cli import app
from semrec.cli.options import comma_separated
from semrec.cli.workspace import command_here
from semrec.errors import EncoderError
from semrec.store.edge import EdgeStore

pytestmark = pytest.mark.usefixtures("one_encoder")

COMMANDS = ("index", "recommend", "similar", "info", "demo")
BOOKS = """id,title,text,author,year
1,Dune,A desert planet and its spice,Herbert,1965
2,Solaris,An ocean that thinks,Lem,1961
3,Emma,A matchmaker in an English village,Austen,1815
"""


@pytest.fixture
def run():
    """Run a command in this process; return its exit status, standard output and standard error."""

    def run(*arguments, stdin=None):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture
def shop(indexed, tmp_path):
    """A workspace with the packages of `catalog`."""
    return shutil.copytree(indexed, tmp_path / "shop")


@pytest.fixture
def books(tmp_path):
    path = tmp_path / "books.csv"
    path.write_text(BOOKS)
    return path


def semrec(*arguments, **options):
    """Start the command in a process of its own."""
    command = [sys.executable, "-c", "from semrec.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


# -- help ----------------------------------------------------------------------------------------------


def test_help_lists_the_commands(run):
    status, out, _ = run("--help")
    assert status == 0
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "--workspace" in out
    assert "--debug" in out


def test_no_command_is_bad_use(run):
    assert run()[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [("reccomend",), ("recommend", "--tekst", "x"), ("recommend", "-k", "2.5"), ("index",), ("similar",)],
)
def test_bad_use_exits_2_with_nothing_on_stdout(run, arguments):
    status, out, err = run(*arguments)
    assert status == 2
    assert out == ""
    assert err


# -- indexing ------------------------------------------------------------------------------------------


def test_indexing_reports_on_stderr_only(run, books, tmp_path):
    status, out, err = run("index", books, "-w", tmp_path / "shop")
    assert (status, out) == (0, "")
    assert "3 new: 3 items in generation 1, in " in err
    assert "3 passages with bundled on " in err
    assert "with bundled on" in err
    status, out, _ = run(
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


def test_indexing_as_json(run, books, tmp_path):
    status, out, _ = run("index", books, "-w", tmp_path / "shop", "--json")
    report = json.loads(out)
    assert status == 0
    assert (report["generation"], report["n_items"], report["n_rejected"]) == (1, 3, 0)


def test_vectors_can_be_cut_and_searched_in_int8(run, books, tmp_path):
    shop = tmp_path / "shop"
    status, _, _ = run("index", books, "-w", shop, "--dimension", 64, "--quantize")
    assert status == 0
    assert json.loads(run("info", "-w", shop, "--json")[1])["dimension"] == 64
    assert EdgeStore(shop).manifest(1).vectors[0].quantized
    answer = json.loads(run("recommend", "--text", "sand and spice", "-k", 1, "-w", shop, "--json")[1])
    assert answer["recommendations"][0]["item_id"] == "1"
    assert run("index", books, "-w", shop, "--no-quantize")[0] == 0
    manifest = EdgeStore(shop).manifest(2)
    assert (manifest.dimension, manifest.vectors[0].quantized) == (64, False)


def test_columns_and_template_can_be_named(run, books, tmp_path):
    shop = tmp_path / "shop"
    arguments = ("--id", "id", "--title", "title", "--text", "text", "--meta", "author,year")
    status, _, _ = run("index", books, *arguments, "--encode", "{title} by {author}", "-w", shop)
    assert status == 0
    facts = json.loads(run("info", "-w", shop, "--json")[1])
    assert facts["template"] == "{title} by {author}"
    assert facts["fields"] == {"author": "keyword", "year": "integer"}
    answer = json.loads(run("recommend", "--text", "Lem", "-k", 1, "-w", shop, "--json")[1])
    assert answer["recommendations"][0]["passages"]["item"] == "Solaris by Lem"


def test_lists_are_split(run, tmp_path):
    catalog = tmp_path / "c.csv"
    catalog.write_text('id,title,tags\n1,Dune,"desert, space"\n2,Emma,"village"\n')
    run("index", catalog, "--meta", "tags", "--lists", "tags", "-w", tmp_path / "shop")
    _, out, _ = run("recommend", "--text", "book", "--where", "tags=space", "--json", "-w", tmp_path / "shop")
    assert [item["item_id"] for item in json.loads(out)["recommendations"]] == ["1"]


def test_standard_input_is_a_catalog(tmp_path):
    process = semrec(
        "index", "-", "--format", "csv", "-w", tmp_path / "shop", "--json", stdin=subprocess.PIPE
    )
    out, err = process.communicate(BOOKS, timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["n_items"] == 3


@pytest.mark.parametrize(("strict", "expected"), [((), 0), (("--strict",), 1)])
def test_strict_makes_rejected_rows_a_failure(run, books, tmp_path, strict, expected):
    books.write_text(BOOKS + "1,Again,The same id,Nobody,2000\n")
    status, out, err = run("index", books, "-w", tmp_path / "shop", *strict)
    assert (status, out) == (expected, "")
    assert "rejected 1: " in err
    assert "rejects.jsonl" in err
    assert run("recommend", "--text", "sea", "-w", tmp_path / "shop")[0] == 0


def test_when_nothing_was_indexed_it_is_a_failure(run, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("id,title\n1,\n2,\n")
    status, out, err = run("index", empty, "-w", tmp_path / "shop")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert "nothing was indexed" in err


def test_a_catalog_that_is_not_there(run, tmp_path):
    status, out, err = run("index", tmp_path / "missing.csv", "-w", tmp_path / "shop")
    assert (status, out) == (1, "")
    assert [line[:7] for line in err.splitlines() if line] == ["error: "]
    assert not (tmp_path / "shop").exists()


def test_a_folder_with_other_things_is_left_alone(run, books, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    status, _, err = run("index", books, "-w", tmp_path / "photos")
    assert status == 1
    assert "nothing was written" in err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_an_encoder_that_is_not_there(run, books, tmp_path):
    status, out, err = run("index", books, "-w", tmp_path / "shop", "--model", tmp_path / "model")
    assert (status, out) == (1, "")
    assert "the folder does not exist" in err
    assert [line for line in err.splitlines() if "error" in line] == err.splitlines()[-1:]


# -- asking --------------------------------------------------------------------------------------------


def test_an_answer_reads_like_sentences(run, shop):
    status, out, err = run("recommend", "--history", "python3-numpy,python3-scipy", "-k", 3, "-w", shop)
    assert (status, err) == (0, "")
    assert out.count("Because of") == 3
    assert "[text 100 %]" in " ".join(out.split())


def test_json_holds_the_answer_and_nothing_else(run, shop):
    arguments = ("recommend", "--history", "sox", "--history", "lame,nowhere", "--text", "radio", "-w", shop)
    status, out, err = run(*arguments, "--json", "-k", 4, "--diversity", 0.2, "--exclude", "mpg123,mpg321")
    answer = json.loads(out)
    assert status == 0
    assert err.strip() == "skipped 1 unknown items of the history: nowhere"
    assert answer["query"]["history"] == ["sox", "lame", "nowhere"]
    assert len(answer["recommendations"]) == 4
    assert not {"mpg123", "mpg321", "sox", "lame"} & {item["item_id"] for item in answer["recommendations"]}
    assert answer["unknown_items"] == ["nowhere"]


def test_seen_items_can_be_included(run, shop):
    def found(*more):
        _, out, _ = run("recommend", "--history", "sox", "--json", "-w", shop, *more)
        return [item["item_id"] for item in json.loads(out)["recommendations"]]

    assert "sox" not in found()
    assert found("--include-seen")[0] == "sox"


def test_filters(run, shop, catalog):
    filters = ("--where", "categories=mail", "--where", "categories=games", "--where", "size>=300")
    status, out, _ = run("similar", "sox", *filters, "--json", "-w", shop, "-k", 1000)
    answer = json.loads(out)
    wanted = catalog.filter(catalog["categories"].is_in(["mail", "games"]), catalog["size"] >= 300)
    assert status == 0
    assert {item["item_id"] for item in answer["recommendations"]} == set(wanted["item_id"])
    assert answer["query"]["where"] == {"categories": ["mail", "games"], "size": {"gte": "300"}}


def test_a_filter_that_nothing_passes_is_an_answer(run, shop):
    status, out, _ = run("similar", "sox", "--where", "categories=gardening", "-w", shop)
    assert (status, out) == (0, "Nothing passes the filters.\n")


def test_the_demo_names_a_command_that_can_be_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [".venv/bin/semrec", "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_here() == ".venv/bin/semrec"
    (tmp_path / "semrec").touch(0o755)
    assert command_here() == "semrec"


def test_info(run, shop):
    status, out, err = run("info", "-w", shop)
    assert (status, err) == (0, "")
    assert "bundled" in out
    facts = json.loads(run("info", "-w", shop, "--json")[1])
    assert facts["fields"]["size"] == "integer"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recommend",), "give at least one"),
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
def test_a_question_without_an_answer_exits_2_with_one_line(run, shop, arguments, message):
    status, out, err = run(*arguments, "-w", shop)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", [("recommend", "--text", "x"), ("similar", "a"), ("info",)])
def test_a_folder_that_is_no_workspace_is_not_written_to(run, tmp_path, command):
    status, out, err = run(*command, "-w", tmp_path)
    assert (status, out) == (1, "")
    assert "is not a workspace" in err
    assert run(*command, "-w", tmp_path / "missing")[0] == 1
    assert list(tmp_path.iterdir()) == []


def test_the_workspace_can_come_from_the_environment(run, shop, monkeypatch):
    monkeypatch.setenv("SEMREC_WORKSPACE", str(shop))
    assert run("similar", "sox")[0] == 0


@pytest.mark.parametrize("setting", ["SEMREC_SHARPNESS=sharp", "SEMREC_RATING_SCALE=[5,1]"])
def test_a_bad_setting_is_bad_use(run, shop, monkeypatch, setting):
    monkeypatch.setenv(*setting.split("="))
    status, out, err = run("similar", "sox", "-w", shop)
    assert (status, out) == (2, "")
    assert f"({setting.partition('=')[0]}): " in err


# -- errors and tracebacks -----------------------------------------------------------------------------


def test_a_traceback_comes_with_debug_only(tmp_path):
    plain = semrec("info", "-w", tmp_path)
    out, err = plain.communicate(timeout=60)
    assert (plain.returncode, out) == (1, "")
    assert "Traceback" not in err
    debug = semrec("info", "-w", tmp_path, "--debug")
    out, err = debug.communicate(timeout=60)
    assert (debug.returncode, out) == (1, "")
    assert "Traceback" in err
    assert "WorkspaceError" in err


def test_an_unexpected_error_is_one_line_too(run, shop, monkeypatch):
    import semrec.workspace.encoders

    def broken(*_, **__):
        raise RuntimeError("the graphics card\nis on fire")

    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", broken)
    status, out, err = run("recommend", "--text", "x", "-w", shop)
    assert (status, out) == (1, "")
    assert "the graphics card is on fire" in err
    assert "--debug" in err
    assert len(err.splitlines()) == 1
    with pytest.raises(RuntimeError):
        run("recommend", "--text", "x", "-w", shop, "--debug")


def test_an_error_is_not_taken_for_markup(run, shop, monkeypatch):
    import semrec.workspace.encoders

    def broken(*_, **__):
        raise EncoderError("cannot load [bold]x[/bold] :smile:")

    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", broken)
    assert "[bold]x[/bold] :smile:" in run("recommend", "--text", "x", "-w", shop)[2]


# -- other processes -----------------------------------------------------------------------------------

HOLD = """
import sys
from semrec import Recommender
with Recommender.open(sys.argv[1]) as recommender:
    recommender.similar("sox")
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_workspace_in_use_names_who_uses_it(run, shop):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(shop)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "open\n"
        status, out, err = run("similar", "sox", "-w", shop)
        assert (status, out) == (1, "")
        assert f"in use by process {other.pid} (" in err
        assert len(err.splitlines()) == 1
    finally:
        other.communicate("")
    assert run("similar", "sox", "-w", shop)[0] == 0


def test_a_killed_indexing_leaves_the_previous_index_answering(run, shop, tmp_path):
    before = run("similar", "sox", "-w", shop, "--json")[1]
    catalog = tmp_path / "many.csv"
    catalog.write_text("id,title\n" + "".join(f"{n},Item number {n}\n" for n in range(20_000)))
    child = semrec("index", catalog, "-w", shop)
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
    assert run("similar", "sox", "-w", shop, "--json")[1] == before
    small = tmp_path / "small.csv"
    small.write_text("id,title\nsox,Sound exchange\nlame,An encoder\n")
    assert run("index", small, "-w", shop, "--rebuild")[0] == 0
    assert json.loads(run("info", "-w", shop, "--json")[1])["items"] == 2


def test_a_server_that_is_down_is_one_line(run, tmp_path, books):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    status, out, err = run("index", books, "-w", tmp_path / "shop", "--qdrant", url)
    assert (status, out) == (1, "")
    assert f"the Qdrant server at {url} does not answer" in err.splitlines()[-1]
    status, out, err = run("similar", "1", "-w", tmp_path / "shop")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1


# -- loading -------------------------------------------------------------------------------------------


def test_importing_semrec_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; t = time.perf_counter(); import semrec; print(time.perf_counter() - t); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    ]
    seconds, modules = zip(*(output.splitlines() for output in runs), strict=True)
    assert min(map(float, seconds)) < 0.3
    heavy = {
        "torch",
        "transformers",
        "sentence_transformers",
        "numpy",
        "polars",
        "qdrant_client",
        "qdrant_edge",
    }
    assert not heavy & set(modules[0].split())


def test_a_recommendation_from_a_history_loads_no_torch(shop):
    code = (
        "import sys; from semrec import Recommender\n"
        "with Recommender.open(sys.argv[1]) as r: assert len(r.similar('sox')) == 10\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    subprocess.run([sys.executable, "-c", code, str(shop)], check=True)


def test_lists_on_the_command_line():
    assert comma_separated("a, b,,c ") == ("a", "b", "c")
    assert comma_separated(None) == comma_separated(" , ") == ()
