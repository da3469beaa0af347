"""How much a fine-tune of the encoder finds, on items without events, and whether the gate refuses nonsense.

A fifth of the items is held out with one seed (`split_cold_items`) and never seen by the fine-tune. A shop
indexes the catalog, adds the other events, and tunes its encoder as `semrec finetune` does. Then the text
signal is asked with both encoders for the held-out items. The warm blend is the gate's own measurement. With
--shuffled the items of the events are shuffled first: the gate has to refuse what is learned from them.

--sets debian_deps and --minutes 20 are the figures of RESULTS.md; --quick trains for half a minute.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from measured_sets import CACHE, DEBIAN, MOVIES, SEED, DataSet, present
from report import announce, report

from semrec import Recommender, Settings
from semrec.encoder import load_encoder
from semrec.encoder.training import TrainingOptions, TrainingProgress
from semrec.evaluation.splits import Split, split_cold_items
from semrec.finetuning.cold_quality import ColdQuestions
from semrec.finetuning.gate import Change
from semrec.finetuning.tuning import FinetuneReport, Watch
from semrec.signals.text import item_vectors
from semrec.types import Float2D

TIMES_UNTUNED = 1.15
MOST_MINUTES = 30.0
QUICK = {"minutes": 0.5, "n_texts": 1024, "n_validations": 1}


def tuned(data_set: DataSet, events: pl.DataFrame, options: TrainingOptions, folder: Path) -> FinetuneReport:
    """Tune the encoder of a copy of the indexed set, on these events."""
    data_set.indexed().close()
    shutil.copytree(CACHE / data_set.name, folder)
    with Recommender.open(folder) as recommender:
        recommender.add_events(events)
        return recommender.finetune(options, watch=Watch(stage=said, training=said_at_times))


def said(stage: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {stage}\n")


def said_at_times(progress: TrainingProgress) -> None:
    if progress.step % 10 == 0:
        best = "" if progress.best is None else f", best {progress.best:.4f}"
        said(f"step {progress.step} of {progress.n_steps}, {progress.seconds:.0f} s{best}")


def catalog_vectors(folder: Path, model: str | None) -> tuple[Float2D, Float2D]:
    """Return the vectors of the index, and those of another encoder, both in the order of the ids."""
    with Recommender.open(folder) as recommender, recommender.reading() as generation:
        points = [point for page in generation.index.scan() for point in page]
    points.sort(key=lambda point: point.record.item_id)
    stored = np.stack([np.asarray(point.vectors["text"], np.float32) for point in points])
    if model is None:
        return stored, stored
    passages = [point.record.passages for point in points]
    encoded = load_encoder(model, Settings()).encode_documents([text for own in passages for text in own])
    return stored, item_vectors(np.split(encoded, np.cumsum([len(own) for own in passages])[:-1]))


def cold_change(data_set: DataSet, split: Split, before: Float2D, after: Float2D) -> Change:
    """Return NDCG@10 of the text signal on the held-out items."""
    order = np.argsort(np.argsort(np.array(split.items, object)))
    candidates = np.flatnonzero(split.candidates)
    questions = ColdQuestions.of(split.train, split.test, candidates, SEED)
    settings = Settings()
    return Change.of(questions.found(before[order], settings), questions.found(after[order], settings), SEED)


def measure(data_set: DataSet, options: TrainingOptions, is_quick: bool) -> None:
    """Tune on the training part of the split, and report the test part."""
    split = split_cold_items(data_set.events(), share=0.2, seed=SEED, items=data_set.item_ids())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shop"
        started = time.monotonic()
        found = tuned(data_set, used(split.train_events), options, folder)
        minutes = (time.monotonic() - started) / 60
        before, after = catalog_vectors(folder, found.folder)
        change = cold_change(data_set, split, before, after)
    name, bar = data_set.name, None if is_quick else TIMES_UNTUNED
    sys.stderr.write(f"{found.to_dict()}\n{change}\n")
    report("finetune", f"{name}, cold items, untuned", change.before, "NDCG@10")
    report("finetune", f"{name}, cold items, tuned / untuned", change.after / change.before, "x", least=bar)
    report("finetune", f"{name}, cold items, low end of the difference", change.low, "NDCG@10")
    for what, gate in (("cold", found.verdict.cold), ("warm", found.verdict.warm)):
        report("finetune", f"{name}, {what} items of the gate, untuned", gate.before, "NDCG@10")
        report(
            "finetune", f"{name}, {what} items of the gate, tuned / untuned", gate.after / gate.before, "x"
        )
    report("finetune", f"{name}, texts", found.training.n_texts, "texts")
    report("finetune", f"{name}, whole fine-tune", minutes, "minutes", most=MOST_MINUTES)
    report("finetune", f"{name}, passes the gate", float(found.folder is not None), "1 is yes")


def measure_shuffled(data_set: DataSet, options: TrainingOptions) -> None:
    """Tune on events whose items are shuffled, and report whether the gate refuses."""
    events = used(data_set.events())
    shuffled = events.with_columns(pl.col("item_id").shuffle(SEED)).unique(maintain_order=True)
    with tempfile.TemporaryDirectory() as place:
        found = tuned(data_set, shuffled, options, Path(place) / "shop")
    sys.stderr.write(f"{found.to_dict()}\n")
    report(
        "finetune", f"{data_set.name}, shuffled: refused", float(found.folder is None), "1 is yes", least=1.0
    )


def used(events: pl.DataFrame) -> pl.DataFrame:
    """Return events without values: who used what, and when if that is known."""
    columns = ["user_id", "item_id", *(["time"] if events["time"].null_count() < len(events) else [])]
    return events.select(columns)


def options_of(arguments: argparse.Namespace) -> TrainingOptions:
    """Return how the encoder is trained."""
    options = TrainingOptions(
        objective=arguments.objective,
        lora_rank=arguments.lora,
        seed=arguments.seed,
        minutes=arguments.minutes,
    )
    return TrainingOptions(**{**options.to_dict(), **QUICK}) if arguments.quick else options


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--sets", default="debian_deps,ml_latest_small")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--objective", default="histories")
    parser.add_argument("--lora", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true", help="shuffle the items of the events first")
    return parser.parse_args(words)


def main() -> None:
    arguments = parsed()
    announce()
    chosen = [one for one in present(DEBIAN, MOVIES) if one.name in arguments.sets.split(",")]
    for data_set in chosen[:1] if arguments.quick else chosen:
        if arguments.shuffled:
            measure_shuffled(data_set, options_of(arguments))
        else:
            measure(data_set, options_of(arguments), arguments.quick)


if __name__ == "__main__":
    main()
