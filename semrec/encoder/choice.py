"""Choice of an encoder for an index: the fastest one whose search quality is close to that of float32."""

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
"""Smaller catalogs use float32: a measurement takes longer than it saves, and says little."""

SAMPLE_ITEMS = 160
"""Items in the measurement: enough to notice a broken encoder, and few enough to take only seconds."""

LEAST_QUALITY = 0.99
"""A faster encoder must reach this share of the NDCG@10 of float32."""

LONGEST_DOCUMENT = 400
"""Characters of a document in the measurement, so that it takes little time."""

TIMED_ITEMS, ROUNDS = 64, 4
"""Items and rounds of the timing. The encoders take turns, so that other load on the machine meets all."""

SETTING_NAMES: dict[Precision, str] = {"float32": "torch", "bfloat16": "torch-bf16", "int8": "onnx-int8"}
"""The name of each precision in the encoder setting."""

Load = Callable[[Precision], Encoder]
"""Loads an encoder in this precision, or raises `EncoderError`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen encoder, and the reasons, in words."""

    encoder: Encoder
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownItems:
    """A search with known answers: query n is a part of item n and should find document n, the rest of it."""

    queries: Sequence[str]
    documents: Sequence[str]


def fastest_encoder(
    load: Load,
    reference: Callable[[], Encoder],
    candidates: Callable[[], Sequence[Precision]],
    items: Sequence[Item],
    speeds: Speeds,
) -> Choice:
    """Return the fastest encoder whose search quality is close to that of float32, or float32 itself.

    Parameters
    ----------
    load : loads an encoder.
    reference : loads the encoder in float32, to compare with.
    candidates : returns the precisions to consider besides float32; called if no speeds are known.
    items : of the catalog; for fewer than `ENOUGH_ITEMS` float32 is chosen, and nothing else is loaded.
    speeds : earlier measurements on this machine.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded in float32.
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
    chosen = chosen or load("float32")
    in_words = ", ".join(f"{SETTING_NAMES[precision]} {rate:.0f}" for precision, rate in rates.items())
    return Choice(chosen, (*notes, f"encoder: {SETTING_NAMES[chosen.precision]} (texts/s: {in_words})"))


def requested_encoder(
    load: Load, reference: Callable[[], Encoder], precision: Precision, items: Sequence[Item]
) -> Choice:
    """Return the encoder in the requested precision, or in float32 if its search quality is too low.

    Parameters
    ----------
    load : loads the encoder.
    reference : loads the encoder in float32, to compare with.
    precision : the requested one.
    items : of the catalog; for fewer than `ENOUGH_ITEMS` the quality is not measured.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded in float32 either.
    """
    load = cache(load)
    if precision == "float32":
        return Choice(load("float32"))
    notes: list[str] = []
    sample = known_items(items if len(items) >= ENOUGH_ITEMS else ())
    chosen = _first_good(load, [precision], reference, sample, notes)
    if chosen is None:
        return Choice(load("float32"), (*notes, f"encoder: {SETTING_NAMES['float32']}"))
    return Choice(chosen)


def known_items(items: Sequence[Item]) -> KnownItems:
    """Return a search for items by their titles; an item without title or text is split into two halves."""
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
    scores : float32 (n, n), the scores of all documents for each query; document q is relevant to query q.
        A tied document ranks before the relevant one.

    Returns
    -------
    float64 (n,) in [0, 1].
    """
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    return ndcg(ranks[:, None] == np.arange(1, 11), np.ones_like(ranks))


def measure(encoders: Sequence[Encoder], documents: Sequence[str]) -> dict[Precision, float]:
    """Return the speed of each encoder in texts a second, by precision."""
    seconds = np.zeros(len(encoders))
    for encoder in encoders:
        encoder.encode_documents(documents[:2])  # the first call is slower
    for turn in range(ROUNDS):
        for place, encoder in enumerate(encoders):
            started = time.perf_counter()
            encoder.encode_documents(documents[turn::ROUNDS])
            seconds[place] += time.perf_counter() - started
    rates = (len(documents) / seconds).tolist()
    return {encoder.precision: rate for encoder, rate in zip(encoders, rates, strict=True)}


def quality(encoder: Encoder, sample: KnownItems) -> float:
    """Return the mean NDCG@10 of a search for known items."""
    scores = encoder.encode_queries(sample.queries) @ encoder.encode_documents(sample.documents).T
    return float(known_item_gains(scores).mean())


def _loaded(load: Load, precisions: Sequence[Precision], notes: list[str]) -> list[Encoder]:
    """Return the encoders that can be loaded, at least the first one; add a note for each other one."""
    encoders = [load(precisions[0])]
    for precision in precisions[1:]:
        try:
            encoders.append(load(precision))
        except EncoderError as error:
            notes.append(f"{error} Not used: {SETTING_NAMES[precision]}.")
    return encoders


def _first_good(
    load: Load,
    precisions: Sequence[Precision],
    reference: Callable[[], Encoder],
    sample: KnownItems,
    notes: list[str],
) -> Encoder | None:
    """Return the first encoder that is good enough; add a note for each other one. None: none is."""
    expected = None
    for precision in precisions:
        try:
            encoder = load(precision)
        except EncoderError as error:
            notes.append(f"{error} Not used: {SETTING_NAMES[precision]}.")
            continue
        if not sample.queries:
            return encoder
        expected = expected or quality(reference(), sample)
        found = quality(encoder, sample)
        if found >= LEAST_QUALITY * expected:
            return encoder
        notes.append(
            f"{SETTING_NAMES[precision]} is not good enough: on {len(sample.queries)} items of the catalog "
            f"its NDCG@10 is {found:.3f}, that of float32 {expected:.3f}"
        )
    return None
