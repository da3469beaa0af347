"""SASRec with a sampled softmax: a transformer over a user's events predicts the next one.

W.-C. Kang, J. McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018. With many negatives in place of
one it is much better: A. Klenitskiy, A. Vasilev, "Turning Dross Into Gold Loss", and A. Petrov, C. Macdonald,
"gSASRec", both RecSys 2023.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semrec.evaluation.baselines.baseline import Features, LeftOutError, Scorer, liked
from semrec.evaluation.baselines.validation import hold_out, oldest_first
from semrec.evaluation.splits import Csr
from semrec.types import Float2D

MOST_EVENTS = 2_000_000
"""Most events to train on: more would take days on processors."""

ASKED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class SasRec:
    """score(u, i) = h_u·e_i, h_u the last output of the transformer over the embeddings e of u's last items.

    Parameters
    ----------
    dropouts : shares, each in [0, 1); the one with the best NDCG@10 on the validation part is taken. The
        number of epochs is chosen there as well; then the model is trained on all training events.
    dimension, n_blocks, n_heads : of the transformer.
    max_length : items of a history that are read. Longer histories are trained on in parts.
    n_negatives : items that are not next, drawn for each batch; as many as there are items: full softmax.
    learning_rate, batch_size : of Adam; sequences in a batch.
    max_epochs : most epochs.
    patience : epochs without a better NDCG@10 after which the training ends.
    seed : of everything random; events of the same time are put into a random order.
    """

    dropouts: tuple[float, ...] = (0.2, 0.5)
    dimension: int = 64
    n_blocks: int = 2
    n_heads: int = 1
    max_length: int = 50
    n_negatives: int = 200
    learning_rate: float = 2e-3
    batch_size: int = 16
    max_epochs: int = 50
    patience: int = 6
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        if features.order is None:
            raise LeftOutError("it needs the order of the events")
        x, order = liked(train), features.order
        if x.nnz > MOST_EVENTS:
            raise LeftOutError(f"{x.nnz:,} events would take too long (at most {MOST_EVENTS:,})")
        if not x.nnz or np.diff(x.indptr).max() < 2:
            raise LeftOutError("no user has two events")
        with _seeded(self.seed):
            dropout, n_epochs = self._choose(x, features)
            network = _Network(x.shape[1], self, dropout)
            for _ in self.epochs(network, order, n_epochs):
                pass
        return self.scorer(network, order)

    def _choose(self, x: Csr, features: Features) -> tuple[float, int]:
        """Return the dropout and the number of epochs that are best on the validation part."""
        part = hold_out(x, features, self.seed)
        order = part.features.order
        if order is None or not len(part.users) or np.diff(order.indptr).max() < 2:
            return self.dropouts[0], self.max_epochs
        best = (-1.0, self.dropouts[0], 1)
        for dropout in self.dropouts:
            network = _Network(x.shape[1], self, dropout)
            most, since = -1.0, 0
            for n_epochs in self.epochs(network, order, self.max_epochs):
                found = part.ndcg(self.scorer(network, order))
                since = 0 if found > most else since + 1
                most = max(most, found)
                if found > best[0]:
                    best = found, dropout, n_epochs
                if since >= self.patience:
                    break
        return best[1:]

    def epochs(self, network: _Network, order: Csr, n_epochs: int) -> Iterator[int]:
        """Train, and yield the number of epochs after each one."""
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.9, 0.98))
        rng = np.random.default_rng(self.seed)
        for n_done in range(1, n_epochs + 1):
            network.train()
            windows = _windows(order, self.max_length, rng)
            shuffled = rng.permutation(len(windows))
            for first in range(0, len(shuffled), self.batch_size):
                batch = network.padded([windows[n] for n in shuffled[first : first + self.batch_size]])
                optimiser.zero_grad()
                torch.autograd.backward(network.loss(batch, self.n_negatives))
                optimiser.step()
            yield n_done

    def scorer(self, network: _Network, order: Csr) -> Scorer:
        """Return the scorer of a trained network; users without events get the score 0 for every item."""
        places = oldest_first(order, np.random.default_rng(self.seed))
        items, ends = order.indices[places].astype(np.int64), order.indptr

        def scores(users: NDArray[np.int64]) -> Float2D:
            histories = [items[max(ends[u], ends[u + 1] - self.max_length) : ends[u + 1]] for u in users]
            known = [n for n, history in enumerate(histories) if len(history)]
            result = np.zeros((len(users), network.n_items), np.float32)
            for first in range(0, len(known), ASKED_AT_ONCE):
                some = known[first : first + ASKED_AT_ONCE]
                result[some] = network.scores([histories[n] for n in some])
            return result

        return scores


class _Network(nn.Module):
    """Embeddings of items and places, and the transformer; the embeddings also score the items."""

    def __init__(self, n_items: int, options: SasRec, dropout: float) -> None:
        super().__init__()
        self.n_items = n_items
        self.items = nn.Embedding(n_items + 1, options.dimension, padding_idx=n_items)
        self.places = nn.Embedding(options.max_length, options.dimension)
        self.dropout = nn.Dropout(dropout)
        block = nn.TransformerEncoderLayer(
            options.dimension,
            options.n_heads,
            dim_feedforward=options.dimension,
            dropout=dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        norm = nn.LayerNorm(options.dimension)
        self.blocks = nn.TransformerEncoder(block, options.n_blocks, norm, enable_nested_tensor=False)
        for embedding in (self.items, self.places):
            nn.init.normal_(embedding.weight, std=0.02)
        self.to("cuda" if torch.cuda.is_available() else "cpu")

    def forward(self, batch: Tensor) -> Tensor:
        """Return the outputs (n, length, dimension) for items (n, length), padded at the end.

        Every place only sees itself and earlier ones, so the padding needs no mask of its own.
        """
        length = batch.shape[1]
        scale = math.sqrt(self.items.embedding_dim)
        inputs = self.items(batch) * scale + self.places(torch.arange(length, device=batch.device))
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=batch.device)
        outputs: Tensor = self.blocks(self.dropout(inputs), mask=mask, is_causal=True)
        return outputs

    def loss(self, batch: Tensor, n_negatives: int) -> Tensor:
        """Return the mean cross-entropy of every next item among itself and items drawn at random.

        The scores of drawn items are raised by log(n_items / n_drawn), so that their sum estimates the sum
        over all items (Jean et al., "On Using Very Large Target Vocabulary", ACL 2015).
        """
        targets = batch[:, 1:]
        real = targets != self.n_items
        outputs, wanted = self(batch[:, :-1])[real], targets[real]
        if n_negatives >= self.n_items:
            return nn.functional.cross_entropy(outputs @ self.items.weight[:-1].T, wanted)
        drawn = torch.randint(self.n_items, (n_negatives,), device=batch.device)
        others = outputs @ self.items(drawn).T + math.log(self.n_items / n_negatives)
        others = others.masked_fill(drawn == wanted[:, None], -torch.inf)
        own = (outputs * self.items(wanted)).sum(dim=1, keepdim=True)
        first = torch.zeros_like(wanted)
        return nn.functional.cross_entropy(torch.cat([own, others], dim=1), first)

    @torch.no_grad()
    def scores(self, histories: Sequence[NDArray[np.int64]]) -> Float2D:
        """Return the scores of all items after each history of one item or more, float32 (n, n_items)."""
        self.eval()
        batch = self.padded(histories)
        last = torch.tensor([len(history) - 1 for history in histories], device=batch.device)
        outputs = self(batch)[torch.arange(len(last), device=batch.device), last]
        return (outputs @ self.items.weight[:-1].T).cpu().numpy()

    def padded(self, sequences: Sequence[NDArray[np.int64]]) -> Tensor:
        """Return sequences of items as int64 (n, length of the longest), padded at the end."""
        rows = [torch.from_numpy(sequence) for sequence in sequences]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.n_items)
        return padded.to(self.items.weight.device)


def _windows(order: Csr, length: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return the events of every user, oldest first, in parts of 2 to length + 1 items.

    The last item of a part is the first one of the next part, so that every event but a user's first one is
    predicted once.
    """
    items = order.indices[oldest_first(order, rng)].astype(np.int64)
    return [
        items[max(start, last - length - 1) : last]
        for start, end in zip(order.indptr[:-1], order.indptr[1:], strict=True)
        for last in range(end, start + 1, -length)
    ]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch; its state is as before afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
