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

LARGE_SAMPLE_ITEMS = 640
"""Items in the measurement where the first one is close."""

LEAST_QUALITY = 0.99
"""A faster encoder must reach this share of the NDCG@10 of float32."""

SURE = 2.0
"""Standard errors by which an encoder must be worse to be refused; a smaller difference may be chance."""

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


@dataclass(frozen=True, slots=True)
class Comparison:
    """The search quality of an encoder beside that of float32, on the same queries.

    Parameters
    ----------
    found, expected : float64 (n_queries,), the NDCG@10 of each query by the encoder and by float32.
    """

    found: NDArray[np.float64]
    expected: NDArray[np.float64]

    @property
    def shortfall(self) -> float:
        """Standard errors by which the encoder is below `LEAST_QUALITY` of float32; below 0 if it is above.

        The test is paired: a query that is hard for both says nothing.
        """
        differences = LEAST_QUALITY * self.expected - self.found
        mean, error = differences.mean(), differences.std() / np.sqrt(len(differences))
        if error == 0:
            return np.inf if mean > 0 else -np.inf
        return float(mean / error)

    @property
    def is_close(self) -> bool:
        """Whether a larger sample may decide otherwise."""
        return 0 < self.shortfall < 2 * SURE

    @property
    def is_good_enough(self) -> bool:
        """Whether the encoder is not surely below `LEAST_QUALITY` of float32."""
        return self.shortfall < SURE


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
    sample = known_items(items[:SAMPLE_ITEMS])
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
    chosen = _first_good(load, sorted(faster, key=lambda one: -rates[one]), reference, items, notes)
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
    measured = items if len(items) >= ENOUGH_ITEMS else ()
    chosen = _first_good(load, [precision], reference, measured, notes)
    if chosen is None:
        return Choice(load("float32"), (*notes, f"encoder: {SETTING_NAMES['float32']}"))
    return Choice(chosen)


def known_items(items: Sequence[Item]) -> KnownItems:
    """Return a search for items by their titles; an item without title or text is split into two halves."""
    pairs = []
    for item in items:
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


def compare(encoder: Encoder, reference: Encoder, items: Sequence[Item]) -> Comparison | None:
    """Compare an encoder with float32 on a search for known items; None if no item has two words.

    Where the first items leave it open, more of them are measured.
    """
    comparison = None
    for n_items in (SAMPLE_ITEMS, LARGE_SAMPLE_ITEMS):
        sample = known_items(items[:n_items])
        if not sample.queries:
            return None
        comparison = Comparison(quality(encoder, sample), quality(reference, sample))
        if not comparison.is_close:
            break
    return comparison


def quality(encoder: Encoder, sample: KnownItems) -> NDArray[np.float64]:
    """Return the NDCG@10 of each query of a search for known items, float64 (n_queries,)."""
    scores = encoder.encode_queries(sample.queries) @ encoder.encode_documents(sample.documents).T
    return known_item_gains(scores)


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
    items: Sequence[Item],
    notes: list[str],
) -> Encoder | None:
    """Return the first encoder that is good enough; add a note for each other one. None: none is."""
    for precision in precisions:
        try:
            encoder = load(precision)
        except EncoderError as error:
            notes.append(f"{error} Not used: {SETTING_NAMES[precision]}.")
            continue
        comparison = compare(encoder, reference(), items) if len(items) else None
        if comparison is None or comparison.is_good_enough:
            return encoder
        notes.append(
            f"{SETTING_NAMES[precision]} is not good enough: on {len(comparison.found)} items of the catalog "
            f"its NDCG@10 is {comparison.found.mean():.3f}, that of float32 {comparison.expected.mean():.3f}"
        )
    return None
