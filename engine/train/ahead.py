"""Batches made in threads ahead of the step that needs them, and how long it waits for them all the same."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from engine.train.checkpoint import TrainState
    from engine.train.loop import TrainSettings
    from engine.train.pretrain import PretrainSettings

__all__ = ["batches_of", "made_ahead"]

T = TypeVar("T")


class Run(Protocol):
    """What fetching batches asks of a run."""

    state: TrainState
    figures: dict[str, float]

    @property
    def settings(self) -> TrainSettings | PretrainSettings: ...

    @property
    def finished(self) -> bool: ...


def batches_of(run: Run, make: Callable[[int], T]) -> Iterator[T]:
    """`make(step)` for the steps that a run has left, each made ahead while those before are trained on; the share of
    the time in which the run waited for them all the same becomes its figure "waiting".
    """
    return made_ahead(
        make,
        first=run.state.step,
        last=run.settings.max_steps,
        loaders=run.settings.loaders,
        finished=lambda: run.finished,
        note_waiting=partial(run.figures.__setitem__, "waiting"),
    )


def made_ahead(
    make: Callable[[int], T],
    *,
    first: int,
    last: int | None,
    loaders: int,
    finished: Callable[[], bool],
    note_waiting: Callable[[float], None],
) -> Iterator[T]:
    """`make(step)` for the steps from `first` to before `last` (None: no end), in order, until `finished`.

    `loaders` threads work one batch each ahead. After every batch but the first, whose time nothing could have hidden,
    `note_waiting` gets the share of the time in which the caller had to wait.
    """
    pool = ThreadPoolExecutor(max_workers=loaders, thread_name_prefix="batches")
    ahead: deque[Future[T]] = deque()
    due, arrived, waited_s = first, None, 0.0
    try:
        while not finished():
            while len(ahead) <= loaders and due != last:
                ahead.append(pool.submit(make, due))
                due += 1
            asked = time.monotonic()
            made = ahead.popleft().result()
            now = time.monotonic()
            if arrived is None:
                arrived = now
            else:
                waited_s += now - asked
                note_waiting(waited_s / (now - arrived))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)
