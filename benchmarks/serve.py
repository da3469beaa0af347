"""What the service answers under load from a second process, next to the recommender in process.

The shop is the bundled demo catalog, without learned signals. The load is raw HTTP/1.1 on connections that
are kept: whoever measures must cost little. An answer that is no 200 ends the run.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from report import announce, arguments, report

from semrec import Recommender
from semrec.cli import demo_data as demo

HISTORIES = 200
CONNECTIONS = 16
MEMORY_REQUESTS = 100_000
ROUNDS = 5


def request(body: dict[str, object]) -> bytes:
    """Return the bytes of one question."""
    content = json.dumps(body).encode()
    head = "POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> None:
    """Send one question and read its answer."""
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(body.decode())


async def closed_loop(
    port: int, sent: Sequence[bytes], connections: int, seconds: float, most: int
) -> list[float]:
    """Ask on every connection as fast as answers come; return the seconds of each answer."""
    spent: list[float] = []
    end = time.perf_counter() + seconds
    position = iter(range(10**12))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end and len(spent) < most:
            started = time.perf_counter()
            await ask(reader, writer, sent[next(position) % len(sent)])
            spent.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return spent


async def open_loop(port: int, sent: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """Ask at random moments, `rate` a second, whether answers come or not; seconds count from the moment."""
    spent: list[float] = []
    # First in, first out: none of them is silent for so long that the service closes it.
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(4 * CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def one(due: float, question: bytes) -> None:
        connection = await idle.get()
        await ask(*connection, question)
        spent.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    rng, started = np.random.default_rng(0), time.perf_counter()
    moments = np.cumsum(rng.exponential(1 / rate, int(rate * seconds)))
    tasks = []
    for number, moment in enumerate(moments):
        if (wait := started + moment - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(started + moment, sent[number % len(sent)])))
    await asyncio.gather(*tasks)
    return spent


def _run(kind: str, *args: object) -> list[float]:
    load = closed_loop if kind == "closed" else open_loop
    return asyncio.run(load(*args))  # type: ignore[arg-type]


def load(kind: str, *args: object) -> np.ndarray:
    """Return the seconds of each answer, float (n,), asked from a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return np.array(process.submit(_run, kind, *args).result())


def start_service(workspace: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start `semrec serve` and wait until it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-c", "from semrec.cli import main; main()", "serve"]
    process = subprocess.Popen(
        [*command, "-w", str(workspace), "--port", str(port)], stderr=subprocess.DEVNULL
    )
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready"):
                return process, port
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the service did not become ready")


def in_process_rate(workspace: Path, histories: Sequence[list[str]], seconds: float) -> float:
    """Return how many answers a second the recommender gives without a service."""
    with Recommender.open(workspace) as recommender:
        recommender.recommend(history=histories[0])
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            recommender.recommend(history=histories[count % len(histories)])
            count += 1
        return count / (time.perf_counter() - started)


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    seconds = 5.0 if quick else 60.0
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Path(temporary) / "shop"
        catalog = demo_catalog(300 if quick else None)
        with Recommender.open(workspace) as recommender:
            recommender.index(catalog, mapping=demo.MAPPING)
        ids = catalog["item_id"].to_list()
        rng = np.random.default_rng(1)
        histories = [[ids[i] for i in rng.choice(len(ids), 10, replace=False)] for _ in range(HISTORIES)]
        by_history = [request({"history": history, "k": 10}) for history in histories]
        rate = in_process_rate(workspace, histories, seconds)
        report("serve", "recommend by history in process", rate, "1/s")
        process, port = start_service(workspace)
        try:
            measure(port, process.pid, by_history, rate, seconds, quick)
        finally:
            process.terminate()
            process.wait()


def demo_catalog(n_items: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a polars frame
    """Return the bundled catalog, or its first items."""
    import polars as pl

    return pl.read_parquet(demo.CATALOG, n_rows=n_items)


def measure(
    port: int, pid: int, by_history: list[bytes], in_process: float, seconds: float, quick: bool
) -> None:
    """Measure the service."""
    load("closed", port, by_history, CONNECTIONS, 1.0, 10**9)
    # In turns, because the machine is not equally fast from one minute to the next.
    rounds = [history_round(port, by_history, seconds / ROUNDS) for _ in range(ROUNDS)]
    peak, p50, p99 = (median(values) for values in zip(*rounds, strict=True))
    report("serve", "recommend by history over HTTP", peak, "1/s")
    report("serve", "over HTTP, part of the rate in process", peak / in_process, "share", least=0.5)
    report("serve", "at 70 % of the peak, p50", p50, "ms")
    report("serve", "at 70 % of the peak, p99", p99, "ms")
    report("serve", "at 70 % of the peak, p99 over p50", median(c / b for _, b, c in rounds), "x", most=4)

    # Texts are never the same twice: what is kept would not be encoded.
    texts = [request({"text": f"a program that draws chart number {n}", "k": 10}) for n in range(100_000)]
    parts = [texts[start :: 2 * ROUNDS] for start in range(2 * ROUNDS)]
    some, others = parts[::2], parts[1::2]
    pairs = [text_round(port, some[n], others[n], seconds / ROUNDS) for n in range(ROUNDS)]
    report("serve", "texts one after the other", median(alone for alone, _ in pairs), "1/s")
    report("serve", f"{CONNECTIONS} texts at a time", median(many for _, many in pairs), "1/s")
    ratio = median(many / alone for alone, many in pairs)
    report("serve", f"{CONNECTIONS} texts at a time over one after the other", ratio, "x", least=2)

    requests = 1000 if quick else MEMORY_REQUESTS
    load("closed", port, by_history, CONNECTIONS, 3600.0, requests // 10)
    before = memory_of(pid)
    load("closed", port, by_history, CONNECTIONS, 3600.0, requests)
    growth = memory_of(pid) / before - 1
    report("serve", f"growth of memory over {requests:,} requests", growth, "share", most=0.05)


def history_round(port: int, by_history: list[bytes], seconds: float) -> tuple[float, float, float]:
    """Return the highest rate, and p50 and p99 in milliseconds at 70 % of it."""
    peak = len(load("closed", port, by_history, CONNECTIONS, seconds, 10**9)) / seconds
    p50, p99 = 1000 * np.percentile(load("open", port, by_history, 0.7 * peak, seconds), [50, 99])
    return peak, float(p50), float(p99)


def text_round(port: int, some: list[bytes], others: list[bytes], seconds: float) -> tuple[float, float]:
    """Return answers a second to texts one after the other, and to many at a time."""
    alone = len(load("closed", port, some, 1, seconds, 10**9)) / seconds
    return alone, len(load("closed", port, others, CONNECTIONS, seconds, 10**9)) / seconds


def memory_of(pid: int) -> int:
    """Return the resident pages of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


if __name__ == "__main__":
    main()
