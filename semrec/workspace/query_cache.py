"""Vectors of query texts that were encoded lately: people type the same, and pages ask again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from semrec.types import Float1D


class TextVectors:
    """The latest vectors by encoder and text. Safe for several threads.

    Parameters
    ----------
    most : vectors that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._vectors: OrderedDict[tuple[str, str], Float1D] = OrderedDict()
        self._turn = Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, fingerprint: str, text: str) -> Float1D | None:
        """Return the vector of a text by the encoder with this fingerprint, None when it is not kept."""
        with self._turn:
            vector = self._vectors.get((fingerprint, text))
            if vector is not None:
                self._vectors.move_to_end((fingerprint, text))
            return vector

    def put(self, fingerprint: str, text: str, vector: Float1D) -> None:
        """Keep a vector; the one that was not asked for longest goes."""
        with self._turn:
            self._vectors[fingerprint, text] = vector
            self._vectors.move_to_end((fingerprint, text))
            if len(self._vectors) > self._most:
                self._vectors.popitem(last=False)
