"""A whole catalog in matrices, and many histories over it: what `Signal.score_catalog` works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from semrec.types import Float2D, Value

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array

Prepared = TypeVar("Prepared")


class Catalog(Protocol):
    """The stored vectors of all items: row n of every matrix belongs to item n."""

    def __len__(self) -> int:
        """Return the number of items."""

    def dense(self, name: str) -> Float2D:
        """Return a dense field, float32 (n_items, dim); it may be mapped from a file."""

    def item_columns(self, name: str, rows: slice) -> csc_array:
        """Return a sparse field whose entries stand for items, float32 (2·n_items, n_rows): columns `rows`.

        Each item stands in two rows, see `semrec.signals.item_item`.
        """

    def metadata(self, field: str) -> Sequence[Value | None]:
        """Return the values of a metadata field."""


class ArrayCatalog:
    """A catalog in memory.

    Parameters
    ----------
    vectors : dense float32 (n_items, dim) or sparse (2·n_items, n_items), by field.
    metadata : values by metadata field.
    """

    def __init__(
        self,
        vectors: Mapping[str, Float2D | csc_array],
        metadata: Mapping[str, Sequence[Value | None]] | None = None,
    ) -> None:
        self._vectors = vectors
        self._metadata = metadata or {}

    def __len__(self) -> int:
        return int(next(iter(self._vectors.values())).shape[0])

    def dense(self, name: str) -> Float2D:
        """Return a dense field, float32 (n_items, dim)."""
        matrix = self._vectors[name]
        assert isinstance(matrix, np.ndarray), f"{name} is sparse"
        return matrix

    def item_columns(self, name: str, rows: slice) -> csc_array:
        """Return columns of a sparse field, float32 (2·n_items, n_rows)."""
        from scipy.sparse import csc_array  # a fifth of a second that indexing does not need

        return csc_array(self._vectors[name])[:, rows]

    def metadata(self, field: str) -> Sequence[Value | None]:
        """Return the values of a metadata field."""
        return self._metadata[field]


class Histories:
    """The histories of some users over a catalog, and what signals have prepared for them.

    Parameters
    ----------
    weights : float32 (n, n_items), columns sorted; what weighs 0 is an entry too, because it has been seen.
    ages : int (n_entries,), for each entry how many liked items of its history are newer; None: all 0.
    """

    def __init__(self, weights: csr_array, ages: NDArray[np.integer] | None = None) -> None:
        self.weights = weights
        self._ages = ages
        self._prepared: dict[str, object] = {}

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which histories have an item that counts, bool (n,)."""
        users = np.repeat(np.arange(len(self)), np.diff(self.weights.indptr))
        return np.bincount(users[self.weights.data != 0], minlength=len(self)) > 0

    def decayed(self, decay: float) -> csr_array:
        """Return the weights times decay^age, float32 (n, n_items)."""
        if self._ages is None or decay == 1:
            return self.weights
        from scipy.sparse import csr_array

        data = self.weights.data * np.float32(decay) ** self._ages
        return csr_array(
            (data.astype(np.float32), self.weights.indices, self.weights.indptr), shape=self.weights.shape
        )

    def prepared(self, name: str, make: Callable[[], Prepared]) -> Prepared:
        """Return what `make` returns; it is called once for these histories, not once for every chunk."""
        if name not in self._prepared:
            self._prepared[name] = make()
        return self._prepared[name]  # type: ignore[return-value]

    def seen(self, rows: slice) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the places of all entries in these columns, counted from the first of them."""
        users = np.repeat(np.arange(len(self)), np.diff(self.weights.indptr))
        inside = (self.weights.indices >= rows.start) & (self.weights.indices < rows.stop)
        return users[inside], self.weights.indices[inside] - rows.start
