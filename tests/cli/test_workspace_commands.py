"""`semrec info`, `semrec check` and `semrec demo`."""

from __future__ import annotations

import sys

from commands import as_json, invoke

from semrec.cli.workspace_commands import command_here, in_one_line


def test_info(shop):
    status, out, err = invoke("info", "-w", shop)
    assert (status, err) == (0, "")
    assert "bundled" in out
    facts = as_json("info", "-w", shop)
    assert facts["fields"]["size"] == "integer"


def test_the_demo_names_a_command_that_can_be_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [".venv/bin/semrec", "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_here() == ".venv/bin/semrec"
    (tmp_path / "semrec").touch(0o755)
    assert command_here() == "semrec"


def test_facts_are_shown_in_one_line():
    assert in_one_line({"colour": "keyword", "size": "integer"}) == "colour (keyword), size (integer)"
    assert in_one_line(["text", "bm25"]) == "text, bm25"
    assert in_one_line(None) == "None"


def test_check_prints_a_line_for_each_part_and_ends_with_status_1_on_damage(shop):
    status, out, err = invoke("check", "-w", shop)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == len(as_json("check", "-w", shop)["parts"]) == 9
    assert "generation 1: items            ok  1" in out
    assert "API keys                       ok  0 keys" in out
    (shop / "keys.json").write_text("{")
    with (shop / "generations" / "1" / "text.f32").open("r+b") as file:
        file.write(b"\1\2\3\4")
    status, out, err = invoke("check", "-w", shop)
    assert (status, err) == (1, "")
    damaged = [line for line in out.splitlines() if "damaged: " in line]
    assert [line[:30].rstrip() for line in damaged] == ["generation 1: rows of vectors", "API keys"]
    assert f"`semrec index CATALOG --rebuild --workspace {shop}`" in damaged[0]
