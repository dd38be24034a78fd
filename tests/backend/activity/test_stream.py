"""The live event stream on a real server: heard by followers, closed at shutdown, indifferent to a lost Redis."""

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.activity import stream
from backend.core import events, jobs
from backend.core.jobs import JobContext
from backend.core.jobs.handlers import handlers
from backend.core.jobs.runner import run_job
from backend.core.runtime import Runtime

Login = Callable[..., TestClient]


@pytest.fixture
def server(app: FastAPI) -> Iterator[tuple[str, uvicorn.Server]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}", server
    server.should_exit = True
    app.state.events.close_soon()
    thread.join(15)
    assert not thread.is_alive()


def follow(url: str, cookies: httpx.Cookies, **parameters: str) -> Iterator[tuple[str, dict[str, object]]]:
    with httpx.stream("GET", f"{url}/api/events", params=parameters, cookies=cookies, timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            if line == ": connected":
                yield "connected", {}
            elif line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_events_reach_those_who_follow(runtime: Runtime, login: Login, server: tuple[str, uvicorn.Server]) -> None:
    url, _ = server
    assert httpx.get(f"{url}/api/events").status_code == 401
    mine, other = uuid.uuid4(), uuid.uuid4()
    heard = follow(url, login("annotator").cookies, dataset_id=str(mine))
    assert next(heard) == ("connected", {})
    with runtime.database.transaction() as session:
        events.emit(session, "dataset.updated", dataset_id=other)
        events.emit(session, "test.private", dataset_id=mine, broadcast=False)
        events.emit(session, "mask.updated", dataset_id=mine, mask_id=other)
    assert next(heard) == ("mask.updated", {"dataset_id": str(mine), "mask_id": str(other)})
    heard.close()  # type: ignore[attr-defined]


def test_a_job_tells_how_far_it_is(runtime: Runtime, login: Login, server: tuple[str, uvicorn.Server]) -> None:
    @jobs.handler("test.told", "io")
    def told(ctx: JobContext) -> None:
        for step in range(1000):
            ctx.progress(step + 1, 1000, "working")

    heard = follow(server[0], login("annotator").cookies)
    assert next(heard) == ("connected", {})
    with runtime.database.transaction() as session:
        job = jobs.enqueue(session, "test.told")
    run_job(runtime, job.id)
    del handlers["test.told"]
    states = []
    for name, data in heard:
        assert name == "job.updated"
        states.append((data["state"], data["done"]))
        if data["state"] == "succeeded":
            break
    assert states[0] == ("queued", 0)
    assert states[-1] == ("succeeded", 1000)
    assert len(states) < 60  # a thousand steps, told a few times a second
    heard.close()  # type: ignore[attr-defined]


def test_a_slow_page_loses_the_oldest_events_only() -> None:
    async def scenario() -> list[bytes | None]:
        subscription = stream.Subscription(None)
        for number in range(stream.QUEUE_EVENTS + 10):
            subscription.offer(str(number).encode())
        return [subscription.queue.get_nowait() for _ in range(subscription.queue.qsize())]

    kept = asyncio.run(scenario())
    assert (kept[0], kept[-1]) == (b"10", str(stream.QUEUE_EVENTS + 9).encode())


def test_without_redis_a_stream_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.2)

    async def scenario() -> list[bytes]:
        hub = stream.EventHub("redis://127.0.0.1:9/0")
        parts = []
        async for part in stream.format_events(hub, None):
            parts.append(part)
            if len(parts) == 3:
                hub.close()
        return parts

    connected, first, second = asyncio.run(scenario())[:3]
    assert b"connected" in connected
    assert first == second == b": still here\n\n"
