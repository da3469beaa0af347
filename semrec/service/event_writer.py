"""One thread that writes events: posts that wait at the same time are stored in one transaction.

A transaction waits for the disk, so many small transactions are slow, and SQLite has one writer at a time
anyway. An acknowledged post is on the disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, Full, Queue

from semrec.events.batches import EventPosts, Post, Posted
from semrec.service.error_responses import ServiceError

MAX_GROUP_POSTS = 256
"""Largest number of posts in one transaction."""


class EventWriter:
    """Stores posts, one group after the other.

    Parameters
    ----------
    open_posts : opens the place where posts are stored. Called in the thread of the writer, and again after
        an error.
    max_waiting : posts that can wait; further posts are refused with status 429.
    """

    def __init__(self, open_posts: Callable[[], EventPosts], max_waiting: int) -> None:
        self._open_posts = open_posts
        self._posts: EventPosts | None = None
        self._queue: Queue[tuple[Post, Future[Posted]] | None] = Queue(max_waiting)
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)
        self._thread.start()

    async def store(self, post: Post) -> Posted:
        """Store a post and return its report, once it is on the disk.

        Raises
        ------
        ServiceError
            Too many posts are waiting.
        StoreError
            The post was not stored.
        """
        future: Future[Posted] = Future()
        try:
            self._queue.put_nowait((post, future))
        except Full:
            raise ServiceError(429, "too many events are waiting; try again later", retry_after_s=1) from None
        # A client that disconnects does not cancel the write: other posts of the group depend on it.
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self, timeout_s: float) -> bool:
        """Store all waiting posts and end the thread; return whether it ended within the time."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _write(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                self._posts = self._posts or self._open_posts()
                reports = self._posts.store([post for post, _ in group])
            except Exception as error:
                self._posts = None
                for _, future in group:
                    future.set_exception(error)
            else:
                for (_, future), report in zip(group, reports, strict=True):
                    future.set_result(report)

    def _next_group(self) -> list[tuple[Post, Future[Posted]]] | None:
        """Return all waiting posts, at least one; None after `close`."""
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP_POSTS:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                break
            if waiting is None:
                self._queue.put(None)
                break
            group.append(waiting)
        return group
