"""How good all baselines of `evaluate` are beside the blend, and how long the training of each one takes.

Everything is as `semrec evaluate --baselines all` measures it, on the logs as they are: what counts as liked
is what semrec reads from the ratings. --splits, --sets and --seeds choose; a split by time has no other seed,
but what is learned has. Notes of `evaluate`, on baselines that win or are left out, are on standard error.
"""

from __future__ import annotations

import argparse
import sys

from measured_sets import DEBIAN, MOVIES, DataSet, present
from report import announce, report

SPLITS = {"ml_latest_small": ("time", "last"), "debian_deps": ("random",)}


def measure(data_set: DataSet, split: str, seed: int, baselines: str) -> None:
    """Evaluate on one split, and report NDCG@10 and the training time of every method."""
    with data_set.indexed() as recommender:
        found = recommender.evaluate(
            data_set.folder / "interactions.parquet",
            split=split,
            seed=seed,
            baselines=baselines,
            progress=lambda step: print(step, file=sys.stderr),
        ).evaluation
    for m in found.find("ndcg"):
        case = f"{data_set.name}, {split}, seed {seed}, {m.recommender}"
        report("baselines", f"{case}, NDCG@10", m.value, "ndcg")
        sys.stderr.write(f"{case}: {m.value:.4f}, 95 % interval {m.low:.4f} to {m.high:.4f}\n")
        report("baselines", f"{case}, training", found.training_s[m.recommender], "s")
    for note in found.notes:
        sys.stderr.write(f"{data_set.name}, {split}: {note}\n")


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=tuple(SPLITS))
    parser.add_argument("--splits", nargs="+", choices=("time", "last", "random"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[42])
    parser.add_argument("--baselines", default="all", choices=("none", "quick", "all"))
    return parser.parse_args()


def main() -> None:
    """Measure."""
    options = arguments()
    announce()
    chosen = [d for d in (MOVIES, DEBIAN) if not options.sets or d.name in options.sets]
    for data_set in present(*chosen):
        for split in SPLITS[data_set.name]:
            if not options.splits or split in options.splits:
                for seed in options.seeds:
                    measure(data_set, split, seed, options.baselines)


if __name__ == "__main__":
    main()
