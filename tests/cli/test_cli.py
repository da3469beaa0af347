"""The command line as a whole: help, wrong use, and what is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
from commands import invoke

COMMANDS = ("index", "delete", "generations", "rollback", "recommend", "similar", "info", "demo")
COMMANDS += ("events", "fit", "evaluate", "serve")


def test_help_lists_the_commands():
    status, out, _ = invoke("--help")
    assert status == 0
    assert all(command in out for command in (*COMMANDS, "keys", "cache"))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command):
    status, out, _ = invoke(command, "--help")
    assert status == 0
    assert "--workspace" in out
    assert "--debug" in out


def test_no_command_is_wrong_use():
    assert invoke()[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("reccomend",),
        ("recommend", "--tekst", "x"),
        ("recommend", "-k", "2.5"),
        ("index",),
        ("similar",),
        ("events",),
        ("evaluate",),
        ("fit", "shop"),
        ("fit", "--seed", "x"),
        ("events", "x", "--tiem"),
        ("serve", "--port", "99999"),
    ],
)
def test_wrong_use_exits_2_with_nothing_on_stdout(arguments):
    status, out, err = invoke(*arguments)
    assert (status, out) == (2, "")
    assert err


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


def test_a_recommendation_from_a_history_loads_nothing_heavy(shop):
    code = (
        "import sys; from semrec import Recommender\n"
        "with Recommender.open(sys.argv[1]) as r: assert len(r.similar('sox')) == 10\n"
        "print(*{'torch', 'scipy', 'qdrant_client'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(shop)], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_the_recommender_is_imported_without_the_libraries_of_the_event_log():
    code = (
        "import semrec.recommender, semrec.cli.commands, sys\n"
        "print(*{'torch', 'scipy', 'polars', 'sqlalchemy', 'qdrant_client'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
