"""Rounds of the data engine: a model retrained on what annotators just made.

A decoder round trains prompt encoder and decoder on cached embeddings, so that every embedding stays valid. A full
round trains on images and changes the encoder too, but for its first layers and the statistics of batch norm, since
rounds are small. A step of a convolutional model is no dearer than a decoder round's, for it works on crops of half the
frame, and teaches a domain far from photographs much more; but all images are to be embedded anew. It ends with a
mean of the old weights and the new, halfway where there are masks enough, nearer to the old where there are few
(`Pace`), unless halfway measures better (`ChooseShare`). Either round then trains the model's detector, or a fresh one,
on the boxes of the same masks and of proposals that people threw away: seconds, which are spent again if they are
interrupted. It too ends between what it was and what it has learned, the nearer to the old the fewer these are: of few
boxes a detector learns above all that nothing else is an object.
Neither touches the model it starts from. So that what a model knew is not forgotten, a share of every step may also
replay generated scenes, which every model has seen and no licence holds back. Knows nothing of datasets, gates or
stages.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from pycocotools import mask as coco_mask

from engine.generate.upsample import one_thread
from engine.geometry import Frame
from engine.masks import rle as rle_ops
from engine.model.detector import build_detector
from engine.model.fingerprint import encoder_sha256
from engine.train.augment import AugmentSettings
from engine.train.batches import BatchSize, ImageBatches, MixedSource
from engine.train.checkpoint import drop_unusable
from engine.train.detector import DetectorExample, DetectorTraining, train_detector
from engine.train.embedding_batches import EmbeddingBatches, RoundSample, embedded, read_embedding
from engine.train.interaction import InteractionSettings
from engine.train.loop import CHECKPOINT, Phase, TrainSettings, train
from engine.train.recipe import small_side
from engine.train.scenes import SceneDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from engine.model.config import ModelConfig
    from engine.model.sam import Sam
    from engine.train.batches import BatchSource
    from engine.train.data import SampleSource
    from engine.train.loop import Progress

    ModuleT = TypeVar("ModuleT", bound=torch.nn.Module)
    Mode = Literal["decoder", "full"]
    # Given the shares of the old weights that a round may end with, the careful one first, and what makes the model
    # of a share: the share to end with.
    ChooseShare = Callable[[Sequence[float], Callable[[float], Sam]], float]

ENOUGH_MASKS = 100  # halfway is too far with 24, a little with 56, as good as any with 140 (docs/log.md, 2026-11-26)
SCALES = (0.2, 1.4)  # of images in full rounds: people draw large objects first, and the small ones look like them


# People draw what they have time for: "no object" is hardly believed where nobody drew anything.
DETECTOR = DetectorTraining(max_steps=200, minutes=1.0, bare_weight=0.05)


class Pace(NamedTuple):
    """How fast a round learns: its rate, the encoder's part of that, how many first layers stay as they are; how many
    steps it takes at least and at most; and the share of the old weights in the mean that it ends with (Wortsman et al.
    2022): on what is new halfway is as good as all the way or better, and much of what a model knew before stays. A few
    masks say little: from n of them, kept proposals included, at most n / (ENOUGH_MASKS + n) is taken over. That spares
    photographs, which the packaged model knows, and is far too careful where it knows nothing: measuring tells.
    """

    learning_rate: float
    encoder_lr: float = 0.0
    frozen_layers: int = 0
    steps: tuple[int, int] = (60, 240)
    old_share: float = 0.0

    def old_share_for(self, num_masks: int) -> float:
        """The share of the old weights after a round on `num_masks` masks."""
        return max(self.old_share, ENOUGH_MASKS / (ENOUGH_MASKS + num_masks)) if self.old_share else 0.0


# Of a decoder round, and of a full one by the kind of encoder.
PACES: Mapping[str, Pace] = {
    "decoder": Pace(1e-4),
    "conv": Pace(5e-4, 1.0, frozen_layers=4, steps=(120, 600), old_share=0.5),
    "vit": Pace(1e-4, 0.3),
}


def pace_of(mode: Mode, config: ModelConfig) -> Pace:
    """The pace of a round of a model of `config`."""
    return PACES["decoder" if mode == "decoder" else config.encoder.kind]


@dataclass(frozen=True, kw_only=True)
class RoundSettings:
    """How much a round trains.

    `max_steps` None chooses about `epochs` looks at every mask, within the bounds of the round's pace (`PACES`);
    `learning_rate` and `old_share` None are those of the pace. The round ends after `minutes` in any case: on two cores
    the default's two are about 90 steps of the packaged model, in a full round 200. `accumulate` None works on a step's
    images one after the other where a transformer is trained (ViT-B: about 11 GiB for each at once), else on all
    together. `replay` is the share of a step's images that are scenes, of which there are `replay_scenes`. `detector`
    None leaves the detector as it is, or in a full round out.
    """

    seed: int = 0
    max_steps: int | None = None
    epochs: float = 4.0
    minutes: float | None = 2.0
    learning_rate: float | None = None
    old_share: float | None = None
    num_images: int = 4
    shards: int = 2
    accumulate: int | None = None
    num_masks: int = 6
    replay: float = 0.0
    replay_scenes: int = 24
    ema_decay: float = 0.98
    interaction: InteractionSettings = field(
        default_factory=lambda: InteractionSettings(length_weights=(2.0, 2.0, 2.0, 1.0, 1.0))
    )
    detector: DetectorTraining | None = DETECTOR
    checkpoint_every_s: float = 15.0

    def steps_for(self, num_masks: int, pace: Pace) -> int:
        """Steps of a round on `num_masks` masks."""
        if self.max_steps is not None:
            return self.max_steps
        looks = (self.num_images - self.num_replayed) * self.num_masks
        return int(np.clip(self.epochs * num_masks / looks, *pace.steps))

    def settled(self, num_masks: int, pace: Pace) -> RoundSettings:
        """What these come to for a round on `num_masks` masks: nothing is left to the pace."""
        return replace(
            self,
            max_steps=self.steps_for(num_masks, pace),
            learning_rate=self.learning_rate or pace.learning_rate,
            old_share=pace.old_share_for(num_masks) if self.old_share is None else self.old_share,
        )

    @property
    def num_replayed(self) -> int:
        """Images of a step that are scenes; at least one is not."""
        return min(self.num_images - 1, round(self.replay * self.num_images))


def train_decoder_round(
    model: Sam,
    samples: Sequence[RoundSample],
    settings: RoundSettings,
    out_dir: Path,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Sam:
    """A copy of `model` whose prompt encoder and decoder were trained on cached embeddings; same encoder.

    Continues from `out_dir`, the round's own, if an earlier call with the same arguments was interrupted; what a call
    with others left there (an older version's, say) is deleted. `progress` gets what `train`
    and then what `train_detector` tell. If `should_stop` ended the round early, the model as it is then is returned.
    Raises `TrainingError` if there is no usable mask, or an embedding was made by another encoder.
    """
    replay = embedded(model, SceneDataset(settings.replay_scenes)) if settings.num_replayed else []
    batches = EmbeddingBatches(
        samples, encoder_sha256(model), model.config.image_size, replay=replay, num_replayed=settings.num_replayed
    )
    settings = settings.settled(batches.num_masks, pace_of("decoder", model.config))
    return _round(model, batches, lambda _: samples, settings, "decoder", out_dir, progress, should_stop)


def train_full_round(
    model: Sam,
    samples: SampleSource,
    settings: RoundSettings,
    out_dir: Path,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    choose_share: ChooseShare | None = None,
) -> Sam:
    """A copy of `model` trained on images, encoder included. Otherwise as `train_decoder_round`.

    Where there are so few masks that less than the pace's part of the new weights would be taken over, `choose_share`
    says which of the two it is; the models it is shown have no detector yet.
    """
    config = model.config
    share = settings.num_replayed / settings.num_images
    batches = ImageBatches(
        MixedSource([samples, SceneDataset(settings.replay_scenes)], [1 - share, share]) if share else samples,
        frame=config.image_size,
        patch_size=config.patch_size,
        augment=AugmentSettings(scale_range=SCALES),
    )
    pace = pace_of("full", config)
    # Counting means reading every image; not where nothing depends on it.
    counts = settings.max_steps is None or (settings.old_share is None and pace.old_share > 0)
    num_masks = sum(len(samples[index].rles) for index in range(len(samples))) if counts else 0
    settings = settings.settled(num_masks, pace)
    folder = out_dir / "embeddings"
    embed = partial(embedded, samples=samples, progress=progress, should_stop=should_stop, folder=folder)
    return _round(model, batches, embed, settings, "full", out_dir, progress, should_stop, choose_share)


def _round(
    model: Sam,
    batches: BatchSource,
    images: Callable[[Sam], Sequence[RoundSample]],
    settings: RoundSettings,
    mode: Mode,
    out_dir: Path,
    progress: Progress | None,
    should_stop: Callable[[], bool] | None,
    choose_share: ChooseShare | None = None,
) -> Sam:
    student = copy.deepcopy(model)
    detector, student.detector = student.detector, None  # the loop knows nothing of it
    run, how = _train_settings(settings, mode, model), settings.detector
    drop_unusable(out_dir / CHECKPOINT, run)
    result = train(run, student, batches, out_dir, progress, should_stop)
    student.freeze_batchnorm(False)
    assert settings.old_share is not None, "settled"
    share, least = settings.old_share, pace_of(mode, model.config).old_share
    if choose_share is not None and result.finished and share > least:
        share = choose_share((share, least), lambda share: _mixed(student, model, share))
    student = _mixed(student, model, share)
    if mode == "decoder":
        student.detector = detector
    if result.finished and how is not None:
        student.detector = detector or build_detector(model.config, seed=how.seed)
        taught = images(student)
        examples = [_detector_example(sample, model.config.image_size) for sample in taught]
        if should_stop is not None and should_stop():
            return student.eval().requires_grad_(True)
        before = copy.deepcopy(student.detector)
        with one_thread():  # seconds of work, which several threads on a busy machine spend waiting for each other
            train_detector(student.detector.to(student.device), examples, how, progress, should_stop)
        if detector is not None:
            said = sum(len(sample.rles) + len(sample.dropped) for sample in taught)
            student.detector = _mixed(student.detector, before.to(student.device), ENOUGH_MASKS / (ENOUGH_MASKS + said))
    return student.eval().requires_grad_(True)


@torch.no_grad()
def _mixed(new: ModuleT, old: ModuleT, share: float) -> ModuleT:
    """The mean of two sets of weights, of which the old ones have the part `share`."""
    if not share:
        return new
    mean, before = copy.deepcopy(new), old.state_dict()
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            value.lerp_(before[name].to(value), share)
    return mean.eval()


def _detector_example(sample: RoundSample, image_size: int) -> DetectorExample:
    """The boxes of an image's masks, and of what was thrown away there."""
    frame = Frame(sample.original_size, image_size)
    corners = np.array([coco_mask.toBbox(rle_ops.validate(rle, *sample.original_size)) for rle in sample.rles])
    corners = corners.reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    dropped = np.reshape(sample.dropped, (-1, 4))
    boxes, others = (frame.boxes_to_model(each).astype(np.float64) for each in (corners, dropped))
    return DetectorExample(partial(_embedding_tensor, sample.embedding), boxes, frame.input_size, dropped=others)


def _embedding_tensor(embedding: Path | bytes) -> Tensor:
    return torch.from_numpy(read_embedding(embedding)[0])


def _train_settings(settings: RoundSettings, mode: Mode, model: Sam) -> TrainSettings:
    """Of settled `settings`."""
    config, pace = model.config, pace_of(mode, model.config)
    steps, rate = settings.max_steps, settings.learning_rate
    assert steps is not None, "settled"
    assert rate is not None, "settled"
    heavy = mode == "full" and config.encoder.kind == "vit"
    side = config.image_size if mode == "decoder" else small_side(config)
    batch = BatchSize(side, settings.num_images, settings.num_masks)
    return TrainSettings(
        mode=mode,
        seed=settings.seed,
        max_steps=steps,
        minutes=settings.minutes,
        learning_rate=rate,
        encoder_lr=pace.encoder_lr,
        frozen_layers=pace.frozen_layers,
        bf16=config.encoder.kind == "vit" or model.device.type == "cuda",  # CPUs convolve faster in float32
        warmup_steps=max(1, steps // 12),
        final_lr=0.05,
        ema_decay=settings.ema_decay,
        freeze_batchnorm=True,
        shards=settings.shards,
        accumulate=settings.accumulate or (settings.num_images if heavy else 1),
        phases=(Phase(until=1.0, batch=batch, interaction=settings.interaction),),
        checkpoint_every_s=settings.checkpoint_every_s,
    )
