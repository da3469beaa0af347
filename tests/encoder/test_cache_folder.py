"""The content of the cache folder, shown by `semrec cache` and removed by `semrec cache clear`."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pytest
from toy import ToyEncoder
from typer.testing import CliRunner

from semrec.cli.commands import app
from semrec.config import Settings
from semrec.encoder.cache_folder import cache_facts, clear_cache, short
from semrec.encoder.cached import cached
from semrec.encoder.passage_cache import PassageCache, files
from semrec.encoder.speeds import Speeds
from semrec.errors import ConfigError

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4 + "-bfloat16"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache folder with passages of two encoders and an export of each."""
    folder = tmp_path / "cache"
    for fingerprint, n_passages in ((OLD, 3), (NEW, 2)):
        cache = PassageCache(folder, 64)
        keys = [(fingerprint[:8] + str(n)).encode() for n in range(n_passages)]
        cache.put(keys, np.ones((n_passages, 8), np.float32), fingerprint, "name of " + fingerprint[:2])
        cache.close()
        (folder / "onnx" / fingerprint).mkdir(parents=True)
        (folder / "onnx" / fingerprint / "model.onnx").write_bytes(b"x" * 1000)
    monkeypatch.setenv("SEMREC_CACHE_FOLDER", str(folder))
    return folder


def run(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_content_of_the_folder(folder):
    facts = cache_facts(folder)
    assert {(one.fingerprint, one.name, one.n_passages) for one in facts.encoders} == {
        (OLD, "name of 01", 3),
        (NEW, "name of fe", 2),
    }
    assert facts.n_passages == 5
    assert facts.exports == (OLD, NEW)
    assert facts.export_bytes == 2000
    assert facts.passage_bytes == sum(path.stat().st_size for path in folder.glob("passages-*"))
    status, out, _ = run("cache")
    assert status == 0
    for word in (
        str(folder),
        short(OLD),
        "fedcba987654-bfloat16",
        "name of 01",
        "ONNX encoders: 2",
        "2,048 MB",
    ):
        assert word in out
    told = json.loads(run("cache", "--json")[1])
    assert [one["n_passages"] for one in told["encoders"]] in ([2, 3], [3, 2])
    assert told["limit_mb"] == 2048


def test_reading_a_missing_folder_does_not_create_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMREC_CACHE_FOLDER", str(tmp_path / "none"))
    status, out, _ = run("cache")
    assert (status, "0.0 MB" in out) == (0, True)
    assert run("cache", "clear")[0] == 0
    assert not (tmp_path / "none").exists()


def test_clear_everything(folder):
    (folder / "mine.txt").write_text("not of the cache")
    speeds = Speeds(folder, "model")
    speeds.store({"float32": 1.0})
    status, _, err = run("cache", "clear")
    assert speeds.known() == {}
    assert status == 0
    assert "removed 5 passages and 2 exports" in err
    facts = cache_facts(folder)
    assert (facts.n_bytes, facts.encoders, facts.exports) == (0, (), ())
    assert (folder / "mine.txt").exists()


@pytest.mark.parametrize("given", [OLD, OLD[:6], NEW, short(NEW)])
def test_clear_one_encoder(folder, given):
    left = OLD if given in NEW or given == short(NEW) else NEW
    assert run("cache", "clear", "--encoder", given)[0] == 0
    facts = cache_facts(folder)
    assert [one.fingerprint for one in facts.encoders] == [left]
    assert facts.exports == (left,)


@pytest.mark.parametrize("given", ["beef", ""])
def test_clearing_an_unknown_encoder_is_an_error(folder, given):
    status, _, err = run("cache", "clear", "--encoder", given)
    assert status == 2
    assert "has no encoder" in err
    assert cache_facts(folder).n_passages == 5


def test_an_encoder_can_go_on_after_the_cache_was_cleared(tmp_path):
    options = Settings(cache={"folder": tmp_path})
    with cached(ToyEncoder(), options) as encoder:
        encoder.encode_documents(["red"])
        encoder.encode_documents(["green"])
        clear_cache(tmp_path)
        encoder.encode_documents(["blue"])
    assert encoder.notes == ()
    with cached(ToyEncoder(), options) as encoder:
        encoder.encode_documents(["red", "green", "blue"])
    assert encoder.n_cached == 0
    assert cache_facts(tmp_path).n_passages == 3


def test_files_that_cannot_be_read_are_counted_and_cleared(folder):
    (path,) = files(folder)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    (folder / "passages-0.db").write_text("no database")
    facts = cache_facts(folder)
    assert facts.encoders == ()
    assert facts.passage_bytes > 11
    clear_cache(folder)
    assert cache_facts(folder).passage_bytes == 0


def test_a_file_that_cannot_be_removed_is_an_error(folder):
    (folder / "passages-1.db").mkdir()
    with pytest.raises(ConfigError, match=r"cannot clear the cache in .*directory"):
        clear_cache(folder)
