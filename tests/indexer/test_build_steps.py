"""Steps of a build."""

from __future__ import annotations

from stub_index import manifest, points_of
from toy import ToyEncoder

from semrec.indexer.build_steps import build_step
from semrec.indexer.compare import compare
from semrec.types import Item

DRAFT = manifest()
ITEMS = [Item("a", "red"), Item("b", "blue")]


def fail():
    raise AssertionError("nothing needs encoding")


def test_items_are_split_into_passages_and_keep_their_records():
    step = build_step(compare(ITEMS, None, DRAFT), DRAFT, ToyEncoder, n_rows=3)
    assert step.batch.flat_passages == ["red", "blue"]
    assert (list(step.records), step.n_rows) == ([None, None], 3)


def test_without_items_the_encoder_is_not_loaded():
    points = points_of(ITEMS, DRAFT)
    step = build_step([], DRAFT, fail, n_rows=2, copied=points)
    assert (step.batch.flat_passages, step.copied, step.n_rows) == ([], points, 2)
