"""Processes killed at random moments: nothing is lost or duplicated, and every operation can run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.mark.slow
def test_an_operation_that_was_killed_and_run_again_leaves_the_same_as_without_the_kill():
    ended = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    figures = {figure["case"]: figure for figure in map(json.loads, ended.stdout.splitlines())}
    assert figures["kills in all"]["value"] >= 10
    assert figures["kills that left a fault"]["met"], ended.stderr
