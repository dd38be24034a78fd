"""Masked-image pre-training of an image encoder: the loop, resumable, without any annotation.

The step that Segment Anything's encoder begins with: it learns what images look like by painting what was hidden from
it (`engine.train.masking`), and training for prompts goes on from there. A run is a pure function of its settings, its
images and its first weights (on a CPU in float32), also when it was stopped in between; with a time budget it ends on
time instead. Nothing waits for a GPU but reading the loss, now and then.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from engine.errors import TrainingError
from engine.model.config import CONV_STRIDE
from engine.train.ahead import batches_of
from engine.train.checkpoint import TrainState, load_state, save_state
from engine.train.interaction import encode
from engine.train.loop import SMOOTHING, TIME_TICKS
from engine.train.masking import MaskedBatches, PixelHead, hide, masked_loss
from engine.train.rates import encoder_layer, learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.model.sam import Sam
    from engine.train.data import SampleSource
    from engine.train.loop import Progress
    from engine.train.masking import MaskedBatch

__all__ = ["PretrainResult", "PretrainSettings", "pretrain"]

READ_EVERY = 10  # steps: to read the loss, the host waits for the device


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """Settings of one run.

    Every step hides `mask_ratio` of the `patch` x `patch` px squares of `images` crops of `size` px. The run ends after
    `max_steps` or `minutes`, whichever comes first; rate, warm-up, `frozen_layers`, `bf16`, `ema_decay` and `loaders`
    are as in `engine.train.loop.TrainSettings`.
    """

    size: int
    images: int = 32
    mask_ratio: float = 0.6
    patch: int = 32
    seed: int = 0
    max_steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 8e-4
    frozen_layers: int = 0
    weight_decay: float = 0.05
    warmup_steps: int = 80
    final_lr: float = 0.01
    grad_clip: float = 1.0
    ema_decay: float = 0.997
    bf16: bool = True
    loaders: int = 2
    checkpoint_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.max_steps is None and self.minutes is None:
            raise TrainingError("A pre-training run needs an end: set max_steps or minutes.")
        if (self.max_steps is not None and self.max_steps < 1) or (self.minutes is not None and self.minutes <= 0):
            raise TrainingError("max_steps and minutes must be positive.")
        if not 0 < self.mask_ratio < 1:
            raise TrainingError(f"The mask ratio must lie between 0 and 1, both left out; got {self.mask_ratio}.")
        if self.images < 1 or self.loaders < 1 or self.frozen_layers < 0:
            raise TrainingError("images and loaders must be 1 or more, frozen layers not negative.")


@dataclass(frozen=True)
class PretrainResult:
    """`model` holds the averaged weights of its encoder, in eval mode; `finished` is false if it was asked to stop.

    `figures` are those of the last step: "loss", a mean over about 20 steps; "learning_rate", "step", and "waiting",
    the share of this call's time in which a step waited for its batch.
    """

    model: Sam
    steps: int
    elapsed_s: float
    finished: bool
    figures: dict[str, float]


def pretrain(
    settings: PretrainSettings,
    model: Sam,
    source: SampleSource,
    out_dir: Path,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PretrainResult:
    """Train the encoder of `model` in place and return the model; its decoder stays as it is.

    Continues from `out_dir`/last.pt if an earlier call with the same settings left one there. `progress` gets (done,
    total, figures) after every step. When `should_stop` answers true a checkpoint is written and the call returns with
    `finished` false. Raises `TrainingError` for sizes that do not fit the model, images that cannot be read, a
    checkpoint of another run, or a loss that is no longer a number.
    """
    _check_sizes(settings, model)
    out_dir.mkdir(parents=True, exist_ok=True)
    run = _Run(settings, model, source, out_dir / "last.pt")
    stopped = False
    saved_at = time.monotonic()
    for batch in batches_of(run, run.make_batch):
        run.step(batch)
        if progress is not None:
            progress(*run.position(), run.figures)
        stopped = should_stop is not None and should_stop() and not run.finished
        if stopped:
            break
        if time.monotonic() - saved_at >= settings.checkpoint_every_s and not run.finished:
            run.save()
            saved_at = time.monotonic()
    run.close()
    return PretrainResult(model, run.state.step, run.elapsed_s, not stopped, dict(run.figures))


def _check_sizes(settings: PretrainSettings, model: Sam) -> None:
    config, size, patch = model.config, settings.size, settings.patch
    if patch < 1 or patch % config.patch_size:
        raise TrainingError(
            f"Masked patches must be whole cells of the embedding, {config.patch_size} px each; {patch} px are not."
        )
    if config.encoder.kind == "vit" and size != config.image_size:
        raise TrainingError(
            f"A transformer's position embeddings have one size; its crops must be {config.image_size} px, not {size}."
        )
    if not 0 < size <= config.image_size or size % patch or size % (2 * CONV_STRIDE):
        raise TrainingError(
            f"Crops must be a multiple of {2 * CONV_STRIDE} px and of the {patch} px of a masked patch, "
            f"and at most {config.image_size} px; {size} px are not."
        )


class _Run:
    """The moving parts of one call of `pretrain`."""

    def __init__(self, settings: PretrainSettings, model: Sam, source: SampleSource, path: Path) -> None:
        self.settings = settings
        self._model = model
        self._path = path
        config = model.config
        self._batches = MaskedBatches(
            source,
            frame=config.image_size,
            cell=config.patch_size,
            size=settings.size,
            num_images=settings.images,
            patch=settings.patch,
            mask_ratio=settings.mask_ratio,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self._head = PixelHead(config.prompt_dim, config.patch_size).to(model.device)
        # What is trained, and what a checkpoint holds: the head is thrown away in the end.
        self._parts = nn.ModuleDict({"image_encoder": model.image_encoder, "head": self._head})
        self._optimizer = torch.optim.AdamW(_parameter_groups(self._parts, settings), lr=settings.learning_rate)
        self._trained = [p for group in self._optimizer.param_groups for p in group["params"]]
        self.state = TrainState.start(self._parts)
        if path.exists():
            self.state = load_state(path, settings, self._parts, self._optimizer)
        self.figures: dict[str, float] = {"step": float(self.state.step)}
        self._loss: Tensor | None = None
        self._started = time.monotonic()
        self._parts.train()
        model.freeze_batchnorm(settings.frozen_layers > 0, settings.frozen_layers)

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

    def make_batch(self, step: int) -> MaskedBatch:
        """The batch of a step, where the device can fetch it from."""
        batch = self._batches.batch(self.settings.seed, step)
        return batch.pin() if self._model.device.type == "cuda" else batch

    def step(self, batch: MaskedBatch) -> None:
        """One optimiser step."""
        rate = learning_rate(self.settings, self.state.step, self.fraction)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self._masked_loss(batch.to(self._model.device))
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._trained, self.settings.grad_clip)
        self._optimizer.step()
        self.state.step += 1
        self.state.update_average(self._parts, self.settings.ema_decay)
        first = self._loss is None
        self._loss = loss.detach() if self._loss is None else self._loss.lerp(loss.detach(), 1 - SMOOTHING)
        self.figures.update(learning_rate=rate, step=float(self.state.step))
        if first or self.state.step % READ_EVERY == 0:
            self._read_loss()

    def _masked_loss(self, batch: MaskedBatch) -> Tensor:
        with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=self.settings.bf16):
            embedding = encode(self._model, hide(batch.images, batch.hidden), batch.offset)
        return masked_loss(self._head(embedding.float()), batch.images, batch.counted)

    def _read_loss(self) -> None:
        if self._loss is None:
            return
        value = float(self._loss)
        if not math.isfinite(value):
            raise TrainingError(f"The loss became {value} before step {self.state.step}; lower the learning rate.")
        self.figures["loss"] = value

    def save(self) -> None:
        """Write the checkpoint, never one of a loss that is no number; elapsed time so far goes with it."""
        self._read_loss()
        now = time.monotonic()
        self.state.elapsed_s += now - self._started
        self._started = now
        save_state(self._path, self.settings, self.state, self._parts, self._optimizer)

    def close(self) -> None:
        """Write the last checkpoint and leave the averaged weights in the model."""
        self.save()
        self.state.use_average(self._parts)
        self._model.freeze_batchnorm(False)
        self._model.eval()


def _parameter_groups(parts: nn.Module, settings: PretrainSettings) -> list[dict[str, object]]:
    """Trained parameters; weight decay for matrices only."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in parts.named_parameters():
        layer = encoder_layer(name)
        parameter.requires_grad_(layer is None or layer >= settings.frozen_layers)
        if parameter.requires_grad:
            (plain if parameter.ndim < 2 or "embed" in name else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
