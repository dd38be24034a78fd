"""Masks for photographs that nobody has annotated: the regions of their hierarchies that stand out.

A region is worth a mask when it lives long (its neighbours are far less alike than its halves were) and a strong edge
runs around it. Such masks are things, parts of things and stuff: what a model of "any object" should answer to, though
not all that it should. `region_file` writes them for a folder, as COCO instances that `CocoDataset` reads. Knows
nothing of models.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engine.errors import ImageError, TrainingError
from engine.export import coco
from engine.generate.images import find_images, read_image
from engine.masks import rle as rle_ops
from engine.masks.components import remove_small_regions
from engine.train.data import BoolArray, UInt8Array
from engine.train.hierarchy import Tree, hierarchy

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.export.sa1b import ImageMeta
    from engine.masks.rle import Rle

LIMIT = 30
LONG_SIDE = 640  # larger images are made this small first: their finest regions are no objects
MIN_AREA = 200  # pixels of the image
MAX_SHARE = 0.6  # of the image
MIN_CONTRAST = 0.15  # mean edge strength along the outline; noise stays below
MIN_ROUNDNESS = 0.1  # 4 pi area / outline^2, 1 for a disc
MAX_IOU = 0.8  # of two regions; nested ones are as welcome as parts and wholes are
SEAM_WEIGHT = 0.25  # an edge between a region's halves speaks against it, but things have parts
MAX_HOLE = 0.03  # of the region: filled
MIN_BODY = 0.85  # of the region: what must hang together without threads
THREAD = 5  # pixels: what is thinner does not hold two halves together


def region_masks(image: UInt8Array, *, limit: int = LIMIT) -> list[BoolArray]:
    """Up to `limit` masks (H, W) of an RGB image (H, W, 3), the region that stands out most first.

    Each is one piece of MIN_AREA pixels to MAX_SHARE of the image, no two overlap with an IoU above MAX_IOU. The same
    image always gives the same masks; one without edges gives none.
    """
    height, width = image.shape[:2]
    scale = min(LONG_SIDE / max(height, width), 1.0)
    small = image
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    labels, tree = hierarchy(small)
    masks: list[BoolArray] = []
    for node in _candidates(tree, labels.size, MIN_AREA * scale**2):
        if len(masks) >= limit:
            break
        mask = _piece(tree.members[node][labels])
        if mask is None:
            continue
        if scale < 1:
            mask = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        if MIN_AREA <= mask.sum() <= MAX_SHARE * mask.size and not _known(mask, masks):
            masks.append(mask)
    return masks


def _candidates(tree: Tree, pixels: int, min_area: float) -> list[int]:
    """The nodes that may become masks, best first."""
    kept = np.flatnonzero(
        (tree.area >= min_area)
        & (tree.area <= MAX_SHARE * pixels)
        & np.isfinite(tree.dies)
        & (tree.contrast >= MIN_CONTRAST)
        # Pixel sides make a slanted or curved outline longer than it is, by 4 / pi on average.
        & (4 * np.pi * tree.area >= MIN_ROUNDNESS * (tree.outline * np.pi / 4) ** 2)
    )
    life = (tree.dies - tree.born)[kept]
    distinct = np.maximum(tree.contrast - SEAM_WEIGHT * tree.seam, 0)[kept]
    scores = life * tree.contrast[kept] * distinct
    return [int(node) for node in kept[np.argsort(-scores, kind="stable")]]


def _piece(mask: BoolArray) -> BoolArray | None:
    """A region without threads, small holes and crumbs; None if it is not one body then."""
    area = int(mask.sum())
    smooth = cv2.medianBlur(mask.astype(np.uint8), 5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THREAD, THREAD))
    # Padded by itself: the image's border must not eat from the regions that touch it.
    wide = cv2.copyMakeBorder(smooth, THREAD, THREAD, THREAD, THREAD, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, kernel)[THREAD:-THREAD, THREAD:-THREAD]
    count, parts, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(opened), connectivity=4)
    if count < 2:
        return None
    body = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[body, cv2.CC_STAT_AREA] < MIN_BODY * area:
        return None
    return remove_small_regions(np.asarray(parts == body), max(round(MAX_HOLE * area), 1), "holes")[0]


def _known(mask: BoolArray, masks: list[BoolArray]) -> bool:
    """Whether one of `masks` is nearly `mask`."""
    area = int(mask.sum())
    for other in masks:
        inside = int(np.count_nonzero(mask & other))
        if inside > MAX_IOU * (area + int(other.sum()) - inside):
            return True
    return False


def region_rles(image: UInt8Array, *, limit: int = LIMIT) -> tuple[Rle, ...]:
    """`region_masks` as compressed RLEs."""
    return tuple(rle_ops.encode(mask) for mask in region_masks(image, limit=limit))


def region_file(
    images_dir: Path,
    out: Path,
    *,
    limit: int = LIMIT,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int, list[str]]:
    """Write the regions of a folder's images as COCO instances -> (images, masks, problems, one sentence each).

    `CocoDataset((out, images_dir))` reads the file; images without a region or that cannot be read are not in it.
    `progress(done, total)` counts images. Raises TrainingError if no image of the folder gives a region.
    """
    paths = find_images(images_dir)
    entries: list[tuple[ImageMeta, list[dict[str, Rle]]]] = []
    problems: list[str] = []
    context = get_context("spawn")  # a fork would copy locks that other threads hold
    with ProcessPoolExecutor(processes, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for number, found in enumerate(pool.map(partial(_regions_of, limit=limit), paths), start=1):
            name = paths[number - 1].name
            if isinstance(found, str):
                problems.append(f"{name} was skipped: {found}.")
            elif found:
                height, width = found[0]["size"]
                meta: ImageMeta = {"image_id": number, "width": width, "height": height, "file_name": name}
                entries.append((meta, [{"segmentation": rle} for rle in found]))
            if progress:
                progress(number, len(paths))
    if not entries:
        first = f" First problem: {problems[0]}" if problems else ""
        raise TrainingError(f"No image of {images_dir} gives a region; point to a folder of photographs.{first}")
    document = coco.write_dataset(out, entries, description="Maskloom regions")
    return len(entries), len(document["annotations"]), problems


def _regions_of(path: Path, limit: int) -> tuple[Rle, ...] | str:
    """The regions of an image file, or why it cannot be read: no one file may stop a folder."""
    try:
        return region_rles(read_image(path), limit=limit)
    except ImageError as error:
        return str(error)
