"""A card: its sentences say what an item of the history is to the recommended one."""

from __future__ import annotations

import pytest

ENTRY = {
    "item_id": "c",
    "title": "C",
    "score": 1.0,
    "signals": {"item_item": 0.75, "text": 0.25},
    "because": [
        {"title": "A", "share": 0.5, "signal": "item_item", "relation": "taken next after"},
        {"title": "B", "share": 0.25, "signal": "item_item", "relation": "used together with"},
        {"title": "D", "share": 0.25, "signal": "text", "relation": ""},
    ],
}
SENTENCES = """async (entry) => {
  const { card } = await import("/page/cards.js");
  return card(entry, 1, {}).querySelector(".why").innerText;
}"""


@pytest.mark.slow
def test_a_reason_says_what_was_taken_next_and_what_is_used_together(visit):
    assert visit().evaluate(SENTENCES, ENTRY) == (
        "Often taken next after A (50%). People who use B (25%) also use this. Like D (25%), which you use."
    )
