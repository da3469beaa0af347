"""Which encoder makes an index: the fastest one that finds what float32 finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from semrec.encoder.protocol import Encoder
from semrec.errors import EncoderError
from semrec.types import Float1D, Float2D, Item, Precision

ENOUGH_ITEMS = 400
"""A smaller catalog is encoded before a measurement would be paid back, and tells little."""

SAMPLE_ITEMS = 256
"""Items of the quality gate."""

LEAST_QUALITY = 0.99
"""Share of float32's NDCG@10 that a cheaper encoder has to reach."""

TIMED_ITEMS = 48
LONGEST_DOCUMENT = 400
"""Characters of a sample's document: what is measured has to be short."""

WORDS: dict[Precision, str] = {"float32": "torch", "bfloat16": "torch-bf16", "int8": "onnx-int8"}
"""What a precision is called by `Settings.encoder`."""


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

    def ndcg(self, encoder: Encoder) -> float:
        """Return NDCG@10 of the search by this encoder; one document is right, so it is 1/log2(1 + rank)."""
        scores = encoder.encode_queries(self.queries) @ encoder.encode_documents(self.documents).T
        return float(known_item_gains(scores).mean())


def known_item_gains(scores: Float2D) -> Float1D:
    """Return the NDCG@10 of every query.

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


def choose_encoder(
    load: Callable[[Precision], Encoder], candidates: Sequence[Precision], items: Sequence[Item]
) -> Choice:
    """Return the fastest of some encoders that finds what float32 finds; float32 itself is always one.

    Parameters
    ----------
    load : loads the encoder in a precision, or raises `EncoderError`.
    candidates : precisions to consider besides float32; of a single one the speed is not asked.
    items : of the catalog; with fewer than `ENOUGH_ITEMS` a single candidate is trusted, and of several none
        is worth a measurement.

    Raises
    ------
    EncoderError
        Not even float32 can be loaded.
    """
    small = len(items) < ENOUGH_ITEMS
    if not candidates or (small and len(candidates) > 1):
        return Choice(load("float32"))
    notes: list[str] = []
    encoders: dict[Precision, Encoder] = {}
    for precision in candidates:
        try:
            encoders[precision] = load(precision)
        except EncoderError as error:
            notes.append(f"{error} Not used: {WORDS[precision]}.")
    if small and encoders:
        return Choice(next(iter(encoders.values())), tuple(notes))
    reference = load("float32")
    if not encoders:
        return Choice(reference, tuple(notes))
    sample = known_items(items)
    rates = texts_per_second({**encoders, "float32": reference}, sample.documents[:TIMED_ITEMS])
    if len(candidates) > 1:
        encoders = {p: e for p, e in encoders.items() if rates[p] > rates["float32"]}
    chosen = first_good(reference, dict(sorted(encoders.items(), key=lambda e: -rates[e[0]])), sample, notes)
    told = ", ".join(f"{WORDS[precision]} {rate:.0f}" for precision, rate in rates.items())
    return Choice(chosen, (*notes, f"encoder: {WORDS[chosen.precision]} (texts/s: {told})"))


def first_good(
    reference: Encoder, encoders: Mapping[Precision, Encoder], sample: KnownItems, notes: list[str]
) -> Encoder:
    """Return the first encoder that passes the quality gate, else the reference; note who was refused."""
    best = sample.ndcg(reference) if encoders else 0.0
    for precision, encoder in encoders.items():
        found = sample.ndcg(encoder)
        if found >= LEAST_QUALITY * best:
            return encoder
        notes.append(
            f"{WORDS[precision]} is refused: on {len(sample.queries)} items of the catalog its NDCG@10 is "
            f"{found:.3f}, that of float32 {best:.3f}"
        )
    return reference


def texts_per_second(
    encoders: Mapping[Precision, Encoder], texts: Sequence[str], rounds: int = 3
) -> dict[Precision, float]:
    """Return how fast each encoder is: its best of some rounds in turn, so that all meet the same machine."""
    spent: dict[Precision, list[float]] = {precision: [] for precision in encoders}
    for encoder in encoders.values():
        encoder.encode_documents(texts[:2])
    for turn in range(rounds):
        for precision, encoder in encoders.items():
            started = time.perf_counter()
            encoder.encode_documents(texts[turn::rounds])
            spent[precision].append(time.perf_counter() - started)
    return {precision: len(texts) / sum(seconds) for precision, seconds in spent.items()}
