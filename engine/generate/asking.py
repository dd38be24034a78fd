"""How a decoder is asked about many prompts: which of them are worth an exact answer, and in how many threads.

Where the device is faster in bfloat16, prompts are screened in it first: those whose predicted IoU stays well below the
bar are done with, the others are answered again in float32. So the masks are those of float32 alone, as long as
bfloat16 is not further off than `SCREEN_MARGIN`.

Batches are worked on side by side. On a CPU by one thread each: the pieces of a batch are so small that threads which
share them would mostly wait for each other. For a GPU by a few, so that it has the next batch to do while one thread
waits for its answers and writes down their masks.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from engine.generate.upsample import one_thread
from engine.model.device import fast_dtype
from engine.model.mask_decoder import ImageFeatures, MaskDecoder
from engine.model.sam import Sam

BATCH_ON_GPU = 128  # in float32; bfloat16 has room for twice as many
WORKERS_ON_GPU = 2  # three or more gained nothing, measured with batches of 64 to 256
CELLS_ON_CPU = 2**22  # numbers in the image cells of a batch: 32 prompts of the packaged model, 4 of a released size
SCREEN_MARGIN = 0.02  # bfloat16 moves predicted IoU by up to 0.008 (docs/log.md, 2026-11-22)
SCREEN_PAYS_BELOW = 0.35  # share of points that pass: screening costs about two thirds of answering

Prompts = npt.NDArray[np.float64]  # points (N, 2) or boxes (N, 4)
BoolArray = npt.NDArray[np.bool_]
T = TypeVar("T")


def batch_size(model: Sam) -> int:
    """How many prompts about one image are best answered at once by each thread."""
    if model.device.type != "cpu":
        return BATCH_ON_GPU * 4 // model.dtype.itemsize
    return max(1, CELLS_ON_CPU // (model.config.grid**2 * model.config.prompt_dim))


class Screen:
    """Tells, in a lower precision, which prompts about an image are worth an exact answer, as long as that saves work:
    those of which one of the answers `used` nears the bar. One that is `off` lets all of them pass.
    """

    def __init__(self, features: ImageFeatures, bar: float, used: slice, *, off: bool = False) -> None:
        dtype = fast_dtype(features.cells.device)
        self._features = None if off or dtype == features.cells.dtype else features.to(dtype)
        self._bar = bar - SCREEN_MARGIN
        self._used = used
        self._seen = self._passed = 0

    def promising(self, decoder: MaskDecoder, sparse: torch.Tensor) -> BoolArray:
        """(N, T, C) prompts -> (N,). Answers that are not finite pass: the exact answer will report them."""
        count = len(sparse)
        if self._features is None or self._passed > SCREEN_PAYS_BELOW * max(self._seen, BATCH_ON_GPU):
            return np.ones(count, dtype=np.bool_)
        with torch.inference_mode():
            hopeless = (decoder.answer(self._features, sparse).iou[:, self._used] <= self._bar).all(dim=1)
        passed: BoolArray = ~hopeless.cpu().numpy()
        self._seen += count
        self._passed += int(np.count_nonzero(passed))
        return passed


def side_by_side(
    work: Callable[[Prompts], T], batches: Sequence[Prompts], device: torch.device
) -> Generator[T, None, None]:
    """What `work` makes of each batch, in order; on a CPU by as many threads as torch would use."""
    threads = min(torch.get_num_threads() if device.type == "cpu" else WORKERS_ON_GPU, len(batches))
    if threads <= 1:
        yield from map(work, batches)
        return
    with (
        one_thread(),
        ThreadPoolExecutor(threads, "points", initializer=partial(torch.set_num_threads, 1)) as pool,
    ):
        yield from pool.map(work, batches)
