"""Files of a source: names, patterns, and what can be read several times."""

from __future__ import annotations

import os

import pytest

from semrec.errors import CatalogError
from semrec.indexer.sources.source_files import files_in, paths_of, regular_files


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "a.csv", "[1].csv"):
        (tmp_path / name).touch()
    (tmp_path / "sub.csv").mkdir()
    return tmp_path


def test_a_pattern_is_all_files_that_match_sorted(folder):
    assert [path.name for path in paths_of(f"{folder}/?.csv")] == ["a.csv", "b.csv"]


def test_an_existing_name_is_not_a_pattern(folder):
    assert paths_of(f"{folder}/[1].csv") == [folder / "[1].csv"]


@pytest.mark.parametrize(("name", "reason"), [("none.csv", "no such file"), ("none*.csv", "no file matches")])
def test_names_without_a_file_are_an_error(folder, name, reason):
    with pytest.raises(CatalogError, match=reason):
        paths_of(f"{folder}/{name}")


def test_a_folder_holds_its_files_and_those_of_its_folders(folder):
    (folder / "sub.csv" / "c.csv").touch()
    (folder / "sub.csv" / ".hidden.csv").touch()
    assert paths_of(str(folder)) == [folder]
    assert [file.name for file in files_in(folder)] == ["[1].csv", "a.csv", "b.csv", "c.csv"]
    assert regular_files(folder) == files_in(folder)


def test_only_files_can_be_read_several_times(folder):
    os.mkfifo(folder / "pipe")
    assert regular_files(folder / "a.csv") == [folder / "a.csv"]
    assert regular_files([folder / "a.csv", f"{folder}/b*"]) == [folder / "a.csv", folder / "b.csv"]
    for other in ("-", [folder / "a.csv", "-"], folder / "pipe", [{"id": 1}], iter(["a.csv"]), 5):
        assert regular_files(other) == []
