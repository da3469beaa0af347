"""What is learned from the events of a batch of items: two losses for sentence-transformers' trainer.

A batch holds different items. Each loss encodes their texts once, and compares every item with every other
one, so that a text counts in many comparisons. Cosines are those of centred vectors, as in the signal `text`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional

SCALE = 10.0
"""Factor of the cosines before the softmax."""

PART_TEXTS = 32
"""Texts of similar length that go through the encoder together: little padding is computed."""

MOST_HISTORIES = 4096
"""Histories that count in one batch."""


class BatchObjective(nn.Module):
    """Base of the losses: encodes the texts of a batch.

    Parameters
    ----------
    model : the encoder, a `SentenceTransformer`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        features : one column: the tokens of the texts.
        labels : int (n,), the item of every text.
        """
        vectors = encode_by_length(self.model, next(iter(features)))
        with torch.autocast(vectors.device.type, enabled=False):  # differences of cosines are small
            centred = functional.normalize(vectors - vectors.mean(dim=0), dim=1)
            return self.loss(centred, labels.cpu().numpy())

    def loss(self, centred: Tensor, items: np.ndarray) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        centred : (n, dim), centred vectors of unit length.
        items : int (n,), which item each one is.
        """
        raise NotImplementedError


class HistoryObjective(BatchObjective):
    """The rest of a history finds each of its items, among all items of the batch.

    With x the history of a user in the batch, C the centred vectors and n = Σx, the score of item i is

        s_i = scale · Σ_{h≠i} x_h · c_h·c_i / (n - x_i),

    and the loss is -Σ_i x_i·log softmax(s)_i / n, averaged over users with the weight √n. It is a linear
    autoencoder x·C·Cᵀ without its diagonal, as in beeFormer (Vančura et al., RecSys 2024), with the
    multinomial likelihood of Mult-VAE (Liang et al., WWW 2018) instead of the squared error: on the sets of
    benchmarks/finetune.py it finds more.

    Parameters
    ----------
    model : the encoder.
    user_items : (n_users, n_items); what is stored has been used.
    smoothing : label smoothing: share of the target that goes to all items of the batch alike.
    """

    def __init__(self, model: nn.Module, user_items: csr_array, smoothing: float = 0.0) -> None:
        super().__init__(model)
        self._by_item = user_items.tocsc()
        self._smoothing = smoothing

    def loss(self, centred: Tensor, items: np.ndarray) -> Tensor:
        """See `BatchObjective.loss`."""
        inside = self._by_item[:, items].tocsr()
        users = np.flatnonzero(np.diff(inside.indptr) >= 2)
        users = users[torch.randperm(len(users))[:MOST_HISTORIES].numpy()]
        used = torch.from_numpy(inside[users].toarray() != 0).to(centred.device, centred.dtype)
        n_used = used.sum(dim=1, keepdim=True)
        cosines = (centred @ centred.T).fill_diagonal_(0)
        scores = SCALE * (used @ cosines) / (n_used - used).clamp(min=1)
        target = (1 - self._smoothing) * used / n_used + self._smoothing / len(items)
        losses = -(target * functional.log_softmax(scores, dim=1)).sum(dim=1)
        weights = n_used[:, 0].sqrt()
        return (weights * losses).sum() / weights.sum().clamp(min=1)


class PairObjective(BatchObjective):
    """Items that are used together are near: softmax over the batch, each partner a target.

    It is the ranking loss with in-batch negatives (van den Oord et al., "Representation learning with
    contrastive predictive coding", 2018) with several targets an item and with label smoothing, which
    sentence-transformers' own loss does not have.

    Parameters
    ----------
    model : the encoder.
    partners : (n_items, n_items), how much two items belong together, see `semrec.finetuning.pairs`.
    smoothing : label smoothing.
    """

    def __init__(self, model: nn.Module, partners: csr_array, smoothing: float = 0.1) -> None:
        super().__init__(model)
        self._partners = partners
        self._smoothing = smoothing

    def loss(self, centred: Tensor, items: np.ndarray) -> Tensor:
        """See `BatchObjective.loss`."""
        weights = torch.from_numpy(self._partners[items][:, items].toarray())
        weights = weights.to(centred.device, centred.dtype)
        total = weights.sum(dim=1, keepdim=True)
        has_partner = total[:, 0] > 0
        others = 1 - torch.eye(len(items), device=centred.device, dtype=centred.dtype)
        target = (1 - self._smoothing) * weights / total.clamp(min=1e-12)
        target = target + self._smoothing * others / max(1, len(items) - 1)
        scores = (SCALE * centred @ centred.T).masked_fill(others == 0, -torch.inf)
        log_shares = functional.log_softmax(scores, dim=1).masked_fill(others == 0, 0.0)
        losses = -(target * log_shares).sum(dim=1)
        return losses[has_partner].sum() / has_partner.sum().clamp(min=1)


def encode_by_length(model: Any, features: dict[str, Tensor]) -> Tensor:
    """Return the vectors of texts, (n, dim), in their order; texts of similar length are encoded together.

    Parameters
    ----------
    model : the encoder.
    features : tokens of the texts, padded to the longest one.
    """
    lengths = features["attention_mask"].sum(dim=1)
    by_length = torch.argsort(lengths)
    parts = []
    for first in range(0, len(by_length), PART_TEXTS):
        rows = by_length[first : first + PART_TEXTS]
        longest = int(lengths[rows].max())
        tokens = {
            name: values[rows, :longest] for name, values in features.items() if torch.is_tensor(values)
        }
        parts.append(model(tokens)["sentence_embedding"].float())
    places = torch.empty_like(by_length)
    places[by_length] = torch.arange(len(by_length), device=by_length.device)
    return torch.cat(parts)[places]
