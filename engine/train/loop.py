"""The training loop: one function, two modes, resumable.

`full` trains the whole model on images; `decoder` trains prompt encoder and decoder on cached embeddings and leaves the
encoder alone. A run is a pure function of its settings, its data and its first weights (on a CPU in float32): batches
and simulated prompts depend on (seed, step) only, so a run that was killed ends with the same weights as one that was
not. A run with a time budget (`minutes`) ends on time instead, at the price of that exactness.
Knows no files but its own checkpoint, and nothing of rounds or the platform.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from engine.errors import TrainingError
from engine.geometry import LOW_RES_STRIDE
from engine.train.batches import Batch, BatchSize
from engine.train.checkpoint import TrainState, load_state, save_state
from engine.train.interaction import InteractionSettings, encode, grid_of, interact
from engine.train.prototypes import match_prototypes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from engine.model.sam import Sam
    from engine.train.batches import BatchSource

    Progress = Callable[[int, int, dict[str, float]], None]

SMOOTHING = 0.95  # of the figures reported as progress
TIME_TICKS = 1000  # "total" of progress where only the time is known
PROMPT_STREAM = 0x5A4D


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

    The run ends after `max_steps` or `minutes`, whichever comes first; the learning rate warms up over `warmup_steps`
    and falls along a cosine to `final_lr` of its height at that end. `bf16` runs the encoder in bfloat16 (the decoder's
    small attentions are faster in float32). `ema_decay` 0 turns the averaging of weights off. On a CPU, `shards` splits
    every batch over that many threads, torch's own being one meanwhile: on a busy machine those spend most of their
    time waiting for each other. With more than one shard, batch norm's statistics, unless frozen, depend on timing, so
    that a run is no longer exactly repeatable.
    """

    mode: Literal["full", "decoder"] = "full"
    seed: int = 0
    max_steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 8e-4
    encoder_lr: float = 1.0
    weight_decay: float = 0.05
    warmup_steps: int = 250
    final_lr: float = 0.01
    grad_clip: float = 1.0
    ema_decay: float = 0.997
    bf16: bool = True
    freeze_batchnorm: bool = False
    shards: int = 1
    phases: tuple[Phase, ...] = (Phase(until=1.0, batch=BatchSize(256, 16, 3)),)
    checkpoint_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.max_steps is None and self.minutes is None:
            raise TrainingError("A training run needs an end: set max_steps or minutes.")
        if self.shards < 1:
            raise TrainingError("A batch needs at least one shard.")
        if (self.max_steps is not None and self.max_steps < 1) or (self.minutes is not None and self.minutes <= 0):
            raise TrainingError("max_steps and minutes must be positive.")
        ends = [phase.until for phase in self.phases]
        if not ends or sorted(ends) != ends or ends[-1] < 1.0:
            raise TrainingError("Training phases must end in rising order, the last one at 1.0 or later.")


@dataclass(frozen=True)
class TrainResult:
    """`model` holds the averaged weights, in eval mode; `finished` is false if the run was asked to stop early."""

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
) -> TrainResult:
    """Train `model` in place and return it.

    Continues from `out_dir`/last.pt if an earlier call with the same settings left one there. `progress` gets (done,
    total, figures) after every step. When `should_stop` answers true a checkpoint is written and the call returns with
    `finished` false. Raises `TrainingError` for data that cannot be trained on, a checkpoint of another run, or a loss
    that is no longer a number.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    try:
        if settings.shards > 1:
            torch.set_num_threads(1)
        return _train(settings, model, source, out_dir, progress, should_stop)
    finally:
        torch.set_num_threads(threads)


def _train(
    settings: TrainSettings,
    model: Sam,
    source: BatchSource,
    out_dir: Path,
    progress: Progress | None,
    should_stop: Callable[[], bool] | None,
) -> TrainResult:
    run = _Run(settings, model, source, out_dir)
    saved_at = time.monotonic()
    stopped = False
    for batch, phase in run.batches():
        run.step(batch, phase)
        if progress is not None:
            progress(*run.position(), run.figures)
        stopped = should_stop is not None and should_stop() and not run.finished
        if stopped:
            break
        if time.monotonic() - saved_at >= settings.checkpoint_every_s and not run.finished:
            run.save()
            saved_at = time.monotonic()
    run.close()
    run.state.use_average(model)
    model.eval()
    return TrainResult(model, run.state.step, run.elapsed_s, not stopped, dict(run.figures))


class _Run:
    """The moving parts of one call of `train`."""

    def __init__(self, settings: TrainSettings, model: Sam, source: BatchSource, out_dir: Path) -> None:
        self.settings = settings
        self.model = model
        self._source = source
        self._path = out_dir / "last.pt"
        self._optimizer = torch.optim.AdamW(_parameter_groups(model, settings), lr=settings.learning_rate)
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
        model.train()
        if settings.freeze_batchnorm or settings.mode == "decoder":
            model.freeze_batchnorm()

    @property
    def elapsed_s(self) -> float:
        """Seconds of training, those before a restart included."""
        return self.state.elapsed_s + time.monotonic() - self._started

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0 to 1."""
        by_steps = self.state.step / self.settings.max_steps if self.settings.max_steps else 0.0
        by_time = self.elapsed_s / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    @property
    def finished(self) -> bool:
        return self.fraction >= 1.0

    def position(self) -> tuple[int, int]:
        """(done, total): in steps, or in thousandths of the time budget."""
        if self.settings.max_steps and not self.settings.minutes:
            return self.state.step, self.settings.max_steps
        return int(self.fraction * TIME_TICKS), TIME_TICKS

    def batches(self) -> Iterator[tuple[Batch, Phase]]:
        """Batches and their phases until the end, each made in a thread while the one before it is trained on."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
            upcoming = pool.submit(self._make_batch, self.state.step, self.fraction)
            while not self.finished:
                made = upcoming.result()
                ahead = self.state.step + 1
                by_steps = ahead / self.settings.max_steps if self.settings.max_steps else 0.0
                upcoming = pool.submit(self._make_batch, ahead, max(by_steps, self.fraction))
                yield made

    def _make_batch(self, step: int, fraction: float) -> tuple[Batch, Phase]:
        phase = next((p for p in self.settings.phases if fraction < p.until), self.settings.phases[-1])
        return self._source.batch(self.settings.seed, step, phase.batch), phase

    def step(self, batch: Batch, phase: Phase) -> None:
        """One optimiser step."""
        settings, step = self.settings, self.state.step
        rate = learning_rate(settings, step, self.fraction)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        parts = batch.split(settings.shards if self.model.device.type == "cpu" else 1)
        jobs = [(part, phase, len(part.targets) / len(batch.targets), index) for index, part in enumerate(parts)]
        with grid_of(self.model, batch.targets.shape[-1] * LOW_RES_STRIDE // self.model.config.patch_size):
            if len(jobs) == 1:
                results = [self._gradients(*jobs[0])]
            else:
                results = list(self._pool.map(lambda job: self._gradients(*job), jobs))
        figures = _sum_figures([figures for _, figures in results])
        if not math.isfinite(figures["loss"]):
            raise TrainingError(f"The loss became {figures['loss']} at step {step}; lower the learning rate.")
        for parameter, *gradients in zip(self._trained, *(grads for grads, _ in results), strict=True):
            present = [gradient for gradient in gradients if gradient is not None]
            parameter.grad = sum(present[1:], present[0]) if present else None
        torch.nn.utils.clip_grad_norm_(self._trained, settings.grad_clip)
        self._optimizer.step()
        self.state.step += 1
        self.state.update_average(self.model, settings.ema_decay)
        self._report(figures, rate)

    def _gradients(
        self, batch: Batch, phase: Phase, share: float, shard: int
    ) -> tuple[tuple[Tensor | None, ...], dict[str, float]]:
        """Gradients of `share` times the batch's loss, and the figures weighted alike."""
        settings = self.settings
        batch = batch.to(self.model.device)
        generator = torch.Generator().manual_seed(_prompt_seed(settings.seed, self.state.step, shard))
        if batch.embedded:
            embeddings = batch.inputs
        else:
            # Without the cache: shards run in threads, and it would hand one's casted weights to the other.
            with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=settings.bf16, cache_enabled=False):
                embeddings = encode(self.model, batch.inputs, batch.offset)
            embeddings = embeddings.float()
        asked = (self.model, embeddings, batch.targets, batch.image_index, generator)
        if phase.lesson == "prototypes":
            interaction = match_prototypes(*asked, focal_weight=phase.interaction.focal_weight)
        else:
            interaction = interact(*asked, phase.interaction, offset=batch.offset)
        loss = interaction.loss * share
        gradients = torch.autograd.grad(loss, self._trained, allow_unused=True)
        return gradients, {
            "loss": float(loss.detach()),
            "first_iou": interaction.first_iou * share,
            "last_iou": interaction.last_iou * share,
        }

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
        save_state(self._path, self.settings, self.state, self.model, self._optimizer)


def learning_rate(settings: TrainSettings, step: int, fraction: float) -> float:
    """Linear warm-up, then a cosine from the full rate to `final_lr` of it at fraction 1."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, fraction)))
    return settings.learning_rate * warm * (settings.final_lr + (1 - settings.final_lr) * cosine)


def _prompt_seed(seed: int, step: int, shard: int) -> int:
    """A seed for the simulated prompts of one step, apart from the batches' random stream."""
    return int(np.random.SeedSequence([PROMPT_STREAM, seed, step, shard]).generate_state(1, np.uint64)[0] >> 1)


def _sum_figures(parts: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def _parameter_groups(model: Sam, settings: TrainSettings) -> list[dict[str, object]]:
    """Trained parameters; weight decay for matrices only, the encoder's rate scaled by `encoder_lr`."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        in_encoder = name.startswith("image_encoder.")
        trained = settings.mode == "full" or not in_encoder
        parameter.requires_grad_(trained)
        if trained:
            plain = parameter.ndim < 2 or "embed" in name or "token" in name
            key = (0.0 if plain else settings.weight_decay, settings.encoder_lr if in_encoder else 1.0)
            groups.setdefault(key, []).append(parameter)
    return [{"params": params, "weight_decay": decay, "scale": scale} for (decay, scale), params in groups.items()]
