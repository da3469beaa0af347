"""Columns are found by their names."""

from __future__ import annotations

import pytest

from semrec.errors import CatalogError
from semrec.indexer.columns import Role, assign_columns, quoted, require_columns

ROLES = {"key": Role("key", "--key", "item_id id"), "name": Role("name", "--name", "title id")}


def assigned(columns, **given):
    notes = []
    return assign_columns(ROLES, given, columns, notes), notes


def test_the_most_specific_usual_name_is_taken():
    found, notes = assigned(["Title", "ID", "Item-Id"])
    assert found == {"key": "Item-Id", "name": "Title"}
    assert notes == ['key: column "Item-Id" (guessed)', 'name: column "Title" (guessed)']


def test_a_column_plays_one_role():
    found, notes = assigned(["id"])
    assert found == {"key": "id", "name": None}
    assert notes[1] == "name: none (no column looks like it; name one with --name)"


def test_a_given_column_is_not_guessed():
    found, notes = assigned(["id"], key="other")
    assert found == {"key": "other", "name": "id"}
    assert len(notes) == 1


def test_absent_columns_are_named():
    with pytest.raises(CatalogError, match=r'x\.csv: there is no column "b"\. Columns: "a", "c"'):
        require_columns(["a", "b"], ["a", "c"], "x.csv")


def test_a_message_has_at_most_thirty_names():
    assert quoted([]) == "none"
    assert quoted(map(str, range(31))).endswith('"29" and 1 more')
