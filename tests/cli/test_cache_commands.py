"""`semrec cache`."""

from __future__ import annotations

from commands import as_json, invoke


def test_the_cache_is_shown_and_emptied(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("SEMREC_CACHE_FOLDER", str(tmp_path / "cache"))
    facts = as_json("cache")
    assert (facts["folder"], facts["exports"]) == (str(tmp_path / "cache"), [])
    status, out, _ = invoke("cache")
    assert status == 0
    assert "of at most 2,048 MB" in out
    status, out, err = invoke("cache", "clear")
    assert (status, out) == (0, "")
    assert "removed 0 passages and 0 exports" in err
