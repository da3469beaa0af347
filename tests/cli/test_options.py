"""Shared options, and how errors are reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import invoke, start_semrec

import semrec.workspace.encoders
from semrec.cli.options import comma_separated, comma_separated_ids
from semrec.errors import EncoderError

RATINGS = Path(__file__).parents[1] / "data" / "movielens" / "ratings.csv"


def test_comma_separated_options():
    assert comma_separated("a, b,,c ") == ("a", "b", "c")
    assert comma_separated(None) == comma_separated(" , ") == ()
    assert comma_separated_ids(["a,b", "c"]) == ["a", "b", "c"]
    assert comma_separated_ids(None) == []


def test_the_workspace_can_come_from_the_environment(shop, monkeypatch):
    monkeypatch.setenv("SEMREC_WORKSPACE", str(shop))
    assert invoke("similar", "sox")[0] == 0


@pytest.mark.parametrize("setting", ["SEMREC_SHARPNESS=sharp", "SEMREC_RATING_SCALE=[5,1]"])
def test_an_invalid_setting_is_wrong_use(shop, monkeypatch, setting):
    monkeypatch.setenv(*setting.split("="))
    status, out, err = invoke("similar", "sox", "-w", shop)
    assert (status, out) == (2, "")
    assert f"({setting.partition('=')[0]}): " in err


@pytest.mark.parametrize(
    "command",
    [
        ("recommend", "--text", "x"),
        ("similar", "a"),
        ("info",),
        ("events", "x.csv"),
        ("fit",),
        ("evaluate", RATINGS),
        ("generations",),
        ("delete", "a"),
    ],
)
def test_a_folder_that_is_not_a_workspace_is_not_changed(tmp_path, command):
    status, out, err = invoke(*command, "-w", tmp_path)
    assert (status, out) == (1, "")
    assert "is not a workspace" in " ".join(err.split())
    assert invoke(*command, "-w", tmp_path / "missing")[0] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_traceback_needs_debug(tmp_path):
    plain = start_semrec("info", "-w", tmp_path)
    out, err = plain.communicate(timeout=60)
    assert (plain.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    debug = start_semrec("info", "-w", tmp_path, "--debug")
    out, err = debug.communicate(timeout=60)
    assert (debug.returncode, out) == (1, "")
    assert "Traceback" in err
    assert "WorkspaceError" in err


def test_an_unexpected_error_is_one_line(shop, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the graphics card\nis on fire")

    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", broken)
    status, out, err = invoke("recommend", "--text", "x", "-w", shop)
    assert (status, out) == (1, "")
    assert "unexpected RuntimeError: the graphics card is on fire." in err
    assert "--debug" in err
    assert len(err.splitlines()) == 1
    with pytest.raises(RuntimeError):
        invoke("recommend", "--text", "x", "-w", shop, "--debug")


def test_an_error_message_is_not_read_as_markup(shop, monkeypatch):
    def broken(*_, **__):
        raise EncoderError("cannot load [bold]x[/bold] :smile:")

    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", broken)
    assert "[bold]x[/bold] :smile:" in invoke("recommend", "--text", "x", "-w", shop)[2]


def test_an_interrupt_exits_with_130(shop, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", interrupt)
    status, out, err = invoke("recommend", "--text", "x", "-w", shop)
    assert (status, out) == (130, "")
    assert "can still be used" in err


HOLD = """
import sys
from semrec import Recommender
with Recommender.open(sys.argv[1]) as recommender:
    recommender.similar("sox")
    print("open", flush=True)
    sys.stdin.read()
"""


def test_an_index_in_use_names_the_process(shop):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(shop)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "open\n"
        status, out, err = invoke("similar", "sox", "-w", shop)
        assert (status, out) == (1, "")
        assert f"in use by process {other.pid} (" in err
        assert len(err.splitlines()) == 1
    finally:
        other.communicate("")
    assert invoke("similar", "sox", "-w", shop)[0] == 0
