"""What indexing costs next to bare encoding, when nothing changed, and in memory as the catalog grows.

Time: `semrec index` of the bundled catalog (500 items of it with --quick) in a new workspace with an empty
passage cache, then a process that loads the same encoder in the same precision and encodes the same
passages, which lie ready, in one call, then the same command again (the file has not changed, so it is not
even read), and once more with the same rows in a file of other bytes, so that every item is compared. Every
figure is that of a whole process, so starting and loading count on both sides; beside it stands the share
of the command in the seconds of that one call alone. What a machine makes only once, an exported model and
its speeds, is made by indexing a few items before.

Memory: the catalog is made up and the encoder is a stand-in, vectors drawn by the hash of the text: it is
everything but encoding. The search structures are built by a process of their own, which has a figure of its
own (Linux counts in it what its parent had when it started it); the bar is for the larger of the two. These
figures count files that are mapped, which the system takes back whenever something else needs the room; so
beside them stands what both processes together have for themselves (Linux only).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, cast
from zlib import crc32

import numpy as np
import polars as pl
from report import announce, arguments, report

from semrec.cli.demo_data import CATALOG, MAPPING
from semrec.config import Settings, StoreSettings
from semrec.encoder import load_encoder
from semrec.encoder.choice import ENOUGH_ITEMS
from semrec.encoder.encoder import Encoder
from semrec.recommender import Recommender
from semrec.store import open_store
from semrec.types import Float2D, Item, Precision

DIMENSION = 384
N_TOPICS = 400
MEGABYTE = 2**20


class Standin(Encoder):
    """Vectors drawn by the hash of the text, around topics; no encoder, but as fast as memory."""

    def __init__(self) -> None:
        self._topics = np.random.default_rng(0).normal(size=(N_TOPICS, DIMENSION))
        self.name = self.fingerprint = "standin"
        self.precision = "float32"
        self.dimension = DIMENSION
        self.passage_tokens = 256
        self.query_prompt = self.document_prompt = ""
        self.device = "paper"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words."""
        return [text.count(" ") + 1 for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return unit vectors."""
        return self.encode_documents(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return unit vectors."""
        hashes = [crc32(text.encode()) for text in texts]
        rows = np.array([np.random.default_rng(seed).normal(size=DIMENSION) for seed in hashes or [0]])
        rows += self._topics[np.array(hashes or [0]) % N_TOPICS]
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def child(*arguments: str, cache: Path) -> tuple[float, dict[str, Any]]:
    """Run this file in a process of its own; return the seconds it took and the JSON that it printed."""
    return timed([sys.executable, __file__, "--child", *arguments], cache)


def timed(command: list[str], cache: Path) -> tuple[float, dict[str, Any]]:
    """Run a command with a cache folder; return the seconds it took and the JSON that it printed."""
    environment = {**os.environ, "SEMREC_CACHE_FOLDER": str(cache)}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - started, json.loads(done.stdout)


def indexing(catalog: Path, workspace: Path) -> list[str]:
    """Return the command that indexes a catalog."""
    columns = ["--id", str(MAPPING.item_id), "--title", str(MAPPING.title), "--text", str(MAPPING.text)]
    fields = ["--meta", ",".join(MAPPING.metadata or ()), "--lists", ",".join(MAPPING.lists)]
    command = [sys.executable, "-c", "from semrec.cli import main; main()", "index", str(catalog)]
    return [*command, "-w", str(workspace), *columns, *fields, "--json"]


def encode_only(passages_file: str, precision: str) -> None:
    """Encode passages and nothing else; print the seconds of the one call."""
    encoder = load_encoder("bundled", Settings(), precision=cast(Precision, precision))
    passages = json.loads(Path(passages_file).read_text())
    started = time.perf_counter()
    encoder.encode_documents(passages)
    print(json.dumps({"seconds": time.perf_counter() - started}))


def stored_passages(workspace: Path) -> tuple[list[str], Precision]:
    """Return all passages of an index, and the precision that they were encoded in."""
    store = open_store(StoreSettings(), workspace)
    number = int(store.current() or 0)
    index = store.open(number)
    passages = [passage for page in index.scan() for point in page for passage in point.record.passages]
    index.close()
    return passages, store.manifest(number).precision


def peak_memory(n_items: int, folder: Path) -> None:
    """Index so many items with the stand-in; print the most memory that it and its children ever had."""

    def items() -> Iterator[Item]:
        for number in range(n_items):
            yield Item(f"item {number}", f"Title {number}", f"text of item {number} " * 10, {"price": number})

    settings = Settings(encoder={"model": "standin"})
    with Recommender(folder / f"shop-{n_items}", settings, encoder=Standin()) as recommender:
        recommender.index(items())
    unit = 1 if sys.platform == "darwin" else 1024
    who = {"indexing": resource.RUSAGE_SELF, "search structures": resource.RUSAGE_CHILDREN}
    print(
        json.dumps({name: resource.getrusage(one).ru_maxrss * unit / MEGABYTE for name, one in who.items()})
    )


def time_round(catalog: Path, folder: Path, cache: Path) -> dict[str, float]:
    """Return the seconds of one round, whole processes but for `one call`."""
    for file in cache.glob("passages*"):
        file.unlink()
    command = indexing(catalog, folder / "shop")
    first, printed = timed(command, cache)
    if printed["n_cached"] * 50 > printed["n_passages"]:
        raise RuntimeError(f"{printed['n_cached']} passages were known before the first run")
    passages, precision = stored_passages(folder / "shop")
    (folder / "passages.json").write_text(json.dumps(passages))
    bare, call = child("encode", str(folder / "passages.json"), precision, cache=cache)
    second, again = timed(command, cache)
    if again["n_unchanged"] != printed["n_items"]:
        raise RuntimeError("the second run found changes")
    rewritten = folder / "rewritten.parquet"  # other bytes, the same rows
    pl.read_parquet(catalog).write_parquet(rewritten, compression="snappy")
    compared, same = timed(indexing(rewritten, folder / "shop"), cache)
    if same["n_unchanged"] != printed["n_items"]:
        raise RuntimeError("the same rows in another file are not the same")
    return {
        "first run": first,
        "bare encoding": bare,
        "one call": call["seconds"],
        "second run": second,
        "the same rows in another file": compared,
    }


def report_time(catalog: Path, folder: Path, rounds: int) -> None:
    """Report how the whole command compares with bare encoding, and the second run with the first."""
    few = folder / "few.parquet"
    pl.read_parquet(catalog).head(ENOUGH_ITEMS).write_parquet(few)
    timed(indexing(few, folder / "few"), folder / "cache")
    seconds = [time_round(catalog, folder / str(number), folder / "cache") for number in range(rounds)]
    for name in seconds[0]:
        report("index", name, median(one[name] for one in seconds), "s")

    def ratio(over: str, under: str) -> float:
        return median(one[over] / one[under] for one in seconds)

    report(
        "index", "speed of indexing over bare encoding", ratio("bare encoding", "first run"), "x", least=0.85
    )
    report("index", "speed of indexing over one call of the encoder", ratio("one call", "first run"), "x")
    report("index", "first run over second run", ratio("first run", "second run"), "x", least=50)
    other = "the same rows in another file"
    report("index", f"first run over {other}", ratio("first run", other), "x")


def own_memory(pid: int) -> int:
    """Return the bytes that a process and its children have for themselves, mapped files left out."""
    total = 0
    for one in (pid, *_children(pid)):
        with suppress(OSError):  # it has just ended
            status = dict(line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines())
            total += 1024 * int(status.get("RssAnon", "0 kB").split()[0])
    return total


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, path.read_text().split())
    return children


def watched_memory(n_items: int, folder: Path) -> dict[str, float]:
    """Return the most MiB that indexing so many items took, see `peak_memory` and `own_memory`."""
    environment = {**os.environ, "SEMREC_CACHE_FOLDER": str(folder / "cache")}
    command = [sys.executable, __file__, "--child", "memory", str(n_items), str(folder)]
    own = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            own = max(own, own_memory(process.pid))
            time.sleep(0.02)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        printed = process.stdout.read() if process.stdout else ""
    return {**json.loads(printed), "both, mapped files left out": own / MEGABYTE}


def report_memory(sizes: tuple[int, int], folder: Path) -> None:
    """Report the peak memory at two sizes of the catalog, and how much it grew."""
    small, large = (watched_memory(n_items, folder) for n_items in sizes)
    for n_items, used in zip(sizes, (small, large), strict=True):
        for name, peak in used.items():
            report("index", f"peak memory, {n_items:,} items, {name}", peak, "MiB")
    own = "both, mapped files left out"
    report("index", f"growth of the peak memory, {own}", large[own] - small[own], "MiB")
    growth = max(large.values()) - max(small.values())
    report("index", "growth of the peak memory", growth, "MiB", most=300)


def main() -> None:
    """Measure."""
    if sys.argv[1:2] == ["--child"]:
        kind, *rest = sys.argv[2:]
        if kind == "encode":
            encode_only(*rest)
        else:
            peak_memory(int(rest[0]), Path(rest[1]))
        return
    quick = arguments(__doc__).quick
    announce()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        catalog = folder / "catalog.parquet"
        items = pl.read_parquet(CATALOG)
        (items.head(500) if quick else items).write_parquet(catalog)
        report_time(catalog, folder, 1 if quick else 5)
        report_memory((2_000, 20_000) if quick else (20_000, 200_000), folder)


if __name__ == "__main__":
    main()
