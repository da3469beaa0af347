"""Data sets of the Hugging Face library `datasets`, which need not be installed, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any

from semrec.errors import CatalogError
from semrec.indexer.sources.table import Table
from semrec.indexer.sources.textfile import RawRow


def is_dataset(source: Any) -> bool:
    """Return whether a source is a `Dataset`, an `IterableDataset`, or a dict of them."""
    return type(source).__module__.partition(".")[0] == "datasets" and hasattr(source, "column_names")


def dataset_table(source: Any) -> Table:
    """Return a data set as a table; of a dict of several splits, one must be named.

    Raises
    ------
    CatalogError
        There are several splits.
    """
    if isinstance(source, Mapping):
        if len(source) != 1:
            names, first = ", ".join(map(repr, source)), next(iter(source))
            raise CatalogError(f"the data set has the splits {names}; give one of them: dataset[{first!r}]")
        source = next(iter(source.values()))

    def read(_: Sequence[str] | None) -> Iterator[RawRow]:
        return (RawRow(number, dict(row)) for number, row in enumerate(source, 1))

    columns = tuple(source.column_names) if source.column_names else None
    return Table("data set", read, columns, n_rows=len(source) if isinstance(source, Sized) else None)
