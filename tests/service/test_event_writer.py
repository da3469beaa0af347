"""Posts that wait together are stored in one transaction."""

from __future__ import annotations

import asyncio
import threading

import pytest

from semrec.errors import StoreError
from semrec.service.error_responses import ServiceError
from semrec.service.event_writer import EventWriter


class RecordingPosts:
    """Stores nothing, but notes the groups; waits for `go` first, and fails for the post "bad"."""

    def __init__(self):
        self.go = threading.Event()
        self.started = threading.Event()
        self.groups = []

    def store(self, posts):
        self.started.set()
        assert self.go.wait(10)
        self.groups.append(list(posts))
        if "bad" in posts:
            raise StoreError("the disk is full")
        return [f"{post} stored" for post in posts]


@pytest.fixture
def posts():
    return RecordingPosts()


async def hold_first(writer, posts):
    """Store a first post, and return its task once the writer has taken it from the queue."""
    first = asyncio.create_task(writer.store("first"))
    while not posts.started.is_set():
        await asyncio.sleep(0.001)
    return first


def test_waiting_posts_are_stored_together(posts):
    writer = EventWriter(lambda: posts, 8)

    async def run():
        first = await hold_first(writer, posts)
        others = [asyncio.create_task(writer.store(name)) for name in "abc"]
        await asyncio.sleep(0)
        posts.go.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(run()) == ["first stored", "a stored", "b stored", "c stored"]
    assert posts.groups == [["first"], ["a", "b", "c"]]
    assert writer.close(10)


def test_an_error_reaches_every_post_and_the_log_is_opened_again(posts):
    n_opened = []
    writer = EventWriter(lambda: n_opened.append(1) or posts, 8)
    posts.go.set()

    async def run():
        assert await writer.store("good") == "good stored"
        with pytest.raises(StoreError, match="disk is full"):
            await writer.store("bad")
        assert await writer.store("good again") == "good again stored"

    asyncio.run(run())
    assert len(n_opened) == 2
    assert writer.close(10)


def test_too_many_posts_are_refused(posts):
    writer = EventWriter(lambda: posts, 2)

    async def run():
        tasks = [await hold_first(writer, posts)]
        tasks += [asyncio.create_task(writer.store(name)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(ServiceError) as refused:
            await writer.store("c")
        assert refused.value.status == 429
        posts.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert writer.close(10)


def test_close_stores_waiting_posts(posts):
    writer = EventWriter(lambda: posts, 8)

    async def run():
        tasks = [await hold_first(writer, posts), asyncio.create_task(writer.store("a"))]
        await asyncio.sleep(0)
        assert not writer.close(0.05)
        posts.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert writer.close(10)
    assert posts.groups == [["first"], ["a"]]
