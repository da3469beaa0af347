"""What a lock tells about the process that holds it."""

from __future__ import annotations

import json
import os
import stat
import sys

import pytest

from semrec.errors import StoreLockedError
from semrec.store.owner import Builder, Owner, owner_of, program_name


def test_the_program_is_named_without_its_arguments(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/semrec", "serve", "--qdrant", "http://u:secret@host"])
    assert program_name() == "semrec serve"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/semrec", "--workspace=secret"])
    assert program_name() == "semrec"
    monkeypatch.setattr(sys, "argv", ["shop.py", "secret"])
    assert program_name() == "shop.py"
    monkeypatch.setattr(sys, "argv", ["-c", "secret"])
    assert program_name().startswith("python")


def test_only_its_user_can_read_who_holds_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/semrec", "index", "--qdrant", "http://u:secret@host"])
    folder = Owner(tmp_path)
    builder = Builder(tmp_path)
    files = list(tmp_path.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "secret" not in "".join(file.read_text() for file in files)
    with pytest.raises(StoreLockedError, match="in use by another recommender of this process"):
        Owner(tmp_path)
    assert owner_of(tmp_path).startswith(f"process {os.getpid()} (semrec index) since")
    folder.release()
    builder.release()
    assert owner_of(tmp_path) is None
    assert not any(file.read_text() for file in files)


def test_a_description_of_an_older_version_is_read(tmp_path):
    folder = Owner(tmp_path)
    old = {"pid": 1, "command": "python -m semrec serve", "since": "2026-01-01"}
    (tmp_path / "owner.json").write_text(json.dumps(old))
    assert owner_of(tmp_path) == "process 1 (python -m semrec serve) since 2026-01-01"
    folder.release()
