"""Training the detector head, on embeddings that were made once.

Which cell answers for which object, the loss, and a loop that is a pure function of its settings, its examples and the
first weights (on a CPU in float32) unless it ends on time. It takes seconds to minutes, so it keeps no checkpoint: who
is interrupted begins again. Annotators leave objects out: where nobody drew anything, "no object" is only half
believed, but wholly where somebody threw a proposal away. Knows no rounds.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from engine.errors import TrainingError
from engine.geometry import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from engine.model.detector import Boxes, Detector
    from engine.model.sam import Sam
    from engine.train.data import Sample, SampleSource
    from engine.train.loop import Progress

CORE = 0.4  # of a box's sides: cells in this middle part of it answer for it
FOCUS = 2.0  # power of quality focal loss
BOX_WEIGHT = 2.0
TRUST = 0.05  # least quality a cell that answers for a box should predict, so that it begins to
SMOOTHING = 0.95  # of the loss that is reported
TICKS = 1000  # "total" of progress


@dataclass(frozen=True)
class DetectorExample:
    """One image: `embedding()` gives (C, G, G), any float type; `boxes` (K, 4) xyxy in the model frame; `input_size`
    (h, w) of the image there. `complete`: every object has a box. `dropped`: boxes in which a person saw no object, or
    none of that outline, (R, 4) in the same frame; None: nobody was asked.
    """

    embedding: Callable[[], Tensor]
    boxes: NDArray[np.float64]
    input_size: tuple[int, int]
    complete: bool = False
    dropped: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class DetectorTraining:
    """How a detector is trained.

    Ends after `max_steps` or `minutes`, whichever comes first. `bare_weight` is what "no object" weighs in cells that
    lie in no box of an image whose objects may not all be drawn. `noise` is added to embeddings, in parts of their
    deviation.
    """

    seed: int = 0
    max_steps: int | None = None
    minutes: float | None = None
    num_images: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_steps: int = 20
    final_lr: float = 0.02
    bare_weight: float = 0.5
    noise: float = 0.1
    ema_decay: float = 0.99
    grad_clip: float = 5.0

    def __post_init__(self) -> None:
        if self.max_steps is None and self.minutes is None:
            raise TrainingError("Training a detector needs an end: set max_steps or minutes.")
        if (self.max_steps is not None and self.max_steps < 1) or (self.minutes is not None and self.minutes <= 0):
            raise TrainingError("max_steps and minutes must be positive.")


class CellTargets(NamedTuple):
    """What the cells of an image should say: `box` (n, 4) of cells that answer for one, `positive` (n,) which do,
    `share` (n,) their part of their object's box loss, `weight` (n,) of what they say of quality.
    """

    box: Tensor
    positive: Tensor
    share: Tensor
    weight: Tensor


def assign(
    boxes: NDArray[np.float64],
    side: int,
    stride: float,
    input_size: tuple[int, int],
    *,
    bare_weight: float,
    dropped: NDArray[np.float64] | None = None,
) -> CellTargets:
    """Which of side x side cells of `stride` model pixels answer for which of the boxes (K, 4).

    A box is answered for by the cell its middle lies in and those whose middles lie in its core; of several boxes the
    smallest has a cell. Cells in the padding count for nothing; of those that answer for no box the ones in a box, and
    those that would answer for one of `dropped` (R, 4), count in full.
    """
    centres = np.float64(stride) * (np.arange(side) + 0.5)
    owner = np.full((side, side), -1)
    covered = np.zeros((side, side), dtype=bool)
    sizes = boxes[:, 2:] - boxes[:, :2]
    for index in np.argsort(-sizes.prod(axis=1), kind="stable"):
        owner[_cells(boxes[index], centres, CORE)] = index
        covered[_cells(boxes[index], centres, 1.0, home=False)] = True
    for box in [] if dropped is None else dropped:
        covered[_cells(box, centres, CORE)] = True
    positive = owner >= 0
    counts = np.bincount(owner[positive], minlength=len(boxes))
    box = np.zeros((side, side, 4), np.float32)
    share = np.zeros((side, side), np.float32)
    box[positive] = boxes[owner[positive]]
    share[positive] = 1 / counts[owner[positive]]
    weight = np.where(positive | covered, 1.0, bare_weight)
    weight *= (centres < input_size[0])[:, None] & (centres < input_size[1])[None]
    flat = (box.reshape(-1, 4), positive.ravel(), share.ravel(), weight.astype(np.float32).ravel())
    return CellTargets(*(torch.from_numpy(part) for part in flat))


def _cells(
    box: NDArray[np.float64], centres: NDArray[np.float64], part: float, *, home: bool = True
) -> tuple[NDArray[np.intp], ...]:
    """Index of the cells whose middles lie in the middle `part` of a box's sides; with `home` also those in the row and
    the column that the box's own middle lies in, of which there is always one.
    """
    middle, reach = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * part / 2
    in_x, in_y = (np.abs(centres - middle[axis]) <= reach[axis] for axis in (0, 1))
    if home:
        column, row = np.clip(middle // (2 * centres[0]), 0, len(centres) - 1).astype(int)
        in_x[column] = in_y[row] = True
    return np.ix_(in_y, in_x)


def detector_loss(said: Boxes, wanted: CellTargets) -> Tensor:
    """Loss of B images, per object: `said` and `wanted` have a leading B.

    Boxes learn by generalised IoU, each object counting once whatever its size; quality by quality focal loss: the
    IoU of a cell's box is what it should predict, 0 where it answers for nothing.
    """
    positive = wanted.positive
    iou, generalised = box_overlap(said.boxes[positive], wanted.box[positive])
    objects = wanted.share.sum().clamp(min=1)
    box_loss = (wanted.share[positive] * (1 - generalised)).sum() / objects
    quality = torch.zeros_like(said.quality)
    quality[positive] = iou.detach().clamp(min=TRUST)
    miss = (said.quality.sigmoid() - quality).abs().pow(FOCUS)
    errors = miss * functional.binary_cross_entropy_with_logits(said.quality, quality, reduction="none")
    quality_loss = (wanted.weight * errors).sum() / positive.sum().clamp(min=1)
    return quality_loss + BOX_WEIGHT * box_loss


def box_overlap(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes (N, 4) with the others of the same rows: (N,) each."""
    low, high = boxes[:, :2].maximum(others[:, :2]), boxes[:, 2:].minimum(others[:, 2:])
    inter = (high - low).clamp(min=0).prod(dim=1)
    areas = [(part[:, 2:] - part[:, :2]).prod(dim=1) for part in (boxes, others)]
    union = (areas[0] + areas[1] - inter).clamp(min=1e-6)
    hull = (boxes[:, 2:].maximum(others[:, 2:]) - boxes[:, :2].minimum(others[:, :2])).prod(dim=1).clamp(min=1e-6)
    iou = inter / union
    return iou, iou - (hull - union) / hull


def embedded_examples(
    model: Sam, samples: SampleSource, progress: Callable[[int, int], None] | None = None
) -> list[DetectorExample]:
    """Every sample and its mirror image as examples, whose embeddings stay in memory as float16.

    `progress` gets (done, total) samples.
    """
    examples = []
    for number in range(len(samples)):
        sample = samples[number]
        examples += [_embedded(model, sample, flip=flip) for flip in (False, True)]
        if progress is not None:
            progress(number + 1, len(samples))
    return examples


@torch.inference_mode()
def _embedded(model: Sam, sample: Sample, *, flip: bool) -> DetectorExample:
    frame, boxes, image = Frame(sample.size, model.config.image_size), sample.boxes, sample.image
    if flip:
        boxes = np.stack([sample.size[1] - boxes[:, 2], boxes[:, 1], sample.size[1] - boxes[:, 0], boxes[:, 3]], axis=1)
        image = np.ascontiguousarray(image[:, ::-1])
    embedding = model.embed(model.preprocess([image]))[0].half().cpu()
    framed = frame.boxes_to_model(boxes).astype(np.float64)
    return DetectorExample(lambda: embedding, framed, frame.input_size, sample.complete)


def train_detector(
    detector: Detector,
    examples: Sequence[DetectorExample],
    settings: DetectorTraining,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, float]:
    """Train `detector` in place, on the device it is on; it ends with averaged weights, in eval mode.

    `progress` gets (done, total, {"step", "detector_loss"}) after every step; `should_stop` ends the training early.

    Returns:
        {"steps", "seconds", "loss"} (the loss smoothed over about 20 steps).

    Raises:
        TrainingError: there is no box to learn from, or the loss is no longer a number.
    """
    if not any(len(example.boxes) for example in examples):
        raise TrainingError("There is no mask to train a detector on; accept masks on some embedded images first.")
    run = _Run(detector, examples, settings)
    detector.train()
    while run.fraction < 1 and not (should_stop is not None and should_stop()):
        run.step()
        if progress is not None:
            progress(int(run.fraction * TICKS), TICKS, {"step": float(run.steps), "detector_loss": run.loss})
    detector.load_state_dict(run.average)
    detector.eval()
    return {"steps": float(run.steps), "seconds": run.elapsed_s, "loss": run.loss}


class _Run:
    """The moving parts of one training."""

    def __init__(self, detector: Detector, examples: Sequence[DetectorExample], settings: DetectorTraining) -> None:
        self._detector = detector
        self._settings = settings
        self._device = detector.answer.weight.device
        self._embeddings = [example.embedding for example in examples]
        targets = [
            assign(
                example.boxes,
                detector.side,
                detector.stride,
                example.input_size,
                bare_weight=1.0 if example.complete else settings.bare_weight,
                dropped=example.dropped,
            )
            for example in examples
        ]
        self._targets = [CellTargets(*(part.to(self._device) for part in target)) for target in targets]
        matrices = [value for value in detector.parameters() if value.ndim > 1]
        others = [value for value in detector.parameters() if value.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=settings.learning_rate,
        )
        self.average = {name: value.detach().clone() for name, value in detector.state_dict().items()}
        self.steps = 0
        self.loss = math.nan
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        by_steps = self.steps / self._settings.max_steps if self._settings.max_steps else 0.0
        by_time = self.elapsed_s / (60 * self._settings.minutes) if self._settings.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def step(self) -> None:
        """One optimiser step on images drawn by (seed, step)."""
        settings = self._settings
        rng = np.random.default_rng([settings.seed, self.steps])
        chosen = rng.choice(len(self._embeddings), min(settings.num_images, len(self._embeddings)), replace=False)
        embedding = torch.stack([self._embeddings[index]().to(self._device) for index in chosen]).float()
        if settings.noise:
            noise = torch.from_numpy(rng.standard_normal(embedding.shape, dtype=np.float32)).to(self._device)
            embedding = embedding + settings.noise * embedding.std() * noise
        wanted = CellTargets(*(torch.stack(part) for part in zip(*(self._targets[i] for i in chosen), strict=True)))
        rate = self._rate()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = detector_loss(self._detector(embedding), wanted)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"The detector's loss became {value} at step {self.steps}; lower the learning rate.")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._detector.parameters(), settings.grad_clip)
        self._optimizer.step()
        self.steps += 1
        self.loss = value if math.isnan(self.loss) else SMOOTHING * self.loss + (1 - SMOOTHING) * value
        decay = min(settings.ema_decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, weight in self._detector.state_dict().items():
                self.average[name].lerp_(weight, 1 - decay)

    def _rate(self) -> float:
        """Linear warm-up, then a cosine to `final_lr` of the full rate."""
        settings = self._settings
        warm = min(1.0, (self.steps + 1) / max(1, settings.warmup_steps))
        cosine = 0.5 * (1 + math.cos(math.pi * self.fraction))
        return settings.learning_rate * warm * (settings.final_lr + (1 - settings.final_lr) * cosine)
