"""Watches see the stages of an answer."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from semrec.tracing import stage, watched


def test_watches_see_all_stages_also_failed_ones():
    seen = []

    @contextmanager
    def watch(name):
        seen.append(f"{name} begins")
        try:
            yield
        finally:
            seen.append(f"{name} ends")

    @stage("outer")
    def outer():
        with stage("inner"):
            raise ValueError

    with pytest.raises(ValueError), watched(watch):  # noqa: PT011 - ours
        outer()
    assert seen == ["outer begins", "inner begins", "inner ends", "outer ends"]
    with stage("unwatched"):
        assert len(seen) == 4
