"""Metrics: what is counted and timed, and the drift of scores."""

from __future__ import annotations

import math

import pytest
from serving import ids, metric_values

from semrec.service.prometheus_metrics import ScoreDrift, query_kind, stability_index
from semrec.types import Recommendations

STAGES = {"encode", "answer", "history", "search", "score", "choose", "explain"}


def test_every_stage_is_timed(serve):
    client = serve()
    ids(client.post("/recommend", json={"text": "red", "k": 2}))
    counts = metric_values(client, "semrec_stage_seconds_count")
    timed = {name.split('"')[1] for name, count in counts.items() if count >= 1}
    assert timed == STAGES


def test_metrics_of_the_index_and_of_requests(serve):
    client = serve()
    client.post("/recommend", json={"text": "red"})
    assert metric_values(client, "semrec_generation") == {"semrec_generation": 1}
    assert metric_values(client, "semrec_kept_texts") == {"semrec_kept_texts": 2}  # one from the start
    assert metric_values(client, "semrec_stale") == {"semrec_stale": 0}
    assert metric_values(client, "semrec_ready") == {"semrec_ready": 1}
    client.get("/nowhere/at/all")
    requests = metric_values(client, "semrec_requests_total")
    assert requests['semrec_requests_total{method="POST",route="/recommend",status="200"}'] == 1
    assert any('signal="text"' in name for name in metric_values(client, "semrec_signal_share_count"))
    assert "nowhere" not in client.get("/metrics").text


def test_texts_are_counted_as_encoded_or_kept(serve):
    client = serve()
    for _ in range(3):
        client.post("/recommend", json={"text": "  red  "})
    assert metric_values(client, "semrec_text_vectors_total") == {
        'semrec_text_vectors_total{result="encoded"}': 1,
        'semrec_text_vectors_total{result="kept"}': 2,
    }


def test_events_are_counted_by_result(serve):
    client = serve()
    body = {"events": [{"user_id": "ann", "item_id": "r1", "time": 1.7e9}]}
    for _ in range(2):
        client.post("/events", json=body)
    for _ in range(2):  # the second post is not counted again
        client.post("/events", json=body, headers={"Idempotency-Key": "k"})
    client.post("/events", json={"events": [{"user_id": "ann", "item_id": "r1", "kind": "sniff"}]})
    assert metric_values(client, "semrec_events_total") == {
        'semrec_events_total{result="added"}': 2,
        'semrec_events_total{result="repeated"}': 2,
        'semrec_events_total{result="rejected"}': 0,
        'semrec_events_total{result="left_out"}': 1,
    }


def test_the_kind_of_a_query_is_what_it_names():
    assert query_kind(Recommendations({"text": "red", "history": [], "user": "ann"}, ())) == "text+user"


def test_the_stability_index_by_hand():
    """Ten values in ten bins against ten values in one of them, with half a value more in each bin."""
    expected = list(range(10))
    moved = 10.5 / 15
    empty = 0.5 / 15
    usual = 1.5 / 15
    by_hand = (moved - usual) * math.log(moved / usual) + 9 * (empty - usual) * math.log(empty / usual)
    assert stability_index(expected, [9.5] * 10) == pytest.approx(by_hand)
    assert stability_index(expected, expected) == 0


def test_drift_is_measured_once_there_is_something_to_compare():
    drift = ScoreDrift(10)
    same = [drift.add(score) for score in [*range(10), *range(10)]]
    assert same[:-1] == [None] * 19
    assert same[-1] == pytest.approx(0)
    moved = [drift.add(100.0) for _ in range(10)][-1]
    assert moved is not None
    assert moved > 0.25
