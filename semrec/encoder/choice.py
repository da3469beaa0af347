"""Which encoder makes an index: the fastest one that finds what float32 finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from semrec.encoder.encoder import Encoder
from semrec.encoder.speeds import Speeds
from semrec.errors import EncoderError
from semrec.mathematics.ndcg import ndcg
from semrec.types import Float2D, Item, Precision

ENOUGH_ITEMS = 400
"""A smaller catalog is encoded before a measurement would be paid back, and tells little."""

SAMPLE_ITEMS = 160
"""Items that are measured on: enough to see a broken encoder, few enough to cost seconds."""

LEAST_QUALITY = 0.99
"""Share of float32's NDCG@10 that a cheaper encoder has to reach."""

LONGEST_DOCUMENT = 400
"""Characters of a sample's document: what is measured has to be short."""

TIMED_ITEMS, ROUNDS = 64, 4
"""The encoders are timed on so many of them in turn, so that all meet the same machine."""

WORDS: dict[Precision, str] = {"float32": "torch", "bfloat16": "torch-bf16", "int8": "onnx-int8"}
"""What a precision is called by `Settings.encoder`."""

Load = Callable[[Precision], Encoder]
"""Loads an encoder in a precision, or raises `EncoderError`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An encoder, and why it is this one, in words."""

    encoder: Encoder
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownItems:
    """A search whose answers are known: query n, a part of item n, should find the rest of item n."""

    queries: Sequence[str]
    documents: Sequence[str]


def fastest_encoder(
    load: Load,
    reference: Callable[[], Encoder],
    candidates: Callable[[], Sequence[Precision]],
    items: Sequence[Item],
    speeds: Speeds,
) -> Choice:
    """Return the fastest of some encoders that finds what float32 finds; float32 itself is one of them.

    Parameters
    ----------
    load : loads one.
    reference : loads float32 to compare with.
    candidates : tells which precisions to consider besides float32; asked when nothing is known of speeds.
    items : of the catalog; with fewer than `ENOUGH_ITEMS` it is float32, and nothing else is loaded.
    speeds : what was measured on this machine before.

    Raises
    ------
    EncoderError
        Not even float32 can be loaded.
    """
    load = cache(load)
    sample = known_items(items)
    if len(items) < ENOUGH_ITEMS or not sample.queries:
        return Choice(load("float32"))
    notes: list[str] = []
    rates = speeds.known()
    if not rates:
        encoders = _loaded(load, ("float32", *candidates()), notes)
        if len(encoders) == 1:
            return Choice(encoders[0], tuple(notes))
        reference = partial(load, "float32")
        rates = measure(encoders, sample.documents[:TIMED_ITEMS])
        if not notes and all(encoder.device == "cpu" for encoder in encoders):
            speeds.store(rates)
    faster = [precision for precision in rates if rates[precision] > rates["float32"]]
    chosen = _first_good(load, sorted(faster, key=lambda one: -rates[one]), reference, sample, notes)
    told = ", ".join(f"{WORDS[precision]} {rate:.0f}" for precision, rate in rates.items())
    chosen = chosen or load("float32")
    return Choice(chosen, (*notes, f"encoder: {WORDS[chosen.precision]} (texts/s: {told})"))


def asked_encoder(
    load: Load, reference: Callable[[], Encoder], precision: Precision, items: Sequence[Item]
) -> Choice:
    """Return the encoder in the precision that is asked for, or in float32 where that one is no good.

    Parameters
    ----------
    load : loads it.
    reference : loads float32 to compare with.
    precision : what is asked for.
    items : of the catalog; with fewer than `ENOUGH_ITEMS` what can be loaded is trusted.

    Raises
    ------
    EncoderError
        Not even float32 can be loaded.
    """
    load = cache(load)
    if precision == "float32":
        return Choice(load("float32"))
    notes: list[str] = []
    sample = known_items(items if len(items) >= ENOUGH_ITEMS else ())
    chosen = _first_good(load, [precision], reference, sample, notes)
    if chosen is None:
        return Choice(load("float32"), (*notes, f"encoder: {WORDS['float32']}"))
    return Choice(chosen)


def known_items(items: Sequence[Item]) -> KnownItems:
    """Return a search for items: by the title, or where there is none, for the second half by the first."""
    pairs = []
    for item in items[:SAMPLE_ITEMS]:
        query, document = item.title.strip(), item.text.strip()
        if not query or not document:
            words = (query or document).split()
            query, document = (
                " ".join(half) for half in (words[: len(words) // 2], words[len(words) // 2 :])
            )
        if query and document:
            pairs.append((query, document[:LONGEST_DOCUMENT]))
    return KnownItems([query for query, _ in pairs], [document for _, document in pairs])


def known_item_gains(scores: Float2D) -> NDArray[np.float64]:
    """Return the NDCG@10 of every query; one document is relevant, so it is 1 / log2(1 + its rank).

    Parameters
    ----------
    scores : float32 (n, n), row q holds the scores of all documents; the right one for q is document q. A
        tied document ranks before it.

    Returns
    -------
    float64 (n,) in [0, 1].
    """
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    return ndcg(ranks[:, None] == np.arange(1, 11), np.ones_like(ranks))


def measure(encoders: Sequence[Encoder], documents: Sequence[str]) -> dict[Precision, float]:
    """Return how many texts a second each encoder encodes, by its precision."""
    seconds = np.zeros(len(encoders))
    for encoder in encoders:
        encoder.encode_documents(documents[:2])  # the first call of all sets things up
    for turn in range(ROUNDS):
        for place, encoder in enumerate(encoders):
            started = time.perf_counter()
            encoder.encode_documents(documents[turn::ROUNDS])
            seconds[place] += time.perf_counter() - started
    rates = (len(documents) / seconds).tolist()
    return {encoder.precision: rate for encoder, rate in zip(encoders, rates, strict=True)}


def quality(encoder: Encoder, sample: KnownItems) -> float:
    """Return the NDCG@10 of an encoder's search for known items."""
    scores = encoder.encode_queries(sample.queries) @ encoder.encode_documents(sample.documents).T
    return float(known_item_gains(scores).mean())


def _loaded(load: Load, wanted: Sequence[Precision], notes: list[str]) -> list[Encoder]:
    """Return the encoders that can be loaded, and tell of the others; the first one must be."""
    encoders = [load(wanted[0])]
    for precision in wanted[1:]:
        try:
            encoders.append(load(precision))
        except EncoderError as error:
            notes.append(f"{error} Not used: {WORDS[precision]}.")
    return encoders


def _first_good(
    load: Load,
    wanted: Sequence[Precision],
    reference: Callable[[], Encoder],
    sample: KnownItems,
    notes: list[str],
) -> Encoder | None:
    """Return the first encoder that passes the gate, and tell why others do not; None: none does."""
    bar = None
    for precision in wanted:
        try:
            encoder = load(precision)
        except EncoderError as error:
            notes.append(f"{error} Not used: {WORDS[precision]}.")
            continue
        if not sample.queries:
            return encoder
        bar = bar or quality(reference(), sample)
        found = quality(encoder, sample)
        if found >= LEAST_QUALITY * bar:
            return encoder
        notes.append(
            f"{WORDS[precision]} is refused: on {len(sample.queries)} items of the catalog its "
            f"NDCG@10 is {found:.3f}, that of float32 {bar:.3f}"
        )
    return None
