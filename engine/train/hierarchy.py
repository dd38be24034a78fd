"""The region hierarchy of one photograph: from pixels to nested regions, with nothing learnt and nothing labelled.

Three steps: `edge_map` says how strongly colour and texture change across each pixel, `leaves` floods it into a few
thousand small regions that stop at its ridges, `join` unites the two most alike neighbours until one region is left.
After Arbeláez et al., "Contour Detection and Hierarchical Image Segmentation" (2011) and Uijlings et al., "Selective
Search for Object Recognition" (2013). Knows nothing of masks, files and models.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

if TYPE_CHECKING:
    from collections.abc import Callable

BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Side = tuple[float, float]  # of a border: pixel sides long, edge strength summed over them

RADII = (2, 5)  # pixels: half the windows that are compared left and right of an edge
TEXTURE_WEIGHT = 1.5  # one unit of local contrast against one of Lab
NOISE = 60.0  # squared Lab units: a step this large between two flat sides counts half
SCATTER = 0.5  # how much the variance within the two sides speaks against an edge between them
BINS = 12  # a channel's histogram
MIN_SPREAD = 25.0  # Lab units that a histogram covers at least: noise in a plain image is no difference
EDGE_WEIGHT = 2.0  # the border's strength against the difference of the histograms
SIZE_POWER = 0.5  # how early small regions are joined


@dataclass(frozen=True)
class Tree:
    """A binary tree of regions: nodes 0 to L-1 are the leaves, each later one unites two before it; the last is all.

    `members` (N, L) tells which leaves each of the N nodes holds, `area` (N,) its pixels. `born` and `dies` (N,) are
    the heights at which it is made and united with another, infinity for the last. `contrast` (N,) is the mean edge
    strength along its outline, `seam` (N,) that between its two halves (0 for leaves), `outline` (N,) its length in
    pixel sides; the image's border counts in none of them.
    """

    members: BoolArray
    area: Floats
    born: Floats
    dies: Floats
    contrast: Floats
    seam: Floats
    outline: Floats


def hierarchy(image: NDArray[np.uint8]) -> tuple[Ints, Tree]:
    """The leaf that each pixel of an RGB image (H, W, 3) belongs to, (H, W), and the tree over the leaves."""
    pixels = features(image)
    edges = edge_map(pixels)
    labels = leaves(edges)
    return labels, join(labels, edges, histograms(pixels, labels))


def features(image: NDArray[np.uint8]) -> Floats:
    """CIE Lab and the local contrast of its lightness, (H, W, 4) in Lab units, of an RGB image (H, W, 3)."""
    lab = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    light = np.ascontiguousarray(lab[..., 0])
    detail = np.abs(light - cv2.GaussianBlur(light, (0, 0), 2.0))
    return np.dstack([lab, TEXTURE_WEIGHT * cv2.GaussianBlur(detail, (0, 0), 3.0)]).astype(np.float32)


def edge_map(pixels: Floats) -> Floats:
    """How strongly each pixel of features (H, W, C) parts its two sides: (H, W), 0 to 1, the mean of two scales.

    The best of four directions; what counts is the squared distance of the two sides' means against their own
    scatter, so that a line within a texture is no edge.
    """
    scales = [_contrast(pixels, radius) for radius in RADII]
    return np.asarray(np.mean(scales, axis=0), np.float32)


def _contrast(pixels: Floats, radius: int) -> Floats:
    height, width = pixels.shape[:2]
    side, reach = (2 * radius + 1, 2 * radius + 1), radius + 1
    mean = cv2.blur(pixels, side, borderType=cv2.BORDER_REPLICATE)
    square = cv2.blur((pixels**2).sum(axis=2), side, borderType=cv2.BORDER_REPLICATE)
    scatter = np.maximum(square - (mean**2).sum(axis=2), 0)
    margins = (reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    means = np.asarray(cv2.copyMakeBorder(mean, *margins), np.float32)
    scatters = np.asarray(cv2.copyMakeBorder(scatter, *margins), np.float32)
    best = np.zeros((height, width), np.float32)
    slant = round(reach * 0.7)
    for dx, dy in ((reach, 0), (0, reach), (slant, slant), (slant, -slant)):
        one = np.s_[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        two = np.s_[reach - dy : reach - dy + height, reach - dx : reach - dx + width]
        gap = ((means[one] - means[two]) ** 2).sum(axis=2)
        np.maximum(best, gap / (gap + SCATTER * (scatters[one] + scatters[two]) + NOISE), out=best)
    return best


def leaves(edges: Floats) -> Ints:
    """An edge map (H, W) flooded from its minima: labels from 0 on, (H, W)."""
    smooth = np.asarray(cv2.GaussianBlur(edges, (0, 0), 1.0), np.float32)
    low = (smooth <= cv2.erode(smooth, np.ones((5, 5), np.uint8)) + 1e-3).astype(np.uint8)
    _, seeds = cv2.connectedComponents(low, connectivity=8)
    flood: Callable[[Floats, NDArray[np.int32]], NDArray[np.int32]] = watershed  # scikit-image says no types
    return flood(smooth, np.asarray(seeds, np.int32)).astype(np.int64) - 1


def histograms(pixels: Floats, labels: Ints) -> Floats:
    """How the features (H, W, C) of each leaf are spread, (L, C * BINS): a pixel adds 1 / C, shared by two bins."""
    count, flat = int(labels.max()) + 1, labels.ravel()
    parts = []
    for channel in range(pixels.shape[2]):
        values = pixels[..., channel].ravel()
        low, high = np.percentile(values, (1, 99))
        spread = max(float(high - low), MIN_SPREAD)
        place = np.clip((values - (low + high - spread) / 2) / spread, 0, 1) * (BINS - 1)
        under = np.minimum(place.astype(np.int64), BINS - 2)
        grid = np.bincount(flat * BINS + under, 1 - (place - under), count * BINS)
        grid += np.bincount(flat * BINS + under + 1, place - under, count * BINS)
        parts.append(grid.reshape(count, BINS))
    return np.asarray(np.concatenate(parts, axis=1) / pixels.shape[2], np.float32)


def borders(labels: Ints, edges: Floats) -> list[dict[int, Side]]:
    """The neighbours of each leaf and the border between them."""
    count = int(labels.max()) + 1
    keys, strengths = [], []
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        apart = labels[one] != labels[two]
        low, high = np.minimum(labels[one], labels[two]), np.maximum(labels[one], labels[two])
        keys.append((low * count + high)[apart])
        strengths.append(np.maximum(edges[one], edges[two])[apart])
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    lengths = np.bincount(place, minlength=len(pairs))
    sums = np.bincount(place, np.concatenate(strengths), len(pairs))
    near: list[dict[int, Side]] = [{} for _ in range(count)]
    for pair, length, strength in zip(pairs.tolist(), lengths.tolist(), sums.tolist(), strict=True):
        a, b = divmod(pair, count)
        near[a][b] = near[b][a] = (float(length), strength)
    return near


def join(labels: Ints, edges: Floats, spreads: Floats) -> Tree:
    """Unite the two most alike neighbours until one region is left; `spreads` (L, B) are the leaves' histograms."""
    joining = _Joining(borders(labels, edges), np.bincount(labels.ravel()).astype(np.float32), spreads)
    heap = [entry for leaf in range(len(spreads)) for entry in joining.distances(leaf) if entry[1] < leaf]
    heapq.heapify(heap)
    while heap:
        height, a, b = heapq.heappop(heap)
        if joining.near[a] and joining.near[b]:  # a united region has no neighbours any more
            for entry in joining.unite(a, b, height):
                heapq.heappush(heap, entry)
    return joining.tree


class _Joining:
    """The state of one `join`: the tree so far, and each node's neighbours and mean histogram."""

    def __init__(self, near: list[dict[int, Side]], areas: Floats, spreads: Floats) -> None:
        count = len(areas)
        total = 2 * count - 1
        self.near = near
        self.pixels = float(areas.sum())
        self.spreads = np.zeros((total, spreads.shape[1]), np.float32)
        self.spreads[:count] = spreads / areas[:, None]
        born, contrast, seam, outline, area = np.zeros((5, total), np.float32)
        dies = np.full(total, np.inf, np.float32)
        self.tree = Tree(np.eye(total, count, dtype=bool), area, born, dies, contrast, seam, outline)
        area[:count] = areas
        for leaf in range(count):
            self._describe(leaf)

    def distances(self, node: int) -> list[tuple[float, int, int]]:
        """(height, neighbour, node) for each neighbour of a node: how unlike the two are, and how large."""
        others = list(self.near[node])
        if not others:
            return []
        sides = np.array(list(self.near[node].values()))
        gaps = np.abs(self.spreads[others] - self.spreads[node]).sum(axis=1) / 2
        share = np.minimum(self.tree.area[others], self.tree.area[node]) / self.pixels
        heights = (EDGE_WEIGHT * sides[:, 1] / sides[:, 0] + gaps) * share**SIZE_POWER
        return [(height, other, node) for height, other in zip(heights.tolist(), others, strict=True)]

    def unite(self, a: int, b: int, height: float) -> list[tuple[float, int, int]]:
        """Make the next node out of two neighbours; returns its own distances."""
        tree, near, node = self.tree, self.near, len(self.near)
        length, strength = near[a][b]
        # Heights only rise on the way up: a node cannot be made before its halves.
        tree.dies[[a, b]] = tree.born[node] = max(height, float(tree.born[a]), float(tree.born[b]))
        tree.seam[node] = strength / length
        tree.members[node] = tree.members[a] | tree.members[b]
        tree.area[node] = tree.area[a] + tree.area[b]
        halves = self.spreads[a] * tree.area[a] + self.spreads[b] * tree.area[b]
        self.spreads[node] = halves / tree.area[node]
        around: dict[int, Side] = {}
        for half, twin in ((a, b), (b, a)):
            for other, (more, stronger) in near[half].items():
                if other != twin:
                    known = around.get(other, (0.0, 0.0))
                    around[other] = (known[0] + more, known[1] + stronger)
                    del near[other][half]
            near[half] = {}
        near.append(around)
        for other, side in around.items():
            near[other][node] = side
        self._describe(node)
        return self.distances(node)

    def _describe(self, node: int) -> None:
        sides = self.near[node].values()
        length = sum(side[0] for side in sides)
        self.tree.outline[node] = length
        self.tree.contrast[node] = sum(side[1] for side in sides) / max(length, 1.0)
