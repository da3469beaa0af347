"""How tests run commands, and a small shop of clubs for the commands that learn."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from semrec.cli.commands import app

BOOKS = """id,title,text,author,year
1,Dune,A desert planet and its spice,Herbert,1965
2,Solaris,An ocean that thinks,Lem,1961
3,Emma,A matchmaker in an English village,Austen,1815
"""

N_CLUBS, CLUB_SIZE, N_USERS = 4, 8, 60
N_EVENTS = 6 * N_USERS
START = 1_600_000_000
COMMAND = (sys.executable, "-c", "from semrec.cli import main; main()")
WITH_TOY = (
    sys.executable,
    "-c",
    f"""
import sys; sys.path.append({str(Path(__file__).parents[1])!r})
import semrec.workspace.encoders
from toy import ToyEncoder
semrec.workspace.encoders.load_encoder = lambda *_, **__: ToyEncoder()
from semrec.cli import main; main()
""",
)
"""The command with the toy encoder, which loads nothing."""
TEXTS = ("red round", "red square", "green round", "blue", "green blue")


def invoke(*arguments, stdin=None):
    """Run a command in this process; return its exit status, standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stdout + result.stderr
    return result.exit_code, result.stdout, result.stderr


def one_line(text):
    """Return a text without the line breaks of a narrow terminal."""
    return " ".join(text.split())


def as_json(*arguments):
    """Run a command that must succeed, with --json, and return the object it prints."""
    status, out, err = invoke(*arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def item_ids(*arguments):
    """Run a command that recommends and return the ids, best first."""
    return [item["item_id"] for item in as_json(*arguments)["recommendations"]]


def start_semrec(*arguments, command=COMMAND, **options):
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def run(*arguments, environment=None, **options):
    """Run a command in a process of its own; return its exit status, standard output and standard error."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env={**os.environ, **(environment or {})},
        stderr=subprocess.PIPE,
        check=False,
        **options,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def write(folder, text, name="more.csv"):
    """Write a file and return its path."""
    (folder / name).write_text(text)
    return folder / name


def catalog_text():
    """Return the catalog of the clubs: 8 items each, as CSV."""
    rows = [
        f"{club}-{place},Title {club}-{place},{TEXTS[(place + club) % len(TEXTS)]}\n"
        for club in range(N_CLUBS)
        for place in range(CLUB_SIZE)
    ]
    return "id,title,text\n" + "".join(rows)


def event_rows():
    """Return events: each user uses five of the eight items of a club and one of another, in any order."""
    choose = random.Random(1)
    rows = []
    for user in range(N_USERS):
        club = user % N_CLUBS
        items = choose.sample([f"{club}-{place}" for place in range(CLUB_SIZE)], 5)
        items.append(f"{(club + 1) % N_CLUBS}-{choose.randrange(CLUB_SIZE)}")
        choose.shuffle(items)
        rows += [
            (f"u{user}", item, START + 3600 * (place * N_USERS + user)) for place, item in enumerate(items)
        ]
    return rows


def events_text(rows, header="user,item,time"):
    """Return events as CSV."""
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
