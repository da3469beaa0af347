"""Start, overload and the separation of queries and changes."""

from __future__ import annotations

import threading
import time

from serving import error, ids, in_parallel, open_shop, wait_until_ready


def test_an_index_in_use_at_the_start_is_opened_later(serve, shop, caplog):
    with open_shop(shop) as owner:
        owner.warm_up()
        client = serve(wait=False)
        while client.get("/ready").json()["error"]["code"] == "warming_up":
            time.sleep(0.02)
        assert "is in use by another recommender" in error(client.get("/ready"), 503, "store_locked")
        error(client.post("/recommend", json={"text": "red"}), 503, "store_locked")
        assert client.get("/health").status_code == 200
    warming_up = [record for record in caplog.records if getattr(record, "code", "") == "warming_up"]
    assert all(record.levelname == "INFO" for record in warming_up)
    wait_until_ready(client)
    assert client.post("/recommend", json={"text": "red"}).status_code == 200


def test_too_many_queries_are_refused(serve_recommender):
    client, recommender = serve_recommender(service={"queue": 2, "threads": 1})
    go, answer = threading.Event(), recommender.recommend
    recommender.recommend = lambda **query: (go.wait(10), answer(**query))[1]
    threading.Timer(0.5, go.set).start()
    query = {"history": ["r1"]}
    answers = in_parallel([lambda: client.post("/recommend", json=query)] * 8)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 5
    for one in refused:
        error(one, 429, "too_many_requests")
        assert int(one.headers["retry-after"]) >= 1
    assert sum(answer.status_code == 200 for answer in answers) == 3
    assert client.get("/health").status_code == 200


def test_texts_and_changes_do_not_delay_queries(serve_recommender):
    client, recommender = serve_recommender(service={"threads": 1})
    go, changing = threading.Event(), threading.Event()
    recommender.delete_items = lambda ids: (changing.set(), go.wait(10))
    change = threading.Thread(target=client.delete, args=("/items/r1",))
    change.start()
    try:
        assert changing.wait(10)
        assert ids(client.post("/recommend", json={"history": ["r1"], "k": 1})) == ["r2"]
        assert ids(client.post("/recommend", json={"text": "red", "k": 1})) == ["r2"]
        assert not go.is_set()
    finally:
        go.set()
        change.join()
