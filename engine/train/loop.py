"""The training loop: one function, two modes, resumable.

`full` trains the whole model on images; `decoder` trains prompt encoder and decoder on cached embeddings and leaves the
encoder alone. A run is a pure function of its settings, its data and its first weights (on a CPU in float32): batches
and simulated prompts depend on (seed, step) only, so a run that was killed ends with the same weights as one that was
not. A run with a time budget (`minutes`) ends on time instead, at the price of that exactness.
A batch may be split over threads, over parts one after the other and over processes: all work on the same images and
the same prompts, and their gradients add up to those of the whole batch (where batch norm is frozen; else each part is
normalised by its own statistics, of which processes keep the mean).
Knows no files but its own checkpoint, and nothing of rounds or the platform.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch

from engine.errors import TrainingError
from engine.geometry import LOW_RES_STRIDE
from engine.train.ahead import batches_of
from engine.train.batches import Batch, BatchSize, part_of
from engine.train.checkpoint import TrainState, load_state, save_state
from engine.train.clicks import Script
from engine.train.interaction import InteractionSettings, drop_path_script, encode, grid_of, interact
from engine.train.processes import ALONE
from engine.train.prototypes import match_prototypes
from engine.train.rates import learning_rate, parameter_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from engine.model.sam import Sam
    from engine.train.batches import BatchSource
    from engine.train.processes import Processes

    Progress = Callable[[int, int, dict[str, float]], None]

CHECKPOINT = "last.pt"  # in a run's folder
SMOOTHING = 0.95  # of the figures reported as progress
TIME_TICKS = 1000  # "total" of progress where only the time is known
SUMMED = ("loss", "first_iou", "last_iou", "masks")  # figures of a step, summed over its masks


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What steps look like until `until`, a fraction of the run.

    `lesson`: "prompts" goes through the decoder as in use; "prototypes" is the first lesson of a fresh model
    (`engine.train.prototypes`), of whose interaction only the focal weight counts.
    """

    until: float
    batch: BatchSize
    lesson: Literal["prompts", "prototypes"] = "prompts"
    interaction: InteractionSettings = field(default_factory=InteractionSettings)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of one run.

    The run ends after `max_steps` or `minutes`, whichever comes first; the learning rate warms up over
    `warmup_steps` and falls along a cosine to `final_lr` of its height at that end. The encoder's rate is
    `encoder_lr` of that, times `layer_decay` for every layer (stem, stages or blocks, neck) that is above, and the
    `frozen_layers` nearest to the image stay as they are, statistics too; of the `still_layers` nearest to it only the
    statistics do: all for encoders that begin with trained weights. `bf16` runs the encoder in bfloat16 (the decoder's
    small attentions are faster in float32). `ema_decay` 0 turns the averaging of weights off. On a CPU, `shards` splits
    every batch over that many threads, torch's own being one meanwhile: on a busy machine those spend most of their
    time waiting for each other. With more than one shard, batch norm's statistics, unless frozen, depend on timing, so
    that a run is no longer exactly repeatable. `accumulate` works on every batch in that many parts, one after the
    other: the same gradient in less memory. `loaders` threads make batches ahead of the step. `drop_path` is the chance
    that the encoder's last block is left out for an image, its shortcut alone remaining (Huang et al. 2016); it falls
    linearly to 0 at the first block.
    """

    mode: Literal["full", "decoder"] = "full"
    seed: int = 0
    max_steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 8e-4
    encoder_lr: float = 1.0
    layer_decay: float = 1.0
    frozen_layers: int = 0
    still_layers: int = 0
    weight_decay: float = 0.05
    warmup_steps: int = 250
    final_lr: float = 0.01
    grad_clip: float = 1.0
    ema_decay: float = 0.997
    bf16: bool = True
    freeze_batchnorm: bool = False
    shards: int = 1
    accumulate: int = 1
    loaders: int = 2
    drop_path: float = 0.0
    phases: tuple[Phase, ...] = (Phase(until=1.0, batch=BatchSize(256, 16, 3)),)
    checkpoint_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.max_steps is None and self.minutes is None:
            raise TrainingError("A training run needs an end: set max_steps or minutes.")
        if min(self.shards, self.accumulate, self.loaders) < 1:
            raise TrainingError("shards, accumulate and loaders must be 1 or more.")
        if not 0 <= self.drop_path < 1:
            raise TrainingError("drop_path must be at least 0 and below 1.")
        if (self.max_steps is not None and self.max_steps < 1) or (self.minutes is not None and self.minutes <= 0):
            raise TrainingError("max_steps and minutes must be positive.")
        ends = [phase.until for phase in self.phases]
        if not ends or sorted(ends) != ends or ends[-1] < 1.0:
            raise TrainingError("Training phases must end in rising order, the last one at 1.0 or later.")


@dataclass(frozen=True)
class TrainResult:
    """`model` holds the averaged weights, in eval mode; `finished` is false if the run was asked to stop early.

    `figures` are those of the last step: means over about 20 steps of "loss", "first_iou" and "last_iou" (in training,
    after the first and the last decoder call), "learning_rate", "step", and "waiting", the share of this call's time in
    which a step waited for its batch.
    """

    model: Sam
    steps: int
    elapsed_s: float
    finished: bool
    figures: dict[str, float]


def train(
    settings: TrainSettings,
    model: Sam,
    source: BatchSource,
    out_dir: Path,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    processes: Processes = ALONE,
) -> TrainResult:
    """Train `model` in place and return it; in mode "full" without its detector, which a new encoder makes useless.

    Continues from `out_dir`/last.pt if an earlier call with the same settings left one there. `progress` gets (done,
    total, figures) after every step. When `should_stop` answers true a checkpoint is written and the call returns with
    `finished` false. Of several `processes`, all of which must be given the same arguments and see the same `out_dir`,
    the first writes and tells the progress, and they stop together when one of them is asked to. Raises `TrainingError`
    for data that cannot be trained on, a checkpoint of another run, or a loss that is no longer a number.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    try:
        if settings.shards > 1:
            torch.set_num_threads(1)
        return _train(settings, model, source, out_dir, progress, should_stop, processes)
    finally:
        torch.set_num_threads(threads)


def _train(
    settings: TrainSettings,
    model: Sam,
    source: BatchSource,
    out_dir: Path,
    progress: Progress | None,
    should_stop: Callable[[], bool] | None,
    processes: Processes,
) -> TrainResult:
    if settings.mode == "full":
        model.detector = None  # it reads what this encoder will no longer say
    run = _Run(settings, model, source, out_dir, processes)
    saved_at = time.monotonic()
    for batch, phase in batches_of(run, run.make_batch):
        run.step(batch, phase)
        if progress is not None and processes.leads:
            progress(*run.position(), run.figures)
        run.agree(stop=should_stop is not None and should_stop())
        if run.stopped:
            break
        if time.monotonic() - saved_at >= settings.checkpoint_every_s and not run.finished:
            run.save()
            saved_at = time.monotonic()
    run.close()
    run.state.use_average(model)
    model.eval()
    return TrainResult(model, run.state.step, run.elapsed_s, not run.stopped, dict(run.figures))


class _Run:
    """The moving parts of one call of `train`."""

    def __init__(
        self, settings: TrainSettings, model: Sam, source: BatchSource, out_dir: Path, processes: Processes = ALONE
    ) -> None:
        self.settings = settings
        self.model = model
        self._processes = processes
        self._source = source
        self._path = out_dir / CHECKPOINT
        groups = parameter_groups(model, settings)
        # Fused where launching hundreds of kernels costs more than what they do.
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=model.device.type == "cuda")
        self._trained = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._pool = ThreadPoolExecutor(
            max_workers=settings.shards,
            thread_name_prefix="shards",
            initializer=partial(torch.set_num_threads, 1) if settings.shards > 1 else None,
        )
        self.state = TrainState.start(model)
        self.figures: dict[str, float] = {}
        if self._path.exists():
            self.state = load_state(self._path, settings, model, self._optimizer)
        self._started = time.monotonic()
        self.stopped = False
        model.train()
        frozen = settings.freeze_batchnorm or settings.mode == "decoder"
        still = max(settings.frozen_layers, settings.still_layers)
        model.freeze_batchnorm(frozen or still > 0, None if frozen else still)
        self._statistics = _batchnorm_statistics(model)
        self.fraction = 0.0
        self.agree(stop=False)

    @property
    def elapsed_s(self) -> float:
        """Seconds of training, those before a restart included."""
        return self.state.elapsed_s + time.monotonic() - self._started

    @property
    def finished(self) -> bool:
        return self.fraction >= 1.0

    def agree(self, *, stop: bool) -> None:
        """Let all processes go by one clock, the first one's, and stop together if one of them must.

        `fraction`, how much of the run is done, 0 to 1, is set here and holds until the next step is made.
        """
        by_steps = self.state.step / self.settings.max_steps if self.settings.max_steps else 0.0
        by_time = self.elapsed_s / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        clock = by_time if self._processes.leads else 0.0
        by_time, stops, steps = self._processes.total([clock, float(stop), float(self.state.step)])
        if steps != self._processes.count * self.state.step:
            raise TrainingError(
                "The processes are at different steps; all of them must see the same folder of the run."
            )
        self.fraction = min(1.0, max(by_steps, by_time))
        self.stopped = stops > 0 and not self.finished

    def position(self) -> tuple[int, int]:
        """(done, total): in steps, or in thousandths of the time budget."""
        if self.settings.max_steps and not self.settings.minutes:
            return self.state.step, self.settings.max_steps
        return int(self.fraction * TIME_TICKS), TIME_TICKS

    def make_batch(self, step: int) -> tuple[Batch, Phase]:
        """This process's batch of a step, and the phase that the step is in."""
        by_steps = step / self.settings.max_steps if self.settings.max_steps else 0.0
        fraction = max(by_steps, self.fraction)
        phase = next((p for p in self.settings.phases if fraction < p.until), self.settings.phases[-1])
        places = part_of(phase.batch.num_images, self._processes.count)[self._processes.rank]
        return self._source.batch(self.settings.seed, step, phase.batch, places), phase

    def step(self, batch: Batch, phase: Phase) -> None:
        """One optimiser step."""
        settings, step = self.settings, self.state.step
        rate = learning_rate(settings, step, self.fraction)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        at_once = settings.shards if self.model.device.type == "cpu" else 1
        parts = batch.split(at_once * settings.accumulate)
        with grid_of(self.model, batch.targets.shape[-1] * LOW_RES_STRIDE // self.model.config.patch_size):
            gradients, sums = self._sum(parts, phase, at_once)
        gradients, figures = self._share(gradients, sums)
        if not math.isfinite(figures["loss"]):
            raise TrainingError(f"The loss became {figures['loss']} at step {step}; lower the learning rate.")
        for parameter, gradient in zip(self._trained, gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(self._trained, settings.grad_clip)
        self._optimizer.step()
        self.state.step += 1
        self.state.update_average(self.model, settings.ema_decay)
        self._report(figures, rate)

    def _sum(self, parts: list[Batch], phase: Phase, at_once: int) -> tuple[list[Tensor | None], list[float]]:
        """Gradients and figures summed over the masks of all parts, in their order, `at_once` at a time."""
        gradients: list[Tensor | None] = [None] * len(self._trained)
        sums = [0.0] * len(SUMMED)
        for start in range(0, len(parts), at_once):
            group = parts[start : start + at_once]
            work = partial(self._gradients, phase=phase)
            for more, values in map(work, group) if len(group) == 1 else self._pool.map(work, group):
                gradients = [_plus(gradient, other) for gradient, other in zip(gradients, more, strict=True)]
                sums = [value + other for value, other in zip(sums, values, strict=True)]
        return gradients, sums

    def _share(self, gradients: list[Tensor | None], sums: list[float]) -> tuple[list[Tensor | None], dict[str, float]]:
        """Sums over this process's masks -> means over the masks of all processes, gradients being new tensors."""
        used = [float(gradient is not None) for gradient in gradients]
        values = self._processes.total([*sums, *used])
        *figures, num_masks = values[: len(SUMMED)]
        means: list[Tensor | None] = []
        for parameter, gradient, times in zip(self._trained, gradients, values[len(SUMMED) :], strict=True):
            if gradient is not None:
                # Laid out as the parameter, which a fused optimiser asks for.
                means.append(torch.div(gradient, num_masks, out=torch.empty_like(parameter)))
            else:
                means.append(torch.zeros_like(parameter) if times else None)  # zeros if another process used it
        self._processes.add_up([*(mean for mean in means if mean is not None), *self._statistics])
        for statistic in self._statistics:
            statistic /= self._processes.count
        return means, {name: value / num_masks for name, value in zip(SUMMED, figures, strict=False)}

    def _gradients(self, batch: Batch, phase: Phase) -> tuple[Sequence[Tensor | None], list[float]]:
        """Gradients of the loss summed over the batch's masks, and what `SUMMED` names, summed likewise."""
        settings = self.settings
        batch = batch.to(self.model.device)
        script = Script.write(settings.seed, self.state.step, batch, phase.interaction.length_weights)
        if batch.embedded:
            embeddings = batch.inputs
        else:
            kept = drop_path_script(
                settings.drop_path, settings.seed, self.state.step, batch, self.model.image_encoder.num_blocks
            )
            # Without the cache: shards run in threads, and it would hand one's casted weights to the other.
            with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=settings.bf16, cache_enabled=False):
                embeddings = encode(self.model, batch.inputs, batch.offset, kept)
            embeddings = embeddings.float()
        asked = (self.model, embeddings, batch.targets, batch.image_index, script)
        if phase.lesson == "prototypes":
            weight = phase.interaction.focal_weight
            interaction = match_prototypes(*asked, nothing=batch.nothing, focal_weight=weight)
        else:
            interaction = interact(
                *asked, phase.interaction, nothing=batch.nothing, clicks=batch.clicks, offset=batch.offset
            )
        num_masks = len(batch.targets)
        gradients = torch.autograd.grad(interaction.loss * num_masks, self._trained, allow_unused=True)
        # Read last: on an accelerator this waits for all of the above.
        means = torch.stack([interaction.loss.detach(), interaction.first_iou, interaction.last_iou]).tolist()
        return gradients, [value * num_masks for value in (*means, 1.0)]

    def _report(self, values: dict[str, float], rate: float) -> None:
        for name, value in values.items():
            before = self.figures.get(name, value)
            self.figures[name] = SMOOTHING * before + (1 - SMOOTHING) * value
        self.figures["learning_rate"] = rate
        self.figures["step"] = float(self.state.step)

    def close(self) -> None:
        """Write the last checkpoint and let the threads go."""
        self.save()
        self._pool.shutdown()

    def save(self) -> None:
        """Write the checkpoint; elapsed time so far goes with it."""
        now = time.monotonic()
        self.state.elapsed_s += now - self._started
        self._started = now
        if self._processes.leads:
            save_state(self._path, self.settings, self.state, self.model, self._optimizer)


def _plus(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """The sum of two gradients of which either may not exist; not in place, for autograd may share their memory."""
    if first is None or second is None:
        return first if second is None else second
    return first + second


def _batchnorm_statistics(model: Sam) -> list[Tensor]:
    """What batch norm, where not frozen, remembers of the batches it saw: running means and variances."""
    norms = (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d))
    layers = [norm for norm in norms if norm.training]
    return [value for layer in layers for value in (layer.running_mean, layer.running_var) if value is not None]
