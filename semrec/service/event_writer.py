"""One thread that writes events: posts that wait together are stored in one transaction.

A transaction waits for the disk, so many small ones are slow, and SQLite has one writer at a time anyway.
What is acknowledged is on the disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, Full, Queue

from semrec.events.batches import EventPosts, Post, Posted
from semrec.service.errors import ServiceError

MOST_TOGETHER = 256
"""Posts in one transaction."""


class EventWriter:
    """Stores posts one group after the other.

    Parameters
    ----------
    open_posts : returns where they are stored; called in the thread, again after it failed.
    waiting : posts that may wait; the next one is refused with 429.
    """

    def __init__(self, open_posts: Callable[[], EventPosts], waiting: int) -> None:
        self._open_posts = open_posts
        self._posts: EventPosts | None = None
        self._queue: Queue[tuple[Post, Future[Posted]] | None] = Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)
        self._thread.start()

    async def store(self, post: Post) -> Posted:
        """Return what became of a post, once it is on the disk.

        Raises
        ------
        ServiceError
            Too many wait.
        StoreError
            It was not stored.
        """
        future: Future[Posted] = Future()
        try:
            self._queue.put_nowait((post, future))
        except Full:
            raise ServiceError(429, "too many events are waiting; come later", retry_after_s=1) from None
        # A client that gives up does not take its events back: others of the group are stored with them.
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self, wait_s: float) -> bool:
        """Store what waits, and end the thread; return whether it ended in time."""
        self._queue.put(None)
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                self._posts = self._posts or self._open_posts()
                posted = self._posts.store([post for post, _ in group])
            except Exception as error:
                self._posts = None
                for _, future in group:
                    future.set_exception(error)
            else:
                for (_, future), done in zip(group, posted, strict=True):
                    future.set_result(done)

    def _next_group(self) -> list[tuple[Post, Future[Posted]]] | None:
        """Return what waits, at least one post; None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MOST_TOGETHER:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                break
            if waiting is None:
                self._queue.put(None)
                break
            group.append(waiting)
        return group
