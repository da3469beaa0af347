"""A small catalog with every kind of vector, and plain versions of a store's computations."""

from __future__ import annotations

import numpy as np

from semrec.store import Manifest, Point, Record, SparseVector, VectorField
from semrec.types import item_keys

DIM = 8
VECTORS = (
    VectorField("text", "dense", DIM),
    VectorField("collaborative", "dense", 4, distance="dot"),
    VectorField("passages", "multi", DIM, searched=False),
    VectorField("long", "multi", DIM),
    VectorField("bm25", "sparse", idf=True),
    VectorField("item_item", "sparse"),
)
FIELDS = {"kind": "keyword", "tags": "keyword", "year": "integer", "price": "float", "new": "bool"}
ODD_NAMES = ("a.b", "[0]", 'q"t', "größe €", "100%", "%22")


def sparse(entries: dict[int, float]) -> SparseVector:
    indices = np.array(sorted(entries), dtype=np.uint32)
    return SparseVector(indices, np.array([entries[i] for i in sorted(entries)], dtype=np.float32))


def point(number: int, seed: int = 0) -> Point:
    """Item `number`; every third has no words, every fourth two passages, every fifth none."""
    random = np.random.default_rng([number, seed])
    n_passages = 0 if number % 5 == 0 else 2 if number % 4 == 0 else 1
    words = {} if number % 3 == 0 else {number % 4: 1.0, 7: 0.5, 2**32 - 1 - number: 2.0}
    return Point(
        Record(
            item_id=f"item-{number}",
            title=f"Title {number}",
            passages=tuple(f"passage {p} of {number}" for p in range(n_passages)),
            metadata={
                "kind": "even" if number % 2 == 0 else "odd",
                "tags": tuple(f"t{t}" for t in range(number % 3)),
                "year": 2000 + number,
                "price": number / 4,
                "new": number % 2 == 0,
            }
            | {name: f"{name}-{number % 2}" for name in ODD_NAMES},
            content_hash=f"hash-{number}-{seed}",
        ),
        {
            "text": (3 * random.normal(size=DIM) + 0.5).astype(np.float32),
            "collaborative": random.normal(size=4).astype(np.float32),
            "passages": (passages := random.normal(size=(n_passages, DIM)).astype(np.float32)),
            "long": passages[: n_passages if n_passages > 1 else 0],
            "bm25": sparse(words),
            "item_item": sparse({number % 7: -1.0, 10 + number % 3: 0.25}),
        },
    )


def points(n: int) -> list[Point]:
    return [point(number) for number in range(n)]


def manifest(n_items: int, **changes: object) -> Manifest:
    values = {
        "encoder": "toy",
        "encoder_fingerprint": "abc",
        "dimension": DIM,
        "query_prompt": "query: ",
        "document_prompt": "",
        "template": "{title}. {text}",
        "vectors": VECTORS,
        "fields": FIELDS,
        "text_mean": tuple(np.linspace(-1, 1, DIM).tolist()),
        "n_items": n_items,
        "n_passages": 2 * n_items,
        "built_at": 1.5,
        "models": {"collaborative": {"version": 1, "weights": [0.5, 1.0]}},
        "landmarks": ((2**64 - 1, -0.5, 1.0), (7, 0.25, -1.0)),
    }
    return Manifest(**(values | changes))


def ids(*numbers: int):
    return item_keys(f"item-{number}" for number in numbers)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def build(store, items, **changes):
    """Build a generation of these items, make it current, return its number."""
    number, index = store.create(VECTORS)
    index.upsert(items)
    store.complete(number, index, manifest(len(items), **changes))
    store.make_current(number)
    return number
