"""What the links of `item_item` bring: the blend that may choose among them against the blend with EASE.

Both learn the same events in the same run. Where the events have times: the last 20 % of every user by time,
as `semrec evaluate` splits them, and the last event alone; else a random 20 %. Then new items: all events of
a fifth of them are held out. Among events of one second chance decides what is last (--split-seed). Beside
them the best EASE and `implicit` ALS, which choose their settings on the test part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
from learning_quality import (
    ALS_GRID,
    EASE_GRID,
    Case,
    best_als,
    best_ease,
    case_of,
    learned,
    tell,
    tell_ratio,
    text_vectors,
)
from measured_sets import DEBIAN, MOVIES, SEED, DataSet, present
from report import announce

from semrec.evaluation.bootstrap import bootstrap_interval
from semrec.evaluation.per_user import Values
from semrec.evaluation.splits import SPLITS
from semrec.learning import Models, scores
from semrec.signals.models import links

TRAINING_SEEDS = 3
SPLITS_OF = {"ml_latest_small": ("time", "last", "cold-items"), "debian_deps": ("random", "cold-items")}
TIMES_EASE_BLEND = {("ml_latest_small", "time"): 1.12, ("ml_latest_small", "last"): 1.3}
TIMES_ALS = {("ml_latest_small", "time"): 1.25}
TIMES_EASE = {("ml_latest_small", "time"): 1.15}


def blend(case: Case, name: str, seeds: Sequence[int]) -> tuple[Values, list[Models]]:
    """Return NDCG@10 of the blend, the mean of the training seeds, and what was learned."""
    models = [learned(case, seed, name) for seed in seeds]
    found = [case.found(scores(one, case.histories, case.order)) for one in models]
    return np.mean(found, axis=0), models


def item_item_alone(case: Case, models: Sequence[Models]) -> Values:
    """Return NDCG@10 of the signal by itself, the mean of the training seeds."""
    found = []
    for one in models:
        raw = dict(zip(one.signals.names, one.signals.raw(case.histories, case.order), strict=True))
        found.append(case.found(raw["item_item"]))
    return np.mean(found, axis=0)


def measure(data_set: DataSet, kind: str, case: Case, seeds: Sequence[int], baselines: bool) -> None:
    """Measure one split of one data set."""
    name, key = f"{data_set.name}, {kind}", (data_set.name, kind)
    with patch.object(links, "tune_drawn", lambda trial: []):
        before, _ = blend(case, f"{name}, EASE", seeds)
    after, models = blend(case, name, seeds)
    low = tell(f"{name}, blend with EASE", before)
    high = tell(f"{name}, blend", after)
    tell(f"{name}, item_item alone", item_item_alone(case, models))
    tell_ratio(f"{name}, blend over blend with EASE", high, low, TIMES_EASE_BLEND.get(key, 1.0))
    difference = bootstrap_interval(after - before, SEED)
    sys.stderr.write(f"{name}: difference {difference[0]:+.4f} to {difference[1]:+.4f}\n")
    if baselines:
        ease, setting = best_ease(case, EASE_GRID)
        tell_ratio(
            f"{name}, blend over EASE", high, tell(f"{name}, EASE ({setting})", ease), TIMES_EASE.get(key)
        )
        als, setting = best_als(case, ALS_GRID)
        tell_ratio(f"{name}, blend over ALS", high, tell(f"{name}, ALS ({setting})", als), TIMES_ALS.get(key))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one training seed, 1,000 users, no baselines")
    parser.add_argument("--seeds", type=int, default=TRAINING_SEEDS, help="training seeds")
    parser.add_argument("--sets", nargs="*", help="names of the data sets; all")
    parser.add_argument("--splits", nargs="*", help="names of the splits; all")
    parser.add_argument("--split-seed", type=int, default=SEED, help="of the test part")
    options = parser.parse_args()
    announce()
    for data_set in present(
        *(one for one in (MOVIES, DEBIAN) if not options.sets or one.name in options.sets)
    ):
        items, events = data_set.item_ids(), data_set.events()
        text = text_vectors(data_set, items)
        for kind in SPLITS_OF[data_set.name]:
            if options.splits and kind not in options.splits:
                continue
            split = SPLITS[kind](events, share=0.2, seed=options.split_seed, items=items)
            case = case_of(split, text, 1_000 if options.quick else 2_500)
            baselines = kind != "cold-items" and not options.quick
            measure(data_set, kind, case, range(1 if options.quick else options.seeds), baselines)


if __name__ == "__main__":
    main()
