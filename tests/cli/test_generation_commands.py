"""`semrec generations` and `semrec rollback`."""

from __future__ import annotations

from commands import as_json, invoke


def test_generations_are_listed(fitted):
    status, out, _ = invoke("generations", "-w", fitted)
    assert status == 0
    assert "2 (current)" in out
    facts = as_json("generations", "-w", fitted)["generations"]
    assert [(one["number"], one["has_models"], one["is_current"]) for one in facts] == [
        (1, False, False),
        (2, True, True),
    ]


def test_an_older_generation_becomes_current(fitted):
    status, out, err = invoke("rollback", "-w", fitted)
    assert (status, out, err) == (0, "", "generation 1 is current now.\n")
    assert as_json("rollback", "2", "-w", fitted) == {"current": 2}
    assert invoke("rollback", "7", "-w", fitted)[0] == 1
