"""What one answer asks of a Qdrant server, and the processor time that it costs the thread that asks.

A stand-in server in a process of its own speaks gRPC and counts requests, points, vectors and bytes. Its
speed is not that of a real server; the processor time of the asking thread does not depend on it. The
encoder is a toy (a word is a fixed random direction), so encoding takes no part in the figures.

It uses only the public interface. To measure another version of semrec, name its folder in PYTHONPATH.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from report import ROOT, announce, arguments, report
from word_encoder import WordEncoder

from semrec import Recommendations, Recommender, Settings

ENCODER = WordEncoder(384)
TOPICS = 40
WORDS = 30
"""Words of one topic."""
HISTORY = 50
K = 10
MOST_REQUESTS = 5
DIVERSE_CANDIDATES = 10
"""Text vectors that diversity may read for each place of the answer."""


class Shop:
    """A catalog and its users: item i is of topic i modulo 40, and a user has four topics.

    Parameters
    ----------
    n_items, n_users : how many.
    """

    def __init__(self, n_items: int, n_users: int) -> None:
        self.n_items = n_items
        self.n_users = n_users
        self._rng = np.random.default_rng(0)

    def text(self, topics: Sequence[int]) -> str:
        """Return a text of eight words of these topics."""
        words = self._rng.integers(WORDS, size=8)
        return " ".join(f"word{self._rng.choice(topics)}x{word}" for word in words)

    def items(self) -> list[dict[str, Any]]:
        """Return the catalog."""
        return [
            {"item_id": f"item{number}", "title": f"Item {number}", "text": self.text([number % TOPICS])}
            for number in range(self.n_items)
        ]

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events of all users, 50 items each; items of small numbers more often."""
        for user in range(self.n_users):
            topics = self._rng.choice(TOPICS, 4, replace=False)
            ranks = (self.n_items // TOPICS * self._rng.random(4 * HISTORY) ** 2).astype(int)
            numbers = np.unique(ranks * TOPICS + self._rng.choice(topics, 4 * HISTORY))
            for place, number in enumerate(self._rng.permutation(numbers)[:HISTORY].tolist()):
                yield {"user": f"user{user}", "item_id": f"item{number}", "kind": "click",
                       "time": 1.7e9 + 1000.0 * user + 10.0 * place}  # fmt: skip


@contextmanager
def server_process() -> Iterator[tuple[str, Connection]]:
    """Run a stand-in server in a process of its own; give its URL, and a connection to `_serve`."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    yield here.recv(), here
    here.send("stop")
    process.join()


def _serve(connection: Connection) -> None:
    """Run the server; answer every message by what was asked since the message before, but `stop`."""
    sys.path.insert(0, str(ROOT / "tests"))
    with importlib.import_module("stand_in_server").stand_in_server() as server:
        connection.send(server.url)
        while connection.recv() != "stop":
            connection.send(vars(server.reset()))


def measure(
    case: str, ask: Callable[[int], Recommendations], connection: Connection, n_answers: int, n_history: int
) -> None:
    """Report requests, points, bytes and processor time of the answers to `ask(0)`, `ask(1)`, …"""
    ask(0)  # connects, loads and compiles
    connection.send("reset")
    connection.recv()
    wall, processor = time.perf_counter(), time.thread_time()
    for number in range(1, n_answers + 1):
        ask(number)
    wall, processor = time.perf_counter() - wall, time.thread_time() - processor
    connection.send("reset")
    traffic = SimpleNamespace(**connection.recv())
    diverse = "diverse" in case
    n_known = n_history + K  # the items whose vectors an answer has to show
    most_vectors = max(traffic.vectors.values(), default=0) / n_answers
    of_candidates = max(0.0, most_vectors - n_known)
    # Which generation is current is asked once a second, however many answers there are.
    n_requests = sum(traffic.requests.values()) - traffic.requests["ListAliases"]
    name = "server_client"
    report(name, f"{case}: requests", n_requests / n_answers, "requests", most=MOST_REQUESTS + diverse)
    allowed = DIVERSE_CANDIDATES * K * diverse
    report(name, f"{case}: vectors of candidates", of_candidates, "vectors of a field", most=allowed)
    report(name, f"{case}: points", traffic.points / n_answers, "points")
    report(name, f"{case}: bytes", (traffic.bytes_in + traffic.bytes_out) / n_answers / 1024, "KiB")
    report(name, f"{case}: client", 1000 * processor / n_answers, "ms of processor time")
    kinds = ", ".join(f"{count / n_answers:g} {method}" for method, count in sorted(traffic.requests.items()))
    vectors = ", ".join(f"{count / n_answers:g} {field}" for field, count in sorted(traffic.vectors.items()))
    sys.stderr.write(
        f"{case}: {kinds}; {traffic.queries / n_answers:g} queries; vectors: {vectors or 'none'}; "
        f"{traffic.payloads / n_answers:g} payloads; {1000 * wall / n_answers:.0f} ms in all, "
        f"{1000 * traffic.seconds / n_answers:.0f} ms of them in the stand-in\n"
    )


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    shop = Shop(1_000, 100) if quick else Shop(2_000, 200)
    n_answers = 5 if quick else 15
    with server_process() as (url, connection), tempfile.TemporaryDirectory() as folder:
        # Every version reads its settings from the environment.
        os.environ |= {"SEMREC_QDRANT": url, "SEMREC_MODEL": ENCODER.name}
        with Recommender(Path(folder) / "shop", Settings(), encoder=ENCODER) as recommender:
            recommender.index(shop.items())
            recommender.add_events(shop.events())
            texts = [shop.text([number % TOPICS, 7]) for number in range(n_answers + 1)]

            def by_user(number: int, **more: Any) -> Recommendations:
                return recommender.recommend(user=f"user{number}", k=K, **more)

            def by_text(number: int, **more: Any) -> Recommendations:
                return recommender.recommend(text=texts[number], k=K, **more)

            for state in ("before fit", "fitted"):
                measure(f"user, {state}", by_user, connection, n_answers, HISTORY)
                measure(f"text, {state}", by_text, connection, n_answers, 0)
                if state == "before fit":
                    recommender.fit()
            measure(
                "user, fitted, diverse",
                lambda number: by_user(number, diversity=0.3),
                connection,
                n_answers,
                HISTORY,
            )
            measure(
                "user and text, fitted",
                lambda number: by_user(number, text=texts[number]),
                connection,
                n_answers,
                HISTORY,
            )


if __name__ == "__main__":
    main()
