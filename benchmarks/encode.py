"""What encoding costs, and what a faster encoder, shorter vectors and int8 vectors lose, on debian_deps.

Texts are rendered and cut as indexing does it. `auto` chooses its encoder on the catalog; it and
sentence-transformers in float32 take turns with the same texts, in one process and on the same number of
threads. Quality is measured on the whole catalog: with --quick on its most used packages.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import torch
from measured_sets import CACHE, DEBIAN, SEED
from onnx import TensorProto, helper
from quality import lists_of, sampled
from report import announce, arguments, report
from sentence_transformers import SentenceTransformer

from semrec.cli import demo_data as demo
from semrec.config import Settings
from semrec.encoder import Encoder, load_encoder, precisions
from semrec.encoder.choice import (
    SAMPLE_ITEMS,
    SETTING_NAMES,
    KnownItems,
    fastest_encoder,
    known_item_gains,
    known_items,
)
from semrec.encoder.passages import Chunker
from semrec.encoder.sentence_transformer import SentenceTransformerEncoder
from semrec.encoder.speeds import Speeds
from semrec.encoder.truncated import truncate_rows
from semrec.evaluation import SPLITS, Split, evaluate
from semrec.evaluation.run import Recommend
from semrec.indexer.item_points import ItemBatch, item_points
from semrec.indexer.read import DEFAULT_TEMPLATE, open_catalog, render
from semrec.mathematics.rows import centre
from semrec.mathematics.soft_nearest import soft_nearest
from semrec.ranking.threads import one_blas_thread
from semrec.recommender import Recommender
from semrec.signals import SIGNALS
from semrec.signals.text import SHARPNESS, item_vectors
from semrec.store import Manifest, Search, VectorField
from semrec.store.copying import allocated_bytes
from semrec.store.edge import EdgeStore
from semrec.store.protocol import TEXT
from semrec.types import Float2D, Item, Precision, item_keys
from semrec.workspace.folder import make_workspace

BATCH_SIZES = (16, 32, 64)
DIMENSIONS = (256, 128)
LEAST_SPEED = 3.0
MOST_LOSS = 0.01
MOST_USERS = 5_000
MATRIX = 2048
"""Rows and columns of the matrices that the machine's peak is measured with."""


@dataclass(frozen=True)
class Texts:
    """What is encoded of some items.

    Parameters
    ----------
    items : the items.
    texts : what of each is encoded.
    passages : its pieces.
    """

    items: Sequence[Item]
    texts: Sequence[str]
    passages: Sequence[Sequence[str]]

    @property
    def flat(self) -> list[str]:
        """All passages in order of items."""
        return [passage for passages in self.passages for passage in passages]

    def by_item(self, vectors: Float2D) -> list[Float2D]:
        """Return the vectors of all passages, item by item."""
        return np.split(vectors, np.cumsum([len(passages) for passages in self.passages])[:-1])


def read_texts(encoder: Encoder, item_ids: Sequence[str] | None) -> Texts:
    """Return the catalog, or the items with these ids, as indexing reads it."""
    catalog = open_catalog(demo.CATALOG, demo.MAPPING, max_text_bytes=Settings().index.max_text_bytes)
    wanted = None if item_ids is None else set(item_ids)
    items = [row for row in catalog if isinstance(row, Item) and (wanted is None or row.item_id in wanted)]
    texts = [render(item, DEFAULT_TEMPLATE) for item in items]
    return Texts(items, texts, Chunker(encoder).split(texts))


# Speed -----------------------------------------------------------------------------------------------


def seconds_in_turn(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median time of every call; they take turns, so that all meet the same machine."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            spent[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds) for name, seconds in spent.items()}


def n_flops(model: SentenceTransformer, lengths: Iterable[int]) -> float:
    """Return the operations of encoding texts of so many tokens, padding left out.

    A multiplication and an addition for each weight of the layers and each token; attention multiplies
    queries with keys, and the result with values, for each pair of tokens.
    """
    transformer: Any = model[0].model
    config = transformer.config
    weights = sum(
        values.numel()
        for name, values in transformer.named_parameters()
        if values.dim() == 2 and "embeddings" not in name and "pooler" not in name
    )
    attention = 4 * config.num_hidden_layers * config.hidden_size
    return float(sum(2 * weights * length + attention * length**2 for length in lengths))


def peak(multiply: Callable[[], object]) -> float:
    """Return the operations a second of multiplying two square matrices, the best of several times."""
    multiply()
    best = np.inf
    for _ in range(5):
        started = time.perf_counter()
        multiply()
        best = min(best, time.perf_counter() - started)
    return float(2 * MATRIX**3 / best)


def peaks(n_threads: int) -> dict[Precision, float]:
    """Return the machine's measured peak in every precision; of int8 the better of two libraries."""
    floats = torch.randn(MATRIX, MATRIX)
    halves = floats.to(torch.bfloat16)
    bytes_ = torch.randint(-100, 100, (MATRIX, MATRIX), dtype=torch.int8)
    int8 = [peak(onnx_multiply(bytes_.numpy(), n_threads))]
    try:
        int8.append(peak(partial(torch._int_mm, bytes_, bytes_)))
    except (RuntimeError, NotImplementedError) as error:
        sys.stderr.write(f"torch multiplies no int8 here: {error}\n")
    return {
        "float32": peak(partial(torch.mm, floats, floats)),
        "bfloat16": peak(partial(torch.mm, halves, halves)),
        "int8": max(int8),
    }


def onnx_multiply(matrix: np.ndarray, n_threads: int) -> Callable[[], object]:
    """Return the int8 multiplication of onnxruntime, which is what the int8 encoder is made of."""
    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    shape = list(matrix.shape)
    graph = helper.make_graph(
        [node],
        "multiply",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("c", TensorProto.INT32, shape)],
        [helper.make_tensor("b", TensorProto.INT8, shape, matrix.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return partial(session.run, None, {"a": matrix.view(np.uint8)})


def measure_speed(
    reference: SentenceTransformerEncoder, chosen: Encoder, texts: Sequence[str], rounds: int
) -> None:
    """Measure texts a second of the chosen encoder against sentence-transformers as it comes."""
    model, n_threads = reference.model, torch.get_num_threads()
    calls: dict[str, Callable[[], object]] = {
        f"SentenceTransformer.encode, float32, batches of {size}": partial(
            model.encode, list(texts), batch_size=size, show_progress_bar=False
        )
        for size in BATCH_SIZES
    }
    name = f"auto ({SETTING_NAMES[chosen.precision]})"
    chosen.encode_documents(texts[:32])
    model.encode(list(texts[:32]), show_progress_bar=False)
    seconds = seconds_in_turn({**calls, name: partial(chosen.encode_documents, texts)}, rounds)
    for case, spent in seconds.items():
        report("encode", case, len(texts) / spent, "texts/s")
    best = min(seconds[case] for case in calls)
    report(
        "encode",
        f"{name} over SentenceTransformer.encode at its best batch size, {n_threads} threads",
        best / seconds[name],
        "x",
        least=LEAST_SPEED,
    )
    special = model.tokenizer.num_special_tokens_to_add()
    lengths = [min(n + special, reference.max_tokens) for n in reference.count_tokens(texts)]
    report("encode", f"{name}, tokens (without padding)", sum(lengths) / seconds[name], "tokens/s")
    rate = n_flops(model, lengths) / seconds[name]
    report("encode", f"{name}, useful arithmetic", rate / 1e9, "GFLOP/s")
    for precision, most in peaks(n_threads).items():
        report("encode", f"matrix multiplication, {precision}, {MATRIX} x {MATRIX}", most / 1e9, "GFLOP/s")
        if precision == chosen.precision:
            report("encode", f"{name}, share of the {precision} peak", rate / most, "share")


# Quality ---------------------------------------------------------------------------------------------


def stored_vectors(texts: Texts, fingerprint: str) -> Float2D | None:
    """Return the vectors of all passages from the index of an earlier benchmark, if it is this encoder's."""
    folder = CACHE / DEBIAN.name
    if not (folder / "current").exists():
        return None
    store = EdgeStore(folder)
    number = store.current()
    if number is None or store.manifest(number).encoder_fingerprint != fingerprint:
        return None
    keys = item_keys(item.item_id for item in texts.items)
    index = store.borrow(number)
    try:
        if not index.contains(keys).all():
            return None
        known = [record.passages for record in index.records(keys)]
        if known != [tuple(passages) for passages in texts.passages]:
            return None
        return np.concatenate(index.passage_vectors(keys))
    finally:
        index.close()


def by_soft_nearest(vectors: Float2D, split: Split) -> Recommend:
    """Return what scores every item for a history by the text signal alone."""
    text = centre(vectors, vectors.mean(axis=0))
    return lambda users: soft_nearest(
        split.train[users], lambda some: text[some] @ text.T, len(text), SHARPNESS
    )


def in_order_of(split: Split, texts: Texts, vectors: Float2D) -> Float2D:
    """Return the vector of every item of the split, from those of all passages."""
    rows = {item.item_id: row for row, item in enumerate(texts.items)}
    return item_vectors(texts.by_item(vectors))[[rows[item_id] for item_id in split.items]]


def report_losses(recommenders: Mapping[str, Recommend], split: Split, barred: str | None) -> None:
    """Measure NDCG@10 of held-out items, and what each but the first one loses against the first."""
    found = {m.recommender: m for m in evaluate(recommenders, split).find("ndcg")}
    (first, exact), *others = found.items()
    report("encode", f"history -> held-out items, NDCG@10, {first}", exact.value, "ndcg")
    for name, measure in others:
        report("encode", f"history -> held-out items, NDCG@10, {name}", measure.value, "ndcg")
        loss = 1 - measure.value / exact.value
        report("encode", f"loss of {name}", loss, "share", most=MOST_LOSS if name == barred else None)
    sys.stderr.write(f"{exact.n_users} users; 95 % interval {exact.low:.4f} to {exact.high:.4f}\n")


def known_item_search(items: Sequence[Item], n_items: int) -> KnownItems:
    """Return a search for items by their titles that `auto` has not been chosen by."""
    others = [items[row] for row in np.random.default_rng(SEED).permutation(len(items))[:n_items]]
    parts = [known_items(others[row : row + SAMPLE_ITEMS]) for row in range(0, n_items, SAMPLE_ITEMS)]
    return KnownItems(
        [query for part in parts for query in part.queries],
        [document for part in parts for document in part.documents],
    )


def ndcg_of(search: KnownItems, encoder: Encoder) -> float:
    """Return the NDCG@10 of a search for known items."""
    scores = encoder.encode_queries(search.queries) @ encoder.encode_documents(search.documents).T
    return float(known_item_gains(scores).mean())


def measure_quality(reference: Encoder, chosen: Encoder, texts: Texts, split: Split, n_known: int) -> Float2D:
    """Measure what is lost by the chosen encoder, and by cutting vectors; return the exact vectors."""
    exact = stored_vectors(texts, reference.fingerprint)
    if exact is None:
        sys.stderr.write("encoding in float32 …\n")
        exact = reference.encode_documents(texts.flat)
    other = chosen.encode_documents(texts.flat)
    cosines = (exact * other).sum(axis=1)
    report("encode", "cosine to float32, mean of all passages", float(cosines.mean()), "cosine")
    report("encode", "cosine to float32, smallest", float(cosines.min()), "cosine")
    name = SETTING_NAMES[chosen.precision]
    variants = {"float32": exact, name: other}
    variants |= {f"float32 cut to {d} of {exact.shape[1]}": truncate_rows(exact, d) for d in DIMENSIONS}
    report_losses(
        {case: by_soft_nearest(in_order_of(split, texts, v), split) for case, v in variants.items()},
        split,
        barred=name,
    )
    search = known_item_search(texts.items, n_known)
    found = {encoder.precision: ndcg_of(search, encoder) for encoder in (reference, chosen)}
    for precision, ndcg in found.items():
        report("encode", f"title -> its text among {len(search.queries)}, NDCG@10, {precision}", ndcg, "ndcg")
    loss = 1 - found[chosen.precision] / found[reference.precision]
    report("encode", f"title -> its text, loss of {name}", loss, "share")
    return exact


# Vectors in int8 -------------------------------------------------------------------------------------


def build(folder: Path, texts: Texts, vectors: Float2D, fields: tuple[VectorField, ...]) -> EdgeStore:
    """Return a store whose current generation holds these vectors."""
    manifest = Manifest(
        encoder="bundled",
        encoder_fingerprint="benchmark",
        dimension=vectors.shape[1],
        query_prompt="",
        document_prompt="",
        template=DEFAULT_TEMPLATE,
        vectors=fields,
        fields={},
        text_mean=tuple(item_vectors(texts.by_item(vectors)).mean(axis=0).tolist()),
        n_items=len(texts.items),
        n_passages=len(vectors),
    )
    store = EdgeStore(folder)
    number, index = store.create(fields)
    points = item_points(ItemBatch(texts.items, texts.texts, texts.passages), vectors, manifest)
    for first in range(0, len(points), 1000):
        index.upsert(points[first : first + 1000])
    store.complete(number, index, manifest)
    store.make_current(number)
    return store


def measure_quantized(texts: Texts, vectors: Float2D, split: Split) -> None:
    """Measure recall, latency and quality of searching in int8 with rescoring, against exact vectors."""
    rows = item_vectors(texts.by_item(vectors))
    keys = item_keys(item.item_id for item in texts.items)
    asked = rows[np.random.default_rng(SEED).permutation(len(rows))[:300]]
    best = keys[np.argsort(-(asked @ rows.T), axis=1)[:, :10]]
    recommenders = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, quantized in (("float32 vectors", False), ("int8 vectors, rescored", True)):
            folder = Path(temporary) / name.replace(" ", "-")
            fields = tuple(
                field
                for signal in SIGNALS
                for field in signal.catalog_fields(rows.shape[1], quantized=quantized)
            )
            store = build(folder, texts, vectors, fields)
            index = store.open(1)
            found, spent = [], []
            for query in [*asked[:20], *asked]:
                started = time.perf_counter()
                (hits,) = index.search([Search(TEXT, query, 10)])
                spent.append(1000 * (time.perf_counter() - started))
                found.append(hits.keys)
            index.close()
            recall = np.mean(
                [np.isin(hits, right).sum() / 10 for hits, right in zip(found[20:], best, strict=True)]
            )
            report("encode", f"search, {name}, recall@10", float(recall), "share")
            report("encode", f"search, {name}, p50", float(np.median(spent[20:])), "ms")
            report("encode", f"index, {name}", allocated_bytes(folder) / 1e6, "MB")
            workspace = folder / "workspace"
            make_workspace(workspace, qdrant=None, collection=None)
            recommenders[name] = Recommender(workspace, Settings(), store=store)
        asks = {name: lists_of(recommender, split) for name, recommender in recommenders.items()}
        with one_blas_thread():
            report_losses(asks, split, barred=None)
        for recommender in recommenders.values():
            recommender.close()


# ----------------------------------------------------------------------------------------------------


def split_of(item_ids: Sequence[str] | None) -> Split:
    """Return the split of the events with these items; None: all."""
    if item_ids is None:
        return DEBIAN.warm_split()
    events = DEBIAN.events().filter(pl.col("item_id").is_in(list(item_ids)))
    return SPLITS[DEBIAN.split](events, share=0.2, seed=SEED, items=list(item_ids))


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # as many as onnxruntime takes
    settings = Settings()
    reference = load_encoder(None, settings, precision="float32")
    if not isinstance(reference, SentenceTransformerEncoder):
        raise TypeError(f"{reference.name} is no sentence-transformers encoder")
    n_timed, rounds, n_users, n_known = (64, 2, 300, 128) if quick else (600, 5, MOST_USERS, 1024)
    used = DEBIAN.events()["item_id"].value_counts(sort=True)["item_id"].head(700).to_list()
    item_ids = sorted(used) if quick else None
    texts = read_texts(reference, item_ids)

    def load(precision: Precision) -> Encoder:
        return reference if precision == "float32" else load_encoder(None, settings, precision=precision)

    candidates = partial(precisions, settings)
    choice = fastest_encoder(load, lambda: reference, candidates, texts.items, Speeds(settings.cache.folder))
    for note in choice.notes:
        sys.stderr.write(f"{note}\n")
    flat = texts.flat
    timed = [flat[row] for row in np.random.default_rng(SEED).permutation(len(flat))[:n_timed]]
    measure_speed(reference, choice.encoder, timed, rounds)
    split = sampled(split_of(item_ids), n_users)
    exact = measure_quality(reference, choice.encoder, texts, split, n_known)
    measure_quantized(texts, exact, split)


if __name__ == "__main__":
    main()
