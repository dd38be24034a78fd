"""Events: something happened to a dataset. First the pipeline's subscribers, then every open page.

Subscribers run in the emitting transaction: what an event sets in motion (jobs, mostly) is committed with its cause or
not at all. Pages hear of it after the commit, through Redis, and may miss it.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from backend.core.db import after_commit
from backend.core.runtime import runtime_of


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened. `data` holds Python values (UUIDs stay UUIDs) for subscribers; pages get it as JSON."""

    name: str
    dataset_id: uuid.UUID | None = None
    data: dict[str, Any] = field(default_factory=dict)


Subscriber = Callable[[Session, Event], None]

_subscribers: dict[str, list[Subscriber]] = {}


def subscribe(name: str, subscriber: Subscriber) -> None:
    """Runs `subscriber` in the transaction of every event of this name. Subscribing twice counts once."""
    known = _subscribers.setdefault(name, [])
    if subscriber not in known:
        known.append(subscriber)


def unsubscribe(name: str, subscriber: Subscriber) -> None:
    """Undoes `subscribe`."""
    known = _subscribers.get(name, [])
    if subscriber in known:
        known.remove(subscriber)


def emit(
    session: Session, name: str, *, dataset_id: uuid.UUID | None = None, broadcast: bool = True, **data: Any
) -> None:
    """Tells subscribers now, and pages after the commit.

    `broadcast=False` keeps an event inside the server: for data that is large or no page's business.
    """
    event = Event(name=name, dataset_id=dataset_id, data=data)
    for subscriber in tuple(_subscribers.get(name, ())):
        subscriber(session, event)
    runtime = runtime_of(session)
    if broadcast and runtime is not None:
        body = jsonable({"dataset_id": dataset_id, **data})
        after_commit(session, lambda: runtime.publish(name, body))


def jsonable(value: Any) -> Any:
    """The value with ids and times as strings, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value
