"""`/health` and `/ready`."""

from __future__ import annotations

from semrec.version import __version__


def test_health_does_not_wait_for_the_index(serve):
    answer = serve(wait=False).get("/health").json()
    assert answer["status"] == "ok"
    assert answer["version"] == __version__
    assert answer["uptime_s"] >= 0


def test_ready_describes_the_index(client):
    ready = client.get("/ready").json()
    assert (ready["generation"], ready["items"]) == (1, 6)
    assert ready["fields"] == {"colour": "keyword", "size": "integer"}


def test_ready_lists_the_signals_with_labels_and_sources(client):
    signals = client.get("/ready").json()["signals"]
    assert [signal["source"] for signal in signals] == ["text", "text", "text"]
    assert signals[0] == {"name": "text", "label": "text", "source": "text", "personal": True}
