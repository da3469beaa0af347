"""Every file of a workspace is damaged in five ways: the answers stay right, or an error names the cure.

A small shop is indexed, fitted and changed. Then, on a fresh copy each time, one file is deleted, emptied,
cut to half its length, gets one flipped bit, or is filled with random bytes, and the shop is asked. If it
answers as before, all is well. If it reports an error, each command that the message advises is run on a copy
of its own, and the shop must then answer as an undamaged shop does after the same command. If it
answers differently, `semrec check` must find the damage, and its advice is followed in the same way.

The engine, the event log and the commands are real; vectors come from a stand-in for the encoder.
"""

from __future__ import annotations

import fnmatch
import json
import multiprocessing
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import kill
from kill import ENCODER, open_shop
from report import announce, arguments, report

from semrec.errors import SemrecError
from semrec.events.frame import frame_of
from semrec.indexer.read import FieldMapping
from semrec.store.copying import copy_folder

SEED = 12
N_ITEMS = 200
LONGEST_S = 60.0
"""Longest time of one process; a longer one counts as a hang."""

KINDS = (
    ("marker", "semrec.json"),
    ("current", "current"),
    ("lock of builds", "builder.json"),
    ("last run", "last-index.json"),
    ("API keys", "keys.json"),
    ("event log and journal", "events.db"),
    ("manifest", "generations/2/manifest.json"),
    ("learned arrays", "generations/2/manifest-*.safetensors"),
    ("lock of a generation", "generations/2/owner.json"),
    ("rows", "generations/2/*.f32"),
    ("entries of rows", "generations/2/*.entries"),
    ("engine: configuration", "generations/2/edge/edge_config.json"),
    ("engine: write-ahead log", "generations/2/edge/wal/*"),
    ("engine: payload", "generations/2/edge/segments/*/payload_storage/*"),
    ("engine: filters", "generations/2/edge/segments/*/payload_index/*"),
    ("engine: vectors", "generations/2/edge/segments/*/vector_*"),
    ("engine: segment", "generations/2/edge/segments/*/*.*"),
    ("older generation: manifest", "generations/1/manifest.json"),
    ("older generation: rows", "generations/1/text.*"),
    ("older generation: engine", "generations/1/edge/segments/*/payload_storage/*"),
    ("cache of passages", "../cache/*"),
)
"""Kinds of files, each with a pattern of paths in the workspace; the first that fits counts."""

DAMAGES = ("delete", "empty", "half", "flip", "garbage")


def damage(path: Path, how: str) -> None:
    """Damage a file; the parts of a sparse file that were never written stay as they are."""
    choose = random.Random(f"{path.name} {how} {SEED}")
    size = path.stat().st_size
    if how == "delete":
        path.unlink()
    elif how in ("empty", "half"):
        os.truncate(path, 0 if how == "empty" else size // 2)
    else:
        with path.open("r+b") as file:
            parts = _written(file.fileno(), size)
            if how == "flip" and parts:
                place = choose.choice([p for start, data in parts for p in _places(start, data)])
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ 1 << choose.randrange(8)]))
            elif how == "garbage":
                for start, data in parts:
                    file.seek(start)
                    file.write(choose.randbytes(len(data)))


def _places(start: int, data: bytes) -> list[int]:
    """Return the places of bytes that are not 0, or of all if all are."""
    return [start + place for place, byte in enumerate(data) if byte] or list(range(start, start + len(data)))


def _written(descriptor: int, size: int) -> list[tuple[int, bytes]]:
    """Return the blocks of a file that hold something, each with its place."""
    block = 4096
    blocks = [(start, os.pread(descriptor, block, start)) for start in range(0, size, block)]
    return [(start, data) for start, data in blocks if any(data)] or blocks[:1]


# -- the shop ------------------------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """Make the shop: two generations, models, item changes in place, events, preferences and keys."""
    catalog = folder / "catalog.jsonl"
    items = kill.catalog(N_ITEMS)
    rows = [{"id": item.item_id, "title": item.title, "text": item.text, **item.metadata} for item in items]
    catalog.write_text("".join(json.dumps(row) + "\n" for row in rows))
    events = [
        {"user": f"u{user}", "item": event.item_id, "kind": event.kind, "time": event.time}
        for user in range(80)
        for event in kill.events_of(user)
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in events))
    with open_shop(folder / "shop") as shop:
        shop.index(catalog, mapping=MAPPING)
        for user in range(80):
            shop.event_log().append(frame_of(f"u{user}", list(kill.events_of(user))))
        shop.fit()
        shop.put_items([*kill.catalog(3, edition=3), *kill.catalog(3, first=N_ITEMS)])
        shop.delete_items(["i50", "i51"])
        shop.index(catalog, mapping=MAPPING)
    run_command(folder, f"semrec keys create shop --workspace {folder}/shop")


MAPPING = FieldMapping("id", "title", "text", ("shelf", "price"))


def look(folder: Path) -> Any:
    """Return what a shop answers."""
    asked: list[dict[str, Any]] = [
        {"text": "word1 word2"},
        {"text": "word7", "where": {"shelf": "shelf 3"}},
        {"history": ["i101", "i102", "i103"]},
        {"history": ["i150", "i151"], "where": {"price": {"gte": 100}}},
        {"user": "u1"},
        {"user": "u2", "diversity": 0.3},
        {"user": "new"},
    ]
    with open_shop(folder / "shop") as shop:
        answers = [
            [
                (found.item_id, round(found.score, 3), found.title)
                for found in shop.recommend(**question, k=20)
            ]
            for question in asked
        ]
        info = shop.info()
        shop.items([f"i{number}" for number in range(N_ITEMS)])
        return json.loads(json.dumps([answers, info["items"], info["signals"]]))


def list_keys(folder: Path) -> Any:
    """Return the names of the API keys."""
    from semrec.service.api_keys import ApiKeys

    return [key.name for key in ApiKeys(folder / "shop").all()]


def run_command(folder: Path, command: str) -> Any:
    """Run a command that a message advises; return its exit status and what it prints."""
    command = command.replace("CATALOG", f"{folder}/catalog.jsonl").replace(
        "EVENTS", f"{folder}/events.jsonl"
    )
    if not command.startswith("semrec "):
        ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stderr
    from typer.testing import CliRunner

    import semrec.workspace.encoders
    from semrec.cli.commands import app

    semrec.workspace.encoders.load_encoder = lambda *_, **__: ENCODER  # type: ignore[attr-defined]
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout + result.stderr


# -- processes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended.

    Parameters
    ----------
    kind : `value`, `error` (of semrec), `raw` (any other exception), `died` or `hang`.
    value : what it returned, or the message.
    """

    kind: str
    value: Any


def _call(function: Callable[..., Any], arguments: Sequence[Any], telling: Connection) -> None:
    os.environ.update(SEMREC_MODEL=ENCODER.name, SEMREC_ENCODER="torch")
    os.environ["SEMREC_CACHE_FOLDER"] = str(arguments[0] / "cache")
    try:
        telling.send(Outcome("value", function(*arguments)))
    except SemrecError as error:
        telling.send(Outcome("error", str(error)))
    except BaseException:
        telling.send(Outcome("raw", traceback.format_exc()))


_processes = multiprocessing.get_context("forkserver")


def in_process(function: Callable[..., Any], *values: Any) -> Outcome:
    """Call a function in a process of its own."""
    told, telling = multiprocessing.Pipe(duplex=False)
    process = _processes.Process(target=_call, args=(function, values, telling))
    process.start()
    telling.close()
    try:
        return told.recv() if told.poll(LONGEST_S) else Outcome("hang", "")
    except EOFError:
        process.join()
        return Outcome("died", f"ended with status {process.exitcode}")
    finally:
        process.kill()
        process.join()
        told.close()


# -- cases ---------------------------------------------------------------------------------------------


@contextmanager
def fresh_copy(source: Path) -> Iterator[Path]:
    """Copy a shop with its files."""
    with tempfile.TemporaryDirectory(dir=source.parent, ignore_cleanup_errors=True) as folder:
        copy_folder(source, Path(folder))
        yield Path(folder)


def kind_of(path: str) -> str:
    """Return the kind of a file."""
    return next((kind for kind, pattern in KINDS if fnmatch.fnmatch(path, pattern)), "")


def files(folder: Path) -> dict[str, list[str]]:
    """Return the paths of the files of every kind, relative to the workspace."""
    found: dict[str, list[str]] = {kind: [] for kind, _ in KINDS}
    for path in sorted((*folder.glob("shop/**/*"), *folder.glob("cache/*"))):
        name = os.path.relpath(path, folder / "shop")
        if path.is_file() and kind_of(name):
            found[kind_of(name)].append(name)
    return found


def advised(message: str) -> list[tuple[str, ...]]:
    """Return the commands that a message names in backticks; several joined by `&&` are one advice."""
    return [
        tuple(found.split(" && ")) for found in re.findall(r"`((?:semrec|mkdir|mv|rm|echo) [^`]+)`", message)
    ]


class Cases:
    """Damaged copies of one shop.

    Parameters
    ----------
    shop : the folder of the shop with its catalog, events and cache.
    """

    def __init__(self, shop: Path) -> None:
        self._shop = shop
        self._wanted: dict[tuple[str, ...], Outcome] = {}
        self.expected = {question: in_process(question, shop) for question in (look, list_keys)}
        for outcome in self.expected.values():
            if outcome.kind != "value":
                raise RuntimeError(f"the undamaged shop fails: {outcome}")

    def run(self, name: str, how: str) -> tuple[str, str]:
        """Damage a file, and look; return the outcome in some words, and what is wrong (empty: nothing)."""
        question = list_keys if name == "keys.json" else look
        with fresh_copy(self._shop) as folder:
            damage(folder / "shop" / name, how)
            with fresh_copy(folder) as copy:
                outcome = in_process(question, copy)
                message = str(outcome.value).replace(str(copy), str(folder))
            if outcome.kind == "error":
                return self._cured(folder, question, message, "error, cured")
            if outcome.kind != "value":
                return outcome.kind, str(outcome.value)
            with fresh_copy(folder) as copy:
                checked = in_process(run_command, copy, f"semrec check --workspace {copy}/shop")
                copied = str(copy)
            if checked.kind != "value":
                return f"check: {checked.kind}", str(checked.value)
            status, printed = checked.value
            expected = self.expected[question].value
            # Keys that are gone are refused: that is right, too.
            is_right = (
                set(outcome.value) <= set(expected) if question is list_keys else outcome.value == expected
            )
            if status == 0:
                return ("right", "") if is_right else ("silent", f"{outcome.value}")
            word = "right, found by check" if is_right else "found by check"
            return self._cured(folder, question, printed.replace(copied, str(folder)), word)

    def _cured(self, folder: Path, question: Callable[..., Any], message: str, word: str) -> tuple[str, str]:
        commands = advised(message)
        if not commands:
            return "no advice", message
        for command in commands:
            with fresh_copy(folder) as copy:
                fault = self._follow(copy, folder, question, command)
            if fault:
                return "advice fails", f"{message}\n-> {' && '.join(command)}: {fault}"
        return word, ""

    def _follow(
        self, copy: Path, folder: Path, question: Callable[..., Any], command: tuple[str, ...]
    ) -> str:
        """Follow advice on a damaged copy and on an undamaged one; return how they differ."""
        for step in command:
            outcome = in_process(run_command, copy, step.replace(str(folder), str(copy)))
            if outcome.kind != "value" or outcome.value[0]:
                return f"{step}: {outcome.kind}: {outcome.value}"
        found, wanted = in_process(question, copy), self._after(question, command, str(folder))
        return "" if found == wanted else f"{found} instead of {wanted}"

    def _after(self, question: Callable[..., Any], command: tuple[str, ...], folder: str) -> Outcome:
        """Return what an undamaged shop answers after a command."""
        known = (question.__name__, *(step.replace(folder, "") for step in command))
        if known not in self._wanted:
            with fresh_copy(self._shop) as copy:
                for step in command:
                    in_process(run_command, copy, step.replace(folder, str(copy)))
                self._wanted[known] = in_process(question, copy)
        return self._wanted[known]


GOOD = ("right", "right, found by check", "found by check", "error, cured")


def main() -> None:
    """Damage."""
    parser_arguments = arguments(__doc__)
    quick = parser_arguments.quick
    announce()
    _processes.set_forkserver_preload(
        ["damage", "semrec.cli.commands", "semrec.learning.fit", "typer.testing"]
    )
    table: dict[str, dict[str, Counter[str]]] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "original"
        folder.mkdir()
        made = in_process(prepare, folder)
        if made.kind != "value":
            raise RuntimeError(str(made.value))
        cases = Cases(folder)
        for kind, names in files(folder).items():
            for name in names[:1] if quick else names:
                for how in DAMAGES:
                    word, fault = cases.run(name, how)
                    table.setdefault(kind, {}).setdefault(how, Counter())[word] += 1
                    if word not in GOOD:
                        sys.stderr.write(f"{name}, {how}: {word}: {fault}\n")
    print_table(table)


def print_table(table: Mapping[str, Mapping[str, Counter[str]]]) -> None:
    """Print the outcomes of every kind of file, and the counts."""
    for kind, by_damage in table.items():
        for how, words in by_damage.items():
            sys.stderr.write(f"{kind:28} {how:8} {', '.join(f'{n} {word}' for word, n in words.items())}\n")
    total = sum((words for by_damage in table.values() for words in by_damage.values()), Counter[str]())
    report("damage", "cases", total.total(), "cases")
    for word in GOOD:
        report("damage", word, total[word], "cases")
    for word in ("raw", "died", "hang", "silent", "no advice", "advice fails"):
        report("damage", word, total[word], "cases", most=0)


if __name__ == "__main__":
    main()
