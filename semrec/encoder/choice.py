"""Which encoder makes an index: the fastest one that finds what float32 finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from semrec.encoder.protocol import Encoder
from semrec.errors import EncoderError
from semrec.types import Float1D, Float2D, Item, Precision

ENOUGH_ITEMS = 400
"""A smaller catalog is encoded before a measurement would be paid back, and tells little."""

SAMPLE_ITEMS = 160
"""Items that are measured on: enough to see a broken encoder, few enough to cost seconds."""

LEAST_QUALITY = 0.99
"""Share of float32's NDCG@10 that a cheaper encoder has to reach."""

LONGEST_DOCUMENT = 400
"""Characters of a sample's document: what is measured has to be short."""

ROUNDS = 4
"""The encoders are timed in turn, so that all meet the same machine."""

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


@dataclass(frozen=True, slots=True)
class Measured:
    """What an encoder did with a sample: documents a second, and the NDCG@10 of its search."""

    encoder: Encoder
    rate: float
    ndcg: float


def fastest_encoder(load: Load, candidates: Sequence[Precision], items: Sequence[Item]) -> Choice:
    """Return the fastest of some encoders that finds what float32 finds; float32 itself is one of them.

    Parameters
    ----------
    load : loads one.
    candidates : precisions to consider besides float32.
    items : of the catalog; with fewer than `ENOUGH_ITEMS` it is float32, and nothing else is loaded.

    Raises
    ------
    EncoderError
        Not even float32 can be loaded.
    """
    reference = load("float32")
    if not candidates or len(items) < ENOUGH_ITEMS:
        return Choice(reference)
    notes: list[str] = []
    others = []
    for precision in candidates:
        try:
            others.append(load(precision))
        except EncoderError as error:
            notes.append(f"{error} Not used: {WORDS[precision]}.")
    return _first_good(reference, others, items, notes, least_rate=1.0)


def asked_encoder(load: Load, precision: Precision, items: Sequence[Item]) -> Choice:
    """Return the encoder in the precision that is asked for, or in float32 where that one is no good.

    Parameters
    ----------
    load : loads it.
    precision : what is asked for.
    items : of the catalog; with fewer than `ENOUGH_ITEMS` what can be loaded is trusted.

    Raises
    ------
    EncoderError
        Not even float32 can be loaded.
    """
    if precision == "float32":
        return Choice(load("float32"))
    try:
        asked = load(precision)
    except EncoderError as error:
        return Choice(load("float32"), (f"{error} Not used: {WORDS[precision]}; torch in float32 is.",))
    if len(items) < ENOUGH_ITEMS:
        return Choice(asked)
    return _first_good(load("float32"), [asked], items, [], least_rate=0.0)


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


def known_item_gains(scores: Float2D) -> Float1D:
    """Return the NDCG@10 of every query; one document is right, so it is 1 / log2(1 + its rank).

    Parameters
    ----------
    scores : float32 (n, n), row q holds the scores of all documents; the right one for q is document q. A
        tied document ranks before it.

    Returns
    -------
    float64 (n,) in [0, 1].
    """
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    return np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0.0)


def measure(encoders: Sequence[Encoder], sample: KnownItems) -> list[Measured]:
    """Return how fast each encoder is and what it finds; every document is encoded once by each."""
    seconds = np.zeros(len(encoders))
    documents = [np.zeros((len(sample.documents), encoder.dimension), np.float32) for encoder in encoders]
    for encoder in encoders:
        encoder.encode_documents(sample.documents[:2])  # the first call of all sets things up
    for turn in range(ROUNDS):
        for place, encoder in enumerate(encoders):
            started = time.perf_counter()
            documents[place][turn::ROUNDS] = encoder.encode_documents(sample.documents[turn::ROUNDS])
            seconds[place] += time.perf_counter() - started
    scores = [e.encode_queries(sample.queries) @ made.T for e, made in zip(encoders, documents, strict=True)]
    return [
        Measured(encoder, len(sample.documents) / spent, float(known_item_gains(of_one).mean()))
        for encoder, spent, of_one in zip(encoders, seconds.tolist(), scores, strict=True)
    ]


def _first_good(
    reference: Encoder,
    others: Sequence[Encoder],
    items: Sequence[Item],
    notes: list[str],
    *,
    least_rate: float,
) -> Choice:
    """Return the fastest that passes the gate, if it has this share of the reference's rate, else that."""
    sample = known_items(items)
    if not others or not sample.queries:
        return Choice(reference, tuple(notes))
    measured = measure([reference, *others], sample)
    best, chosen = measured[0], reference
    for one in sorted(measured[1:], key=lambda one: -one.rate):
        if one.rate <= least_rate * best.rate:
            continue
        if one.ndcg >= LEAST_QUALITY * best.ndcg:
            chosen = one.encoder
            break
        notes.append(
            f"{WORDS[one.encoder.precision]} is refused: on {len(sample.queries)} items of the catalog its "
            f"NDCG@10 is {one.ndcg:.3f}, that of float32 {best.ndcg:.3f}"
        )
    told = ", ".join(f"{WORDS[one.encoder.precision]} {one.rate:.0f}" for one in measured)
    return Choice(chosen, (*notes, f"encoder: {WORDS[chosen.precision]} (texts/s: {told})"))
