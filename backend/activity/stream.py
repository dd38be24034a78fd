"""The live event stream: one Redis subscription a process, handed on to every open page.

A page costs one small queue. A page too slow to keep up loses its oldest events; it asks for what it shows when it
reconnects. Without Redis pages stay connected and the hub keeps trying.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterator

import redis.asyncio
from redis.exceptions import RedisError

from backend.core.runtime import EVENTS_CHANNEL

logger = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
LONGEST_STREAM_S = 3600.0  # then the page reconnects, and its sign-in is checked again
QUEUE_EVENTS = 512
_RETRY_S = (0.5, 1.0, 2.0, 5.0)


class Subscription:
    """One page's queue."""

    def __init__(self, dataset_id: str | None) -> None:
        self.dataset_id = dataset_id
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_EVENTS)

    def offer(self, message: bytes | None) -> None:
        """Adds a message; the oldest makes room."""
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(message)


class EventHub:
    """Listens to Redis and hands on. Lives on the event loop of the web process."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._subscriptions: set[Subscription] = set()
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = False

    @contextlib.contextmanager
    def subscribe(self, dataset_id: str | None) -> Iterator[Subscription]:
        """A queue of the events of one dataset (and of none), or of all."""
        subscription = Subscription(dataset_id)
        self._subscriptions.add(subscription)
        self._loop = asyncio.get_running_loop()
        if self._listener is None or self._listener.done():
            self._listener = self._loop.create_task(self._listen())
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def wait_listening(self, timeout_s: float) -> None:
        """Until Redis is subscribed to, or the time is over: events after a page's first byte then reach it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), timeout_s)

    def close(self) -> None:
        """Ends every stream, so that the server can shut down. Safe to call twice, on the event loop."""
        self.closing = True
        for subscription in self._subscriptions:
            subscription.offer(None)
        if self._listener is not None:
            self._listener.cancel()

    def close_soon(self) -> None:
        """`close` from a signal handler or another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.close)

    async def _listen(self) -> None:
        failures = 0
        while not self.closing:
            client = redis.asyncio.Redis.from_url(self._redis_url, socket_connect_timeout=2, health_check_interval=15)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(EVENTS_CHANNEL)
                    self._listening.set()
                    failures = 0
                    while True:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=HEARTBEAT_S)
                        if message is not None:
                            self._hand_on(message["data"])
            except (RedisError, OSError) as error:
                if failures == 0:
                    logger.warning("the event stream lost Redis and keeps trying: %s", error)
            finally:
                self._listening.clear()
                with contextlib.suppress(Exception):
                    await client.aclose()
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1

    def _hand_on(self, raw: bytes) -> None:
        try:
            message = json.loads(raw)
            name, data = message["event"], message["data"]
        except (ValueError, KeyError, TypeError):
            logger.warning("a message that is not an event was dropped")
            return
        dataset_id = data.get("dataset_id")
        encoded = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        for subscription in self._subscriptions:
            if dataset_id is None or subscription.dataset_id in (None, dataset_id):
                subscription.offer(encoded)


async def format_events(hub: EventHub, dataset_id: str | None) -> AsyncIterator[bytes]:
    """The bytes of one page's stream, until the page or the server goes."""
    ends_at = asyncio.get_running_loop().time() + LONGEST_STREAM_S
    with hub.subscribe(dataset_id) as subscription:
        await hub.wait_listening(2.0)
        yield b"retry: 2000\n: connected\n\n"
        while not hub.closing and asyncio.get_running_loop().time() < ends_at:
            try:
                message = await asyncio.wait_for(subscription.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if message is None:
                return
            yield message
