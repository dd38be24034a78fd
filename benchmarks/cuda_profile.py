"""Where the time of one generated image goes: stage by stage, then operation by operation."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch.profiler import ProfilerActivity

from engine.generate import asking, generator, pixels
from engine.masks import rle
from engine.model.mask_decoder import MaskDecoder
from engine.model.sam import Sam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from engine.generate.generator import MaskGenerator

REST = "rest: grid, uploads, progress"
STAGES: list[tuple[str, Any, str]] = [
    ("preprocess", Sam, "preprocess"),
    ("embed", Sam, "embed"),
    ("prepare", Sam, "prepare"),
    ("matrices of the pixels", pixels.PixelFilter, "__init__"),
    ("prompt tokens", generator.MaskGenerator, "_tokens"),
    ("decoder: answer", MaskDecoder, "answer"),
    ("decoder: what passes", generator.MaskGenerator, "_answers"),
    ("decoder: draw", MaskDecoder, "draw"),
    ("pixels: bound", pixels.DeviceUpsampler, "stability_bound"),
    ("pixels: numbers", pixels.DeviceUpsampler, "numbers"),
    ("pixels: what passes", pixels.PixelFilter, "survivors"),
    ("boxes' NMS", generator, "suppress"),
    ("writing: draw", pixels.DeviceUpsampler, "masks"),
    ("writing: edges", pixels, "edges"),
    ("writing: RLE", rle, "encode_edges"),
    ("writing: rest", pixels.PixelFilter, "written"),
    ("finish", generator.MaskGenerator, "_finish"),
]
OPERATIONS = 18  # of each table


class _Clock:
    """Gives each moment to the stage that was entered last; waits for the device whenever that changes."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._wait = wait
        self._inside = [REST]
        self._since = 0.0

    def run(self, stage: str, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._mark()
        self._inside.append(stage)
        self.calls[stage] = self.calls.get(stage, 0) + 1
        try:
            return work(*args, **kwargs)
        finally:
            self._mark()
            self._inside.pop()

    def stop(self) -> None:
        self._mark()

    def start(self) -> None:
        self._mark()
        self.seconds.clear()
        self.calls.clear()

    def _mark(self) -> None:
        self._wait()
        now = time.perf_counter()
        stage = self._inside[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def spent(
    masks: MaskGenerator, image: NDArray[np.uint8], wait: Callable[[], None], rounds: int = 3
) -> Iterator[dict[str, Any]]:
    """Rows: an image's milliseconds as it is usually worked on and by one worker, then of each stage by one worker that
    waits for the device before and after it. Prints what torch's profiler says of one more.
    """

    def milliseconds() -> float:
        wait()
        started = time.perf_counter()
        for _ in range(rounds):
            masks.generate(image)
        wait()
        return 1000 * (time.perf_counter() - started) / rounds

    masks.generate(image)
    yield {"stage": "all, as usual", "ms": milliseconds(), "calls": 1}
    with mock.patch.object(asking, "WORKERS_ON_GPU", 1):
        masks.generate(image)
        yield {"stage": "all, one worker", "ms": milliseconds(), "calls": 1}
        clock = _Clock(wait)
        with ExitStack() as patches:
            for stage, owner, name in STAGES:
                patches.enter_context(_timed(clock, stage, owner, name))
            masks.generate(image)
            clock.start()
            milliseconds()
            clock.stop()
        total = sum(clock.seconds.values())
        yield {"stage": "all, one worker, waiting", "ms": 1000 * total / rounds, "calls": 1}
        for stage, seconds in sorted(clock.seconds.items(), key=lambda item: -item[1]):
            yield {"stage": stage, "ms": 1000 * seconds / rounds, "calls": clock.calls.get(stage, 0) / rounds}
        _operations(partial(masks.generate, image), wait)


def _timed(clock: _Clock, stage: str, owner: Any, name: str) -> Any:
    work = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:  # a function, which a class binds; a partial would not be bound
        return clock.run(stage, work, *args, **kwargs)

    return mock.patch.object(owner, name, timed)


def _operations(work: Callable[[], Any], wait: Callable[[], None]) -> None:
    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        work()
        wait()
    averages = profiler.key_averages()
    orders = ["self_cpu_time_total"] + ["self_cuda_time_total"] * (len(activities) - 1)
    for order in orders:
        print(averages.table(sort_by=order, row_limit=OPERATIONS, max_name_column_width=48), flush=True)
