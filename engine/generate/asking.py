"""How a model is asked about many prompts: by which arrangement of its decoder, how many at once, in how many threads.

On a CPU arithmetic is dear: `engine.model.many` does half of it. A GPU waits for launches rather than for arithmetic,
and the decoder as it was trained has fewer.

Batches are worked on side by side. On a CPU by one thread each: the pieces of a batch are so small that threads which
share them would mostly wait for each other. For a GPU by a few, so that it has the next batch to do while one thread
waits for its answers and writes down their masks.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from engine.generate.upsample import one_thread
from engine.model.many import ManyPrompts
from engine.model.mask_decoder import Answers, MaskDecoder
from engine.model.sam import Sam

BATCH_ON_GPU = 128  # in float32; bfloat16 has room for twice as many
WORKERS_ON_GPU = 2  # three or more gained nothing, measured with batches of 64 to 256
WEIGHTS_ON_CPU = 2**20  # attention weights of a batch: 16 prompts of the packaged model, 4 of a released size
DRAWN_ON_CPU = 4  # prompts whose masks are drawn at once: drawing takes most of the memory, and no longer in parts
USUAL_TOKENS = 7  # of a click or a box, with the output tokens

Prompts = npt.NDArray[np.float64]  # points (N, 2) or boxes (N, 4)
BoolArray = npt.NDArray[np.bool_]
T = TypeVar("T")


class Asked(Protocol):
    """Answers whose masks are drawn on demand."""

    @property
    def iou(self) -> torch.Tensor:
        """(N, M) predicted IoU, in the order [single, candidate 1, 2, 3]."""

    def draw(self, index: torch.Tensor, window: tuple[int, int]) -> torch.Tensor:
        """The masks of the prompts `index` (K,): the first `window` (h, w) of their low_res logits, (K, M, h, w)."""


class _OnDevice:
    """Answers of the decoder as it was trained."""

    def __init__(self, decoder: MaskDecoder, answers: Answers) -> None:
        self._decoder, self._answers = decoder, answers
        self.iou = answers.iou

    def draw(self, index: torch.Tensor, window: tuple[int, int]) -> torch.Tensor:
        return self._decoder.draw(Answers(*(part[index] for part in self._answers)), window)


class Asker:
    """A model asked about one image.

    Args:
        model: on the device that does the work.
        embedding: (1, C, G, G) of the image.

    Attributes:
        batch_size: how many prompts are best asked about at once by each thread.
        drawn_at_once: of how many the masks are best drawn at once.
    """

    batch_size: int
    drawn_at_once: int

    def __init__(self, model: Sam, embedding: torch.Tensor) -> None:
        config, decoder = model.config, model.mask_decoder
        if model.device.type == "cpu":
            weights = config.transformer_heads * USUAL_TOKENS * config.grid**2
            self.batch_size, self.drawn_at_once = max(1, WEIGHTS_ON_CPU // weights), DRAWN_ON_CPU
            self.ask: Callable[[torch.Tensor], Asked] = ManyPrompts(model, embedding).answer
            return
        self.batch_size, self.drawn_at_once = BATCH_ON_GPU * 4 // model.dtype.itemsize, BATCH_ON_GPU
        features = model.prepare(embedding)
        self.ask = lambda sparse: _OnDevice(decoder, decoder.answer(features, sparse))


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
