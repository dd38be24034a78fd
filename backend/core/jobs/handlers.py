"""Which function does which kind of job, on which queue, and what runs on the clock.

Handlers live in the features' `tasks.py`, which only workers import. The web process enqueues jobs without their
handlers, so `pipeline.py` declares every kind's queue for all processes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from backend.core.celery import QUEUES, Queue
from backend.core.jobs.context import JobContext

HandlerFunction = Callable[[JobContext], dict[str, Any] | None]
PeriodicFunction = Callable[[Session], None]
DEFAULT_MAX_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Handler:
    """The function for one kind of job."""

    kind: str
    queue: Queue
    max_attempts: int
    function: HandlerFunction


@dataclass(frozen=True, kw_only=True)
class Periodic:
    """A function that runs on the clock."""

    name: str
    every_s: float
    function: PeriodicFunction


handlers: dict[str, Handler] = {}
periodics: dict[str, Periodic] = {}
_queues: dict[str, Queue] = {}


def declare_queues(queues: Mapping[str, Queue]) -> None:
    """Says on which queue each kind of job runs, in processes that do not have the handlers."""
    _queues.update(queues)


def queue_of(kind: str) -> Queue:
    """The queue of a kind of job; ValueError for a kind nobody declared."""
    if kind in handlers:
        return handlers[kind].queue
    try:
        return _queues[kind]
    except KeyError:
        raise ValueError(f"The job kind {kind!r} is not declared in backend/pipeline.py.") from None


def handler(
    kind: str, queue: Queue, max_attempts: int = DEFAULT_MAX_ATTEMPTS
) -> Callable[[HandlerFunction], HandlerFunction]:
    """Registers a function for a kind of job. It gets a `JobContext`, returns the job's `result`, and may run twice."""
    if queue not in QUEUES:
        raise ValueError(f"{queue!r} is not a queue; choose one of {', '.join(QUEUES)}.")
    if _queues.get(kind, queue) != queue:
        raise ValueError(f"The job kind {kind!r} is declared for queue {_queues[kind]!r}, but handled on {queue!r}.")

    def register(function: HandlerFunction) -> HandlerFunction:
        handlers[kind] = Handler(kind=kind, queue=queue, max_attempts=max_attempts, function=function)
        return function

    return register


def periodic(name: str, every_s: float) -> Callable[[PeriodicFunction], PeriodicFunction]:
    """Registers a short function that runs every so often in one transaction, in one process at a time."""

    def register(function: PeriodicFunction) -> PeriodicFunction:
        periodics[name] = Periodic(name=name, every_s=every_s, function=function)
        return function

    return register
