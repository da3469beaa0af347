"""How fast training is and how much memory it takes, on goodbooks.

iALS is trained at the same rank and for as many epochs as the ALS of `implicit`, in turns; the best of a few
runs counts, with the threads that each takes by itself. Memory is the peak of a process that only learns.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from implicit.als import AlternatingLeastSquares
from measured_sets import BOOKS, MOVIES, present
from report import announce, arguments, report
from scipy import sparse
from threadpoolctl import threadpool_limits

from semrec.learning import TrainingData, learn
from semrec.signals.models import ease, ials

RANK = 128
EPOCHS = 3
RUNS = 3
EASE_REG = 200.0
TEXT_DIMENSION = 384
GIBIBYTE = 2**30


def seconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def train_ials(user_items: sparse.csr_array) -> None:
    ials.train(user_items, ials.IalsOptions(rank=RANK, epochs=EPOCHS), seed=0)


def train_implicit(user_items: sparse.csr_array) -> None:
    model = AlternatingLeastSquares(factors=RANK, iterations=EPOCHS, random_state=0)
    with threadpool_limits(1, "blas"):
        model.fit(user_items, show_progress=False)


def measure_ials(user_items: sparse.csr_array, runs: int) -> None:
    """Measure ours and theirs in turns, so that both see the same machine."""
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(seconds(lambda: train_ials(user_items)))
        theirs.append(seconds(lambda: train_implicit(user_items)))
    report("fit", f"iALS, rank {RANK}, {EPOCHS} epochs", min(ours), "s")
    report("fit", f"implicit ALS, rank {RANK}, {EPOCHS} epochs", min(theirs), "s")
    report("fit", "iALS over implicit ALS", min(ours) / min(theirs), "x", most=3.0)


def measure_ease(user_items: sparse.csr_array) -> None:
    """Measure the item-item model."""
    took = seconds(lambda: ease.train(user_items, EASE_REG))
    report("fit", f"EASE, {user_items.shape[1]} items", took, "s", most=120.0)


def learn_alone(user_items: sparse.csr_array, answer: multiprocessing.Queue[tuple[float, float]]) -> None:
    """Learn in a process of its own, with random text vectors: they cost as much as real ones."""
    rng = np.random.default_rng(0)
    text = rng.normal(size=(user_items.shape[1], TEXT_DIMENSION)).astype(np.float32)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    took = seconds(lambda: learn(TrainingData(user_items, None, text)))
    answer.put((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def measure_learning(user_items: sparse.csr_array) -> None:
    """Measure all of `learn`, validation and final training."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[tuple[float, float]] = context.Queue()
    process = context.Process(target=learn_alone, args=(user_items, answer))
    process.start()
    took, peak = answer.get()
    process.join()
    report("fit", "learn, everything", took, "s")
    report("fit", "learn, peak memory", peak / GIBIBYTE, "GiB", most=2.0)


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    for data_set in present(MOVIES if quick else BOOKS):
        split = data_set.warm_split()
        sys.stderr.write(f"{data_set.name}: {split.train.shape}, {split.train.nnz} events\n")
        measure_ials(split.train, 1 if quick else RUNS)
        measure_ease(split.train)
        measure_learning(split.train)


if __name__ == "__main__":
    main()
