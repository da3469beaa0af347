"""Sampled rows are read again, also from sources that can be read only once."""

from __future__ import annotations

import pytest

from semrec.errors import CatalogError
from semrec.indexer.sources.sampled import SampledTables
from semrec.indexer.sources.tables import Table
from semrec.indexer.sources.textfile import RawRow


def table(n_rows, *, one_shot=False, known_size=True, notes=()):
    rows = [RawRow(number, {"n": number}) for number in range(1, n_rows + 1)]
    source = iter(rows)
    return Table(
        "rows",
        lambda _: source if one_shot else iter(rows),
        one_shot=one_shot,
        n_rows=n_rows if known_size else None,
        notes=notes,
    )


@pytest.mark.parametrize("one_shot", [False, True])
def test_rows_of_the_sample_are_read_again(one_shot):
    tables = SampledTables([table(5, one_shot=one_shot)])
    assert [row.number for row in tables.sample(2)] == [1, 2]
    assert [row.number for row in tables.rows(tables.first, None)] == [1, 2, 3, 4, 5]


def test_a_pipe_is_read_once():
    tables = SampledTables([table(5, one_shot=True)])
    list(tables.sample(2))
    list(tables.rows(tables.first, None))
    with pytest.raises(CatalogError, match="can be read only once"):
        tables.rows(tables.first, None)


def test_the_number_of_rows_is_known_if_that_of_every_table_is():
    assert SampledTables([table(2), table(3)]).n_rows == 5
    assert SampledTables([table(2), table(3, known_size=False)]).n_rows is None


def test_notes_of_all_tables_are_kept():
    tables = SampledTables([table(1, notes=("a",)), table(1, notes=("b",))])
    assert tables.notes == ["a", "b"]
    assert len(list(tables)) == 2
