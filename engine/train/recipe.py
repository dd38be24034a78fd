"""The recipe of the default model: what a run's knobs mean in steps, phases and crops.

A first lesson in telling objects apart, prompts on crops of half the frame, then on whole frames; which of them there
are, and how long, the recipe says. `engine.commands.train` has an option for each of its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import TrainingError
from engine.train.augment import AugmentSettings
from engine.train.batches import BatchSize
from engine.train.interaction import InteractionSettings
from engine.train.loop import Phase, TrainSettings

if TYPE_CHECKING:
    from engine.model.config import ModelConfig

COARSEST_STRIDE = 32  # of the convolutional encoder
CHEAP = 8 / 3  # the first lesson is cheap: so many times more images fit into a step
WARMUP_STEPS = 80


def small_side(config: ModelConfig) -> int:
    """Side in px of the crops a model can learn from at a quarter of a frame's cost: half its frame, or the whole one
    for a transformer, whose position embeddings have one size.
    """
    if config.encoder.kind != "conv":
        return config.image_size
    return -(-config.image_size // 2 // COARSEST_STRIDE) * COARSEST_STRIDE


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Of one run, which ends after `minutes` or `steps`.

    `prototypes_until` and `small_until` are fractions of the run: the first lesson ends, and crops of half the frame
    do. A step sees `images` whole frames, or twice as many crops, with up to `masks` masks each: most of its time goes
    into the encoder, which they share. `calls` is the longest interaction; images are scaled by 1 / `jitter` to
    `jitter`; the rest are fields of `TrainSettings`, `AugmentSettings` and `InteractionSettings`.
    """

    minutes: float | None = None
    steps: int | None = None
    prototypes_until: float = 0.0
    small_until: float = 0.7
    images: int = 6
    masks: int = 10
    calls: int = 5
    deep: float = 0.5
    jitter: float = 2.0
    paste: float = 0.0
    drop_path: float = 0.0
    learning_rate: float = 8e-4
    layer_decay: float = 1.0
    frozen_layers: int = 0
    still_layers: int = 0
    freeze_batchnorm: bool = False
    bf16: bool = True
    accumulate: int = 1
    loaders: int = 2
    shards: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.images, self.masks, self.calls) < 1:
            raise TrainingError("--images, --masks and --calls must be 1 or more.")
        if self.jitter < 1:
            raise TrainingError("--jitter is how many times larger or smaller an image may get; it must be 1 or more.")
        if not 0 <= self.deep <= 1 or not 0 <= self.paste <= 1:
            raise TrainingError("--deep and --paste are shares; they must lie between 0 and 1.")

    @property
    def augment(self) -> AugmentSettings:
        """How crops are made."""
        return AugmentSettings(scale_range=(1 / self.jitter, self.jitter), min_cells=4.0, paste=self.paste)

    def phases(self, config: ModelConfig) -> tuple[Phase, ...]:
        """What steps look like, for a model of `config`.

        Raises:
            TrainingError: the first lesson does not fit.
        """
        if self.prototypes_until and (config.encoder.kind != "conv" or self.prototypes_until >= self.small_until):
            raise TrainingError(
                "--prototypes-until must end before --small-until does, and its lesson is for convolutional encoders; "
                "leave it out, or raise --small-until."
            )
        # Most of what is learnt first comes from the first call. And a fresh model leaves the answer "nothing,
        # anywhere" much sooner where dice, not the focal loss, has the say.
        early = InteractionSettings(length_weights=(3.0, 2.0, 1.0)[: self.calls], focal_weight=1.0, deep=self.deep)
        lengths = tuple(2.0 if call < 3 else 1.0 for call in range(self.calls))
        late = InteractionSettings(length_weights=lengths, focal_weight=5.0, deep=self.deep)
        frame = config.image_size
        whole = Phase(until=1.0, batch=BatchSize(frame, self.images, self.masks), interaction=late)
        half = small_side(config)
        if half == frame or self.small_until <= 0:
            return (whole,)
        small = Phase(until=self.small_until, batch=BatchSize(half, 2 * self.images, self.masks), interaction=early)
        if not self.prototypes_until:
            return (small, whole)
        first = BatchSize(half, int(CHEAP * self.images), self.masks)
        lesson = Phase(until=self.prototypes_until, batch=first, interaction=early, lesson="prototypes")
        return (lesson, small, whole)

    def settings(self, config: ModelConfig) -> TrainSettings:
        """The run of a model of `config`."""
        return TrainSettings(
            seed=self.seed,
            minutes=self.minutes,
            max_steps=self.steps,
            learning_rate=self.learning_rate,
            warmup_steps=WARMUP_STEPS,
            shards=self.shards,
            accumulate=self.accumulate,
            loaders=self.loaders,
            phases=self.phases(config),
            layer_decay=self.layer_decay,
            frozen_layers=self.frozen_layers,
            still_layers=self.still_layers,
            freeze_batchnorm=self.freeze_batchnorm,
            drop_path=self.drop_path,
            bf16=self.bf16,
        )
