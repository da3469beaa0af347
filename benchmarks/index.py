"""What indexing costs next to bare encoding, when nothing changed, and in memory as the catalog grows.

The first two run the command line on the bundled catalog in a process of its own, and encode the same
passages without anything around it in another; each loads the encoder itself. The memory case has a cheap
stand-in for the encoder, vectors drawn by the hash of the text: it measures everything but encoding.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from zlib import crc32

import numpy as np
import polars as pl
from report import announce, arguments, report

from semrec.config import load_settings
from semrec.demo import CATALOG, MAPPING
from semrec.encoder import load_encoder
from semrec.encoder.protocol import Encoder
from semrec.recommender import Recommender
from semrec.types import Float2D, Item

DIMENSION = 384
MEGABYTE = 2**20


class Standin(Encoder):
    """Vectors drawn by the hash of the text; no encoder, but as fast as memory."""

    def __init__(self) -> None:
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
        rows = np.array(
            [np.random.default_rng(crc32(text.encode())).normal(size=DIMENSION) for text in texts]
        )
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def child(*arguments: str, folder: Path) -> tuple[float, str]:
    """Run this file in a process of its own; return the seconds it took and what it printed."""
    return timed([sys.executable, __file__, "--child", *arguments], folder)


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Run a command with caches of its own; return the seconds it took and what it printed."""
    environment = {**os.environ, "SEMREC_CACHE_FOLDER": str(folder / "cache")}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def indexing(catalog: Path, workspace: Path) -> list[str]:
    """Return the command that indexes a catalog."""
    columns = ["--id", str(MAPPING.item_id), "--title", str(MAPPING.title), "--text", str(MAPPING.text)]
    options = [*columns, "--meta", ",".join(MAPPING.metadata or ()), "--json"]
    return [
        sys.executable,
        "-c",
        "from semrec.cli import main; main()",
        "index",
        str(catalog),
        "-w",
        str(workspace),
        *options,
    ]


def encode_only(catalog: str, precision: str) -> None:
    """Encode the passages of a catalog and nothing else; print how many there were."""
    from indexer.chunk import Chunker
    from indexer.read import open_catalog, render

    encoder = load_encoder("bundled", load_settings(), precision=precision)  # type: ignore[arg-type]
    items = [item for item in open_catalog(catalog, MAPPING, max_text_bytes=10**6) if isinstance(item, Item)]
    passages = [piece for pieces in Chunker(encoder).split([render(i) for i in items]) for piece in pieces]
    started = time.perf_counter()
    encoder.encode_documents(passages)
    print(json.dumps({"passages": len(passages), "seconds": time.perf_counter() - started}))


def peak_memory(n_items: int, folder: Path) -> None:
    """Index so many items with the stand-in; print the most memory that the process ever had."""
    import resource

    def items() -> Iterator[Item]:
        for number in range(n_items):
            yield Item(f"item {number}", f"Title {number}", f"text of item {number} " * 10, {"price": number})

    settings = load_settings(model="standin")
    with Recommender(folder / f"shop-{n_items}", settings, encoder=Standin()) as recommender:
        recommender.index(items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"bytes": peak}))


def whole_against_bare(catalog: Path, folder: Path, rounds: int) -> None:
    """Report how the whole command compares with bare encoding, and the second run with the first."""
    shares, ratios, seconds = [], [], []
    for number in range(rounds):
        place = folder / str(number)
        command = indexing(catalog, place / "shop")
        first, printed = timed(command, place)
        precision = json.loads((place / "shop/generations/1/manifest.json").read_text())["precision"]
        bare, _ = child("encode", str(catalog), precision, folder=place)
        second, again = timed(command, place)
        if json.loads(again)["n_unchanged"] != json.loads(printed)["n_items"]:
            raise RuntimeError("the second run found changes")
        shares.append(bare / first)
        ratios.append(first / second)
        seconds.append((first, bare, second))
    for name, values in zip(
        ("first run", "bare encoding", "second run"), zip(*seconds, strict=True), strict=True
    ):
        report("index", f"{name}, whole process", median(values), "s")
    report("index", "speed of indexing over bare encoding", median(shares), "share", least=0.85)
    report("index", "first run over second run of an unchanged catalog", median(ratios), "x", least=50)


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
        whole_against_bare(catalog, folder, 1 if quick else 5)
        small, large = (2_000, 20_000) if quick else (20_000, 200_000)
        peaks = []
        for n_items in (small, large):
            _, printed = child("memory", str(n_items), str(folder), folder=folder)
            peaks.append(json.loads(printed)["bytes"] / MEGABYTE)
            report("index", f"peak memory, {n_items:,} items, stand-in encoder", peaks[-1], "MiB")
        report("index", "growth of the peak memory", peaks[1] - peaks[0], "MiB", most=300)


if __name__ == "__main__":
    main()
