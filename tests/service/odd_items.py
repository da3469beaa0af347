"""Items with odd ids, texts, names and values, as Python objects and as JSON."""

from __future__ import annotations

import datetime
import decimal
import json
import random
import uuid

import numpy as np

DIGITS = "1" * 5000
DEPTH = 5000


def nested(depth):
    value = "a"
    for _ in range(depth):
        value = [value]
    return value


IDS = [
    *("", " ", "\0", "a\0", "\ud800", "\udcff", "\n", "a\n", "..", "../../x", "/", "%2F", "\ufeff", "\u202e"),
    *("x" * 512, "x" * 513, "x" * 10_000, "x" * 2_000_000, "é" * 300, "😀" * 600, "'; DROP TABLE x; --"),
    *(0, -1, 2**63, -(2**63), 10**30, 10**400, 10**5000, 0.5, -0.0, 1e300, float("nan"), float("inf")),
    *(True, None, b"x", b"\xff", [], ["a"], {}, {"a": 1}, uuid.UUID(int=1), np.int64(3), object()),
]
NAMES = [
    *("", " ", "\\", "p\\", "a\\b", '\\"', "\\\\", '"', 'a"b', "a.b", "..", "a.", ".a", "[0]", "a[]", "a[b]"),
    *("[", "]", "\0", "a\0b", "\x01", "\n", "\t", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800"),
    *("%", "%22", "%5C", "%255C", "a/b", "$", "*", "-", "größe", "😀", "x" * 128, "x" * 129, "x" * 70_000),
    *("item_id", "title", "text", "metadata", "metadata.p", "id", "price", "size", "kind", "new", "tags"),
    *(5, None, True, b"x", 10**5000, ("a",)),
]
NUMBERS = [
    *(-(2**63), 2**63 - 1, 2**63, -(2**63) - 1, 2**53 + 1, 10**30, 10**400, 10**5000, -(10**5000), 0, -1),
    *(float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 1e39, 5e-324, -0.0, 0.1, 2.0, 1e19),
    *(decimal.Decimal("NaN"), decimal.Decimal("sNaN"), decimal.Decimal("Infinity"), decimal.Decimal("1e999")),
    *(decimal.Decimal("1E+1000000"), np.float32("inf"), np.int64(-(2**63)), np.uint64(2**64 - 1), 1j),
]
TEXTS = [
    *(
        "",
        " ",
        "\0",
        "red\0",
        "\x01" * 1000,
        "\ud800",
        "red \udc80",
        "\ufeff",
        "\u202e",
        "\n",
        "\u0300" * 1000,
    ),
    *("x" * 70_000, "x" * 1_000_000, "x" * 1_000_001, "x " * 20_000, "😀" * 10_000, "{title}", "nan", "NULL"),
    *("<script>alert(1)</script>", "red", "red square", "green round", "true", "1e400", "2024-01-01"),
]
OTHERS = [
    *(None, True, False, b"abc", b"\xff", object(), {}, {"a": 1}, {"a": nested(50)}, {1, 2}, range(3)),
    *((), [], ("a",), ("",), ("\0",), ["\ud800"], list("abc") * 2000, [1, "a", None, True, 2.5]),
    *(
        [[1]],
        [[[]]],
        [{"a": 1}],
        [float("nan")],
        [10**5000],
        nested(50),
        nested(DEPTH),
        ["x" * 1_000_000] * 9,
    ),
    *(datetime.date(1, 1, 1), datetime.datetime.max, datetime.timedelta.max, np.array([1, 2]), np.eye(2)),
]
VALUES = [*NUMBERS, *TEXTS, *OTHERS]


def odd_items(seed, n_items):
    """Return dicts with the keys of an item; a fifth of them have nothing odd but their id."""
    draw = random.Random(seed)
    items = []
    for number in range(n_items):
        item = {"id": draw.choice(IDS) if draw.random() < 0.2 else f"odd {seed} {number}"}
        item["title"] = draw.choice(VALUES if draw.random() < 0.1 else TEXTS)
        item["text"] = draw.choice(OTHERS if draw.random() < 0.1 else ["red", "green round", "blue"])
        names = draw.sample(NAMES, draw.choice((0, 1, 1, 2, 4)))
        item["metadata"] = {name: draw.choice(VALUES) for name in names}
        if draw.random() < 0.03:
            item["metadata"] = draw.choice(OTHERS)
        if draw.random() < 0.03:
            item[draw.choice(("extra", "", "item_id", 10**5000))] = draw.choice(VALUES)
        items.append(item)
    return items


def as_json(item):
    """Return an item as JSON, also where Python would not write it; None if JSON has no such value."""
    written = json.dumps(_for_json(item), default=lambda value: _NO_JSON)
    if _NO_JSON in written:
        return None
    return written.replace(f'"{_LARGE}"', DIGITS).replace(f'"{_DEEP}"', "[" * DEPTH + "]" * DEPTH)


_NO_JSON, _LARGE, _DEEP = "no JSON", "large integer", "deep list"


def _for_json(value, depth=0):
    if isinstance(value, int) and abs(value) >= 10**4000:
        return _LARGE
    if depth > 60:
        return _DEEP
    if isinstance(value, dict):
        return {
            name if isinstance(name, str) else _NO_JSON: _for_json(entry, depth + 1)
            for name, entry in value.items()
        }
    if isinstance(value, list | tuple):
        return [_for_json(entry, depth + 1) for entry in value]
    return value
