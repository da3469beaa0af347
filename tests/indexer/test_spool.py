"""Items come back from the spool as they were added."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semrec.indexer.spool import SPOOL_BYTES, Spool
from semrec.types import Item

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = (
    TEXTS
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(TEXTS, max_size=3).map(tuple)
)
ITEMS = st.lists(st.builds(Item, TEXTS, TEXTS, TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3)), max_size=5)


@given(ITEMS)
def test_items_come_back_with_the_types_of_their_values(items):
    with Spool() as spool:
        spool.add(items)
        assert len(spool) == len(items)
        for _ in range(2):
            back = list(spool)
            assert back == items
            for one, other in zip(back, items, strict=True):
                assert list(map(type, one.metadata.values())) == list(map(type, other.metadata.values()))


def test_more_items_than_fit_into_memory():
    item = Item("a", "T", "x" * (SPOOL_BYTES // 4))
    with Spool() as spool:
        spool.add([item] * 6)
        assert list(spool) == [item] * 6
