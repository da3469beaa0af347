"""`semrec serve`: what it refuses before it starts."""

from __future__ import annotations

import sys

from commands import invoke, one_line


def test_a_public_address_needs_keys(bare):
    status, out, err = invoke("serve", "-w", bare, "--host", "0.0.0.0", "--port", 0)
    assert (status, out) == (2, "")
    assert "create a key first: semrec keys create" in one_line(err)


def test_without_the_extra_it_says_how_to_install_it(bare, monkeypatch):
    monkeypatch.setitem(sys.modules, "semrec.service.http_server", None)
    status, out, err = invoke("serve", "-w", bare)
    assert (status, out) == (2, "")
    assert "pip install 'semrec[service]'" in err
