"""How many items without events the `text` signal finds: NDCG@10 of users, for vectors of any encoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.per_user import Values
from semrec.evaluation.top_k import top_k
from semrec.signals import SignalContext
from semrec.signals.catalog_matrix import ArrayCatalog, Histories
from semrec.signals.models.text_map import mean_vector
from semrec.signals.text import TextSignal
from semrec.store.protocol import TEXT
from semrec.types import Float2D

K = 10
MOST_USERS = 2_500
"""Users that are asked for."""

MOST_TEXTS = 1_000
"""Items of histories, and items to be found, whose texts are encoded for one validation."""

MOST_OF_A_HISTORY = 16
"""Items of a history in a validation."""


@dataclass(frozen=True, slots=True)
class ColdQuestions:
    """Users, what they have used, and which items without events they used in truth.

    Parameters
    ----------
    histories : float32 (n, n_items).
    wanted : (n, n_items); what is stored is to be found.
    candidates : int64, items that may be found.
    """

    histories: csr_array
    wanted: csr_array
    candidates: NDArray[np.int64]

    @classmethod
    def of(cls, known: csr_array, held: csr_array, candidates: NDArray[np.int64], seed: int) -> ColdQuestions:
        """Return questions of users with known and held-out events, at most `MOST_USERS`."""
        users = np.flatnonzero((np.diff(known.indptr) > 0) & (np.diff(held.indptr) > 0))
        users = np.sort(np.random.default_rng(seed).permutation(users)[:MOST_USERS])
        return cls(known[users], held[users], candidates)

    def __len__(self) -> int:
        return int(self.histories.shape[0])

    def of_strangers(self) -> ColdQuestions:
        """Return the questions with the histories of other users: what remains found is not personal."""
        turned = np.roll(np.arange(len(self)), len(self) // 2)
        return ColdQuestions(self.histories[turned], self.wanted, self.candidates)

    def found(self, vectors: Float2D, settings: Settings) -> Values:
        """Return NDCG@10 of every user, with the text signal alone.

        Parameters
        ----------
        vectors : float32 (n_items, dim), rows of unit length.
        settings : how texts are pooled.
        """
        context = SignalContext(
            settings=settings, text_mean=mean_vector(vectors), n_items=len(vectors), fields={}, parameters={}
        )
        signal = TextSignal.open(context)
        everything = slice(0, len(vectors))
        scores = signal.score_catalog(ArrayCatalog({TEXT: vectors}), Histories(self.histories), everything)
        allowed = np.full(scores.shape, -np.inf, np.float32)
        allowed[:, self.candidates] = scores[:, self.candidates]
        return ndcg(find_hits(top_k(allowed, K, self.wanted), self.wanted))


@dataclass(frozen=True, slots=True)
class SmallQuestions:
    """Questions over few items, so that a validation encodes few texts.

    Parameters
    ----------
    items : int64 (n_items,), ascending: the items whose texts are encoded.
    questions : over these items.
    """

    items: NDArray[np.int64]
    questions: ColdQuestions

    @classmethod
    def of(cls, questions: ColdQuestions, seed: int) -> SmallQuestions:
        """Return a part of questions with at most `MOST_TEXTS` items of histories, and as many to find."""
        random = np.random.default_rng(seed)
        candidates = np.sort(random.permutation(questions.candidates)[:MOST_TEXTS])
        is_candidate = np.isin(np.arange(questions.wanted.shape[1]), candidates)
        used: set[int] = set()
        rows: list[NDArray[np.int64]] = []
        columns: list[NDArray[np.int64]] = []
        users: list[int] = []
        for user in random.permutation(len(questions)):
            if not is_candidate[_row(questions.wanted, user)].any():
                continue
            own = random.permutation(_row(questions.histories, user))[:MOST_OF_A_HISTORY]
            if users and len(used.union(own.tolist())) > MOST_TEXTS:
                break
            used.update(own.tolist())
            rows.append(np.full(len(own), len(users)))
            columns.append(own)
            users.append(int(user))
        items = np.union1d(candidates, np.array(sorted(used), np.int64))
        entries = (np.concatenate(rows), np.searchsorted(items, np.concatenate(columns)))
        histories = csr_array((np.ones(len(entries[0]), np.float32), entries), shape=(len(users), len(items)))
        wanted = csr_array(questions.wanted[users][:, items].multiply(np.isin(items, candidates)))
        wanted.eliminate_zeros()
        return cls(items, ColdQuestions(histories, wanted, np.searchsorted(items, candidates)))


def _row(matrix: csr_array, row: int) -> NDArray[np.int64]:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]])
