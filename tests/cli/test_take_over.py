"""`semrec index --collection` and `semrec take-over`: the advice of a refusal works when it is followed."""

from __future__ import annotations

import re
import shlex

import pytest
from commands import BOOKS, as_json, invoke, one_line, write
from stand_in_server import stand_in_server


@pytest.fixture(scope="module")
def url():
    with stand_in_server() as server:
        yield server.url


@pytest.fixture
def refusal(url, tmp_path, one_encoder):
    """Index one shop, then another one under the same name; return the refusal and the second command."""
    catalog = write(tmp_path, BOOKS)
    index = ["index", catalog, "--id", "id", "--text", "text", "--encoder", "torch", "--qdrant", url]
    names = [f"{tmp_path.name}-{parent}" for parent in "pq"]
    first, second = (tmp_path / name / tmp_path.name for name in names)
    assert invoke(*index, "-w", first)[0] == 0
    status, _, err = invoke(*index, "-w", second)
    assert status == 1
    assert f"belongs to workspace {first} on host" in one_line(err)
    return one_line(err), [*index, "-w", second], second


def test_another_name(refusal):
    _, index, workspace = refusal
    assert invoke(*index, "--collection", f"{workspace.name}-2")[0] == 0
    assert as_json("info", "-w", workspace)["store"].startswith(f"Qdrant collection {workspace.name}-2 at")


def test_taking_over(refusal):
    err, index, workspace = refusal
    advice = re.search(r"take it over with: semrec (.*)", err)[1]
    status, _, said = invoke(*shlex.split(advice))
    assert (status, one_line(said).endswith(f"belongs to {workspace} now.")) == (0, True)
    assert as_json("info", "-w", workspace)["items"] == 3
    assert invoke(*index)[0] == 0
