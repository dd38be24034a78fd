"""What chance decides of a training crop: large-scale jitter, flips, colours, and objects of other images laid over it.

A crop is a square window of the model frame: the image is scaled as it would be for a model of `frame` pixels, times a
jitter, and a `size` window is cut out. So a model can train on crops of half its input that look like parts of it. Here
crops are only planned, from one random generator and without touching a pixel; `engine.train.rendering` makes them with
numpy, `engine.train.device_rendering` with torch on the training device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.train.data import Sample

GREY = np.tile([0.299, 0.587, 0.114], (3, 1))  # luma in every row: the matrix that makes an image grey
SPARE_MASKS = 4  # planned beyond those wanted, since some turn out too small
MAX_PASTES = 3
PASTE_SIDES = (0.08, 0.6)  # of the crop's side, log-uniform
MIN_DONOR_AREA = 24 * 24  # pixels; smaller objects are a smear once enlarged

Window = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """How crops are made.

    `scale_range` is log-uniform and relative to fitting the long side into the frame. `min_cells` is the smallest mask
    kept, in low_res cells; masks covering more than `max_cover` of the crop are dropped (SAM section A). `paste` is the
    chance that one to three objects of other images are laid over a crop (copy-paste, Ghiasi et al. 2021).
    """

    scale_range: tuple[float, float] = (0.4, 1.6)
    flip: float = 0.5
    colour: float = 0.8
    grey: float = 0.08
    invert: float = 0.03
    paste: float = 0.0
    min_cells: float = 3.0
    max_cover: float = 0.9


NO_AUGMENTATION = AugmentSettings(scale_range=(1.0, 1.0), flip=0.0, colour=0.0, grey=0.0, invert=0.0)


@dataclass(frozen=True)
class Colour:
    """Of RGB pixels in 0..255: `matrix` (3, 3) @ pixel + `middle` * the crop's mean value + `shift` + noise.

    The noise is normal, its deviation `noise`, and follows from `seed`.
    """

    matrix: NDArray[np.float64]
    middle: float
    shift: float
    noise: float
    seed: int


@dataclass(frozen=True)
class Paste:
    """Mask `index` of `donor`: the `source` box of the donor's pixels fills the `target` box of the crop, both xyxy.

    The target lies inside the crop.
    """

    donor: Sample
    index: int
    source: Window
    target: Window
    flip: bool


@dataclass(frozen=True)
class CropPlan:
    """A crop of `sample`: its `window` xyxy, scaled to `out_size` (h, w), lies at the top left of a square of `size`.

    `masks`: indices that may become targets, in order, more than `num_masks`, of which so many are kept.
    """

    sample: Sample
    size: int
    window: Window
    out_size: tuple[int, int]
    flip: bool
    masks: tuple[int, ...]
    num_masks: int
    pastes: tuple[Paste, ...]
    colour: Colour

    def clicks(self, masks: Sequence[int]) -> NDArray[np.float32]:
        """Where people first clicked for these of the sample's masks (-1: none of them), (x, y) in pixels of the crop;
        (K, 2), NaN where that is not known. It may lie outside.
        """
        x0, y0, x1, y1 = self.window
        height, width = self.out_size
        found = np.full((len(masks), 2), np.nan, np.float32)
        for place, index in enumerate(masks):
            click = self.sample.clicks[index] if 0 <= index < len(self.sample.clicks) else None
            if click is not None:
                x = (click[0] - x0) * width / (x1 - x0)
                found[place] = width - 1 - x if self.flip else x, (click[1] - y0) * height / (y1 - y0)
        return found


def plan_crop(
    sample: Sample,
    rng: np.random.Generator,
    *,
    size: int,
    frame: int,
    num_masks: int,
    settings: AugmentSettings,
    donors: Sequence[Sample] = (),
) -> CropPlan:
    """Choose a crop of `sample`; `donors` may give objects, where `settings.paste` asks for some."""
    low, high = settings.scale_range
    # Window and size are whole pixels, so the aspect ratio may move by a hair; image and masks move together.
    scale = frame / max(sample.size) * float(np.exp(rng.uniform(np.log(low), np.log(high))))
    window = _window(sample, rng, size / scale)
    x0, y0, x1, y1 = window
    out_size = (min(size, max(1, round((y1 - y0) * scale))), min(size, max(1, round((x1 - x0) * scale))))
    flip = bool(rng.random() < settings.flip)
    masks = _candidates(sample, rng, window, num_masks)
    pastes = [_paste(donor, rng, out_size, size) for donor in donors]
    return CropPlan(
        sample=sample,
        size=size,
        window=window,
        out_size=out_size,
        flip=flip,
        masks=masks,
        num_masks=num_masks,
        pastes=tuple(paste for paste in pastes if paste is not None),
        colour=plan_colour(rng, settings),
    )


def num_pastes(rng: np.random.Generator, settings: AugmentSettings) -> int:
    """How many objects are laid over a crop."""
    if not settings.paste or rng.random() >= settings.paste:
        return 0
    return int(rng.integers(1, MAX_PASTES + 1))


def plan_colour(rng: np.random.Generator, settings: AugmentSettings) -> Colour:
    """Brightness, contrast, saturation, tint and noise; sometimes grey or inverted."""
    matrix, middle, shift, noise = np.eye(3), 0.0, 0.0, 0.0
    if rng.random() < settings.colour:
        saturation, contrast, brightness = rng.uniform(0.5, 1.5), rng.uniform(0.65, 1.4), rng.uniform(0.7, 1.3)
        matrix = contrast * (saturation * np.eye(3) + (1 - saturation) * GREY) * rng.uniform(0.9, 1.1, 3)[:, None]
        middle = brightness - contrast
        noise = rng.uniform(1, 10) if rng.random() < 0.2 else 0.0
    if rng.random() < settings.grey:
        matrix = GREY @ matrix  # a grey shift stays what it is
    if rng.random() < settings.invert:
        matrix, middle, shift = -matrix, -middle, 255.0
    return Colour(matrix, middle, shift, noise, int(rng.integers(2**31)))


def _window(sample: Sample, rng: np.random.Generator, side: float) -> Window:
    """A source window (x0, y0, x1, y1) of at most `side` pixels, around a random mask where it must choose."""
    height, width = sample.size
    span_w, span_h = min(width, max(1, round(side))), min(height, max(1, round(side)))
    if len(sample.rles):
        box = sample.boxes[rng.integers(len(sample.rles))]
        anchor_x, anchor_y = rng.uniform(box[0], box[2]), rng.uniform(box[1], box[3])
    else:
        anchor_x, anchor_y = rng.uniform(0, width), rng.uniform(0, height)
    x0 = int(np.clip(anchor_x - rng.uniform(0.1, 0.9) * span_w, 0, width - span_w))
    y0 = int(np.clip(anchor_y - rng.uniform(0.1, 0.9) * span_h, 0, height - span_h))
    return x0, y0, x0 + span_w, y0 + span_h


def _candidates(sample: Sample, rng: np.random.Generator, window: Window, num_masks: int) -> tuple[int, ...]:
    """Masks whose box meets the window, in random order."""
    if not len(sample.rles):
        return ()
    x0, y0, x1, y1 = window
    boxes = sample.boxes
    inside = np.flatnonzero((boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0))
    return tuple(rng.permutation(inside)[: num_masks + SPARE_MASKS].tolist())


def _paste(donor: Sample, rng: np.random.Generator, out_size: tuple[int, int], size: int) -> Paste | None:
    """A whole object of `donor`, put somewhere into the crop; None if it has none."""
    height, width = donor.size
    boxes = donor.boxes
    whole = (boxes[:, 0] > 1) & (boxes[:, 1] > 1) & (boxes[:, 2] < width - 1) & (boxes[:, 3] < height - 1)
    fit = np.flatnonzero(whole & (donor.areas >= MIN_DONOR_AREA))
    if not len(fit):
        return None
    index = int(rng.choice(fit))
    x0, y0, x1, y1 = boxes[index].astype(int).tolist()
    side = size * float(np.exp(rng.uniform(*np.log(PASTE_SIDES))))
    scale = min(side / max(x1 - x0, y1 - y0), 3.0)
    width, height = (
        min(max(2, round(length * scale)), most)
        for length, most in zip((x1 - x0, y1 - y0), out_size[::-1], strict=True)
    )
    left, top = (int(rng.integers(0, room + 1)) for room in (out_size[1] - width, out_size[0] - height))
    flip = bool(rng.random() < 0.5)
    return Paste(donor, index, (x0, y0, x1, y1), (left, top, left + width, top + height), flip)
