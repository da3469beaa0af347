"""How every benchmark reports: one JSON line a case."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
"""Data sets that may be measured with but not shipped; absent on a user's machine."""


def arguments(description: str | None) -> argparse.Namespace:
    """Return the options that all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    return parser.parse_args()


def report(
    benchmark: str,
    case: str,
    value: float,
    unit: str,
    *,
    least: float | None = None,
    most: float | None = None,
) -> None:
    """Print one figure; `least` or `most` is the bar that it has to reach."""
    bar = least if least is not None else most
    met = None
    if least is not None:
        met = value >= least
    elif most is not None:
        met = value <= most
    line = {
        "benchmark": benchmark,
        "case": case,
        "value": round(value, 6),
        "unit": unit,
        "bar": bar,
        "met": met,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def announce() -> None:
    """Say on standard error which machine and commit are measured."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    sys.stderr.write(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {commit}\n"
    )
