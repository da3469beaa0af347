"""The losses of a batch, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import nn

from semrec.encoder.training.objectives import (
    PART_TEXTS,
    SCALE,
    HistoryObjective,
    PairObjective,
    encode_by_length,
)

VECTORS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
COSINES = [[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]
"""Of the vectors with each other; an item is not compared with itself."""


def log_softmax(scores: list[float]) -> np.ndarray:
    scores = np.array(scores)
    return scores - np.log(np.exp(scores).sum())


def test_the_rest_of_a_history_finds_each_item():
    objective = HistoryObjective(nn.Identity(), csr_array(np.array([[1.0, 1.0, 0.0]])))
    # Item 0 by item 1, item 1 by item 0, item 2 by both of them.
    found = log_softmax([SCALE * 0, SCALE * 0, SCALE * (-1 + 0) / 2])
    assert float(objective.loss(VECTORS, np.arange(3))) == pytest.approx(-(found[0] + found[1]) / 2)


def test_longer_histories_weigh_more():
    rows = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    alone = [
        float(HistoryObjective(nn.Identity(), csr_array(rows[[row]])).loss(VECTORS, np.arange(3)))
        for row in (0, 1)
    ]
    both = float(HistoryObjective(nn.Identity(), csr_array(rows)).loss(VECTORS, np.arange(3)))
    assert both == pytest.approx(np.average(alone, weights=np.sqrt([2, 3])))


def test_label_smoothing_gives_a_share_of_the_target_to_all_items():
    user_items = csr_array(np.array([[1.0, 1.0, 0.0]]))
    found = log_softmax([0.0, 0.0, -SCALE / 2])
    smooth = float(HistoryObjective(nn.Identity(), user_items, 0.3).loss(VECTORS, np.arange(3)))
    assert smooth == pytest.approx(-(0.7 * (found[0] + found[1]) / 2 + 0.3 * found.mean()))


def test_a_batch_without_a_history_of_two_items_teaches_nothing():
    objective = HistoryObjective(nn.Identity(), csr_array(np.array([[1.0, 0.0, 0.0]])))
    assert float(objective.loss(VECTORS, np.arange(3))) == 0


def test_partners_are_the_targets_of_an_item():
    together = csr_array(np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    objective = PairObjective(nn.Identity(), together, smoothing=0.0)
    rows = [log_softmax([SCALE * COSINES[row][other] for other in others]) for row, others in OTHERS]
    expected = [-(0.75 * rows[0][0] + 0.25 * rows[0][1]), -rows[1][0], -rows[2][0]]
    assert float(objective.loss(VECTORS, np.arange(3))) == pytest.approx(np.mean(expected))


OTHERS = ((0, (1, 2)), (1, (0, 2)), (2, (0, 1)))


def test_items_without_partners_are_only_negatives():
    together = csr_array(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    objective = PairObjective(nn.Identity(), together, smoothing=0.0)
    rows = [log_softmax([SCALE * COSINES[row][other] for other in others]) for row, others in OTHERS[:2]]
    assert float(objective.loss(VECTORS, np.arange(3))) == pytest.approx(-(rows[0][0] + rows[1][0]) / 2)


def test_batches_name_items_of_the_whole_catalog():
    user_items = csr_array(np.array([[0.0, 1.0, 0.0, 1.0, 0.0]]))
    objective = HistoryObjective(nn.Identity(), user_items)
    small = HistoryObjective(nn.Identity(), csr_array(np.array([[1.0, 0.0, 1.0]])))
    assert float(objective.loss(VECTORS, np.array([1, 2, 3]))) == float(small.loss(VECTORS, np.arange(3)))


def test_vectors_are_in_the_order_of_the_texts_and_padding_is_cut():
    widths = []

    def model(tokens):
        widths.append(tokens["input_ids"].shape[1])
        return {"sentence_embedding": tokens["input_ids"].sum(dim=1, keepdim=True)}

    lengths = np.random.default_rng(0).integers(1, 9, 3 * PART_TEXTS)
    ids = torch.zeros(len(lengths), 8, dtype=torch.long)
    for row, length in enumerate(lengths):
        ids[row, :length] = row + 1
    found = encode_by_length(model, {"input_ids": ids, "attention_mask": (ids > 0).long()})
    np.testing.assert_array_equal(found[:, 0], (np.arange(len(lengths)) + 1) * lengths)
    assert len(widths) == 3
    assert widths[0] < 8
