"""Generated scenes: images of overlapping shapes whose masks are known exactly.

Each scene is drawn back to front: a background, then shapes with their own gradient, texture and shadow; a mask is the
visible part of its shape. About a third of the scenes are crowds: many alike objects on a plainer ground. Everything
follows from one seed. Used to widen small training sets and as sample images that need no licence. Knows nothing of
models.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.train.data import BoolArray, Sample, UInt8Array, sample_from_masks

MIN_VISIBLE_PIXELS = 60
MIN_VISIBLE_FRACTION = 0.25
CROWD_SHARE = 0.35


class Crowd(NamedTuple):
    """What the many objects of one scene have in common: mean radius in pixels, RGB colour, and how round they are."""

    radius: float
    colour: NDArray[np.float32]
    regularity: float


def make_scene(seed: int, size: tuple[int, int] = (384, 512)) -> tuple[UInt8Array, list[BoolArray]]:
    """Draw scene `seed` of (h, w) `size` -> (RGB uint8 (h, w, 3), visible masks bool (h, w)); same seed, same scene."""
    rng = np.random.default_rng([seed, size[0], size[1]])
    height, width = size
    crowd = _crowd(rng, max(height, width)) if rng.random() < CROWD_SHARE else None
    canvas = _surface(rng, height, width) if crowd is None else _plain(rng, _colour(rng), height, width)
    owner = np.zeros((height, width), np.int32)
    full_areas = [0]
    for number in range(1, int(rng.integers(4, 22) if crowd is None else rng.integers(15, 70)) + 1):
        shape = _shape(rng, height, width, crowd)
        full_areas.append(int(shape.sum()))
        if crowd is None and rng.random() < 0.5:
            canvas = _cast_shadow(rng, canvas, shape)
        canvas = _paint(rng, canvas, shape, crowd)
        owner[shape > 0.5] = number
    picture = _camera(rng, canvas)
    masks = []
    for number, full_area in enumerate(full_areas):
        mask = owner == number
        visible = int(mask.sum())
        if number and visible >= max(MIN_VISIBLE_PIXELS, MIN_VISIBLE_FRACTION * full_area):
            masks.append(mask)
    return picture, masks


class SceneDataset:
    """`count` scenes from consecutive seeds, each drawn when it is first asked for and then kept in memory."""

    def __init__(self, count: int, *, seed: int = 0, size: tuple[int, int] = (384, 512)) -> None:
        self._seed = seed
        self._size = size
        self._samples: list[Sample | None] = [None] * count

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        sample = self._samples[index]
        if sample is None:
            seed = self._seed + range(len(self))[index]
            sample = sample_from_masks(f"scene-{seed}", *make_scene(seed, self._size), complete=True)
            self._samples[index] = sample
        return sample


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    hsv = np.array([[[rng.integers(0, 180), rng.integers(0, 230), rng.integers(30, 256)]]], np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


def _crowd(rng: np.random.Generator, side: int) -> Crowd:
    return Crowd(side * float(np.exp(rng.uniform(np.log(0.015), np.log(0.07)))), _colour(rng), float(rng.random()))


def _plain(
    rng: np.random.Generator, colour: NDArray[np.float32], height: int, width: int, spread: float = 15.0
) -> NDArray[np.float32]:
    """One colour with faint smooth noise, float32 (h, w, 3)."""
    cell = int(rng.integers(3, 40))
    coarse = rng.normal(0, rng.uniform(0, spread), (height // cell + 2, width // cell + 2)).astype(np.float32)
    noise = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray(np.clip(colour + noise[..., None], 0, 255), np.float32)


def _surface(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A gradient between two colours with smooth noise and sometimes stripes or checks, float32 (h, w, 3)."""
    angle = rng.uniform(0, 2 * np.pi)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    axis = np.cos(angle) * xs + np.sin(angle) * ys
    ramp = (axis - axis.min()) / max(float(np.ptp(axis)), 1.0)
    first = _colour(rng)
    second = first + rng.normal(0, 25, 3).astype(np.float32) if rng.random() < 0.6 else _colour(rng)
    surface = first + (second - first) * ramp[..., None]
    kind = rng.random()
    if kind < 0.25:
        period = rng.uniform(4, 40)
        wave = np.sin(axis * (2 * np.pi / period)) > rng.uniform(-0.5, 0.5)
        surface += wave[..., None] * rng.normal(0, 45, 3).astype(np.float32)
    elif kind < 0.4:
        period = rng.uniform(8, 50)
        checks = ((xs // period) + (ys // period)) % 2
        surface += checks[..., None] * rng.normal(0, 45, 3).astype(np.float32)
    for _ in range(int(rng.integers(1, 3))):
        cell = int(rng.integers(3, 40))
        coarse = rng.normal(0, rng.uniform(4, 30), (height // cell + 2, width // cell + 2)).astype(np.float32)
        noise = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        surface += noise[..., None]
    return np.asarray(np.clip(surface, 0, 255), np.float32)


def _shape(rng: np.random.Generator, height: int, width: int, crowd: Crowd | None) -> NDArray[np.float32]:
    """Coverage in [0, 1] of one random shape, float32 (h, w), with a smooth edge."""
    canvas = np.zeros((height, width), np.uint8)
    centre = (rng.uniform(0, width), rng.uniform(0, height))
    turn = rng.uniform(0, 360)
    if crowd is None:
        radius = float(np.exp(rng.uniform(np.log(0.025), np.log(0.3)))) * max(height, width)
        aspect, kind = rng.uniform(0.35, 1.0), rng.random()
    else:
        radius = crowd.radius * float(rng.uniform(0.6, 1.4))
        aspect, kind = rng.uniform(0.4 + 0.5 * crowd.regularity, 1.0), 0.0 if rng.random() < crowd.regularity else 0.9
    if kind < 0.25:
        axes = (max(int(radius), 2), max(int(radius * aspect), 2))
        cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    elif kind < 0.45:
        box = cv2.boxPoints((centre, (2 * radius, 2 * radius * aspect), turn))
        cv2.fillPoly(canvas, [box.round().astype(np.int32)], 255, cv2.LINE_AA)
    else:
        cv2.fillPoly(canvas, [_outline(rng, centre, radius, aspect, turn)], 255, cv2.LINE_AA)
    if rng.random() < 0.12:
        hole = (max(int(radius * aspect * 0.45), 1),) * 2
        cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), hole, 0, 0, 360, 0, -1, cv2.LINE_AA)
    return canvas.astype(np.float32) / np.float32(255)


def _outline(
    rng: np.random.Generator, centre: tuple[float, float], radius: float, aspect: float, turn: float
) -> NDArray[np.int32]:
    """A closed outline: a blob of a few low harmonics, a polygon with straight sides, or a star."""
    kind = rng.random()
    if kind < 0.55:
        angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
        radii = np.ones_like(angles)
        for harmonic in range(2, 7):
            radii += rng.normal(0, 0.35 / harmonic) * np.cos(harmonic * angles + rng.uniform(0, 2 * np.pi))
    else:
        corners = int(rng.integers(3, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if kind < 0.8 else np.arange(2 * corners) * np.pi / corners
        radii = rng.uniform(0.6, 1.1, len(angles)) if kind < 0.8 else np.where(np.arange(2 * corners) % 2, 0.45, 1.0)
    radii = np.clip(radii, 0.15, 1.6) * radius
    local = np.stack([np.cos(angles) * radii, np.sin(angles) * radii * aspect], axis=1)
    cos, sin = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    placed = local @ np.array([[cos, sin], [-sin, cos]]) + np.array(centre)
    return np.asarray(placed.round(), np.int32)


def _cast_shadow(
    rng: np.random.Generator, canvas: NDArray[np.float32], shape: NDArray[np.float32]
) -> NDArray[np.float32]:
    height, width = shape.shape
    reach = 0.03 * max(height, width)
    shift = np.array([[1, 0, rng.uniform(-reach, reach)], [0, 1, rng.uniform(0, reach)]])
    moved = cv2.warpAffine(shape, shift, (width, height))
    soft = cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(1.0, 8.0)))
    darkness = np.float32(rng.uniform(0.2, 0.6)) * np.asarray(soft, np.float32)
    return canvas * (1 - darkness[..., None])


def _paint(
    rng: np.random.Generator, canvas: NDArray[np.float32], shape: NDArray[np.float32], crowd: Crowd | None
) -> NDArray[np.float32]:
    """Lay a new surface over `canvas` where `shape` covers it, sometimes shaded towards its edge."""
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    if not len(rows):
        return canvas
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cover = shape[window][..., None]
    height, width = cover.shape[:2]
    if crowd is None:
        surface = _surface(rng, height, width)
    else:
        surface = _plain(rng, crowd.colour + rng.normal(0, 12, 3).astype(np.float32), height, width, spread=40.0)
    if rng.random() < 0.5:
        depth = cv2.distanceTransform((shape[window] > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        shade = 1 - rng.uniform(0.2, 0.6) * np.exp(-depth / max(float(depth.max()) * 0.4, 1.0))
        surface *= shade[..., None].astype(np.float32)
    canvas[window] = canvas[window] * (1 - cover) + surface * cover
    return canvas


def _camera(rng: np.random.Generator, canvas: NDArray[np.float32]) -> UInt8Array:
    """Light that changes over the image, a little blur, and noise."""
    height, width = canvas.shape[:2]
    light = cv2.resize(rng.uniform(0.75, 1.2, (2, 2)).astype(np.float32), (width, height))
    canvas = canvas * light[..., None]
    if rng.random() < 0.7:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.4, 1.3))), np.float32)
    canvas = canvas + rng.normal(0, rng.uniform(1, 9), canvas.shape).astype(np.float32)
    return np.clip(canvas, 0, 255).astype(np.uint8)
