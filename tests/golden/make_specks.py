"""Make specks.json: `python tests/golden/make_specks.py`.

Small masks with clicks and what the rule on specks leaves of them, by flood fill over single pixels: independent of
engine/masks/components.py and of frontend/src/geometry/specks.ts on purpose. The file is read by the tests of both.
"""

import json
from pathlib import Path

import numpy as np

ISLAND_PERCENT, HOLE_PERCENT = 2, 1
Pixel = tuple[int, int]
Click = tuple[int, int, int]


def regions(mask: np.ndarray, value: bool) -> list[set[Pixel]]:
    """Sets of (row, column) of `value` that touch, corners included."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask == value)}
    found = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


def painted(mask: np.ndarray, value: bool, percent: int, of: int, clicks: list[Click]) -> np.ndarray:
    """The mask after regions of `value` below `percent` of `of` pixels without a click of that label have changed."""
    result = mask.copy()
    for region in regions(mask, value):
        clicked = any((y, x) in region for x, y, label in clicks if label == value)
        if 100 * len(region) < percent * of and not clicked:
            for pixel in region:
                result[pixel] = not value
    return result


def without_specks(mask: np.ndarray, clicks: list[Click]) -> np.ndarray:
    filled = painted(mask, False, HOLE_PERCENT, int(mask.sum()), clicks)
    largest = max(map(len, regions(filled, True)), default=0)
    return painted(filled, True, ISLAND_PERCENT, largest, clicks)


def block(size: Pixel, *ones: tuple[int, int, int, int], zeros: tuple[Pixel, ...] = ()) -> np.ndarray:
    """Rectangles of ones (x0, y0, x1, y1), ends exclusive, then single zeros (x, y)."""
    mask = np.zeros(size, bool)
    for x0, y0, x1, y1 in ones:
        mask[y0:y1, x0:x1] = True
    for x, y in zeros:
        mask[y, x] = False
    return mask


def noise(size: Pixel, ones: float, seed: int) -> tuple[np.ndarray, list[Click]]:
    rng = np.random.default_rng(seed)
    mask = rng.random(size) < ones
    clicks = [(int(rng.integers(size[1])), int(rng.integers(size[0])), int(rng.integers(2))) for _ in range(4)]
    return mask, clicks


def cases() -> list[tuple[str, np.ndarray, list[Click]]]:
    speck = block((9, 11), (0, 0, 8, 8), (9, 7, 10, 8))
    at_share = block((10, 14), (0, 0, 10, 10), (11, 0, 13, 1), (12, 4, 13, 5))
    hole = block((11, 12), (0, 0, 12, 11), zeros=((4, 5),))
    ring = tuple((x, y) for x in (9, 10, 11) for y in (9, 10, 11) if (x, y) != (10, 10))
    drawn = [
        ("a speck goes", speck, [(2, 2, 1)]),
        ("a speck goes without a click", speck, []),
        ("a speck that is clicked stays", speck, [(2, 2, 1), (9, 7, 1)]),
        ("a background click keeps no island", speck, [(2, 2, 1), (9, 7, 0)]),
        ("a click outside keeps nothing", speck, [(10, 0, 1), (11, 7, 1), (9, 9, 1), (-1, 0, 1), (8, 16, 1)]),
        ("the share itself stays", at_share, [(0, 0, 1)]),
        ("a corner joins", block((10, 10), (0, 0, 8, 8), (8, 8, 9, 9)), []),
        ("the foot of a column and the head of the next are apart", block((10, 9), (0, 2, 8, 10), (8, 0, 9, 1)), []),
        ("the head of a column and the foot of the next are apart", block((10, 9), (0, 0, 8, 8), (8, 9, 9, 10)), []),
        ("parts of one object stay", block((9, 12), (0, 0, 6, 9), (7, 0, 12, 4), (7, 6, 9, 7)), [(2, 2, 1)]),
        (
            "arms that meet late are one",
            block((18, 9), (0, 17, 1, 18), (1, 0, 2, 17), (3, 0, 4, 1), (4, 1, 9, 18), (2, 17, 5, 18), (0, 0, 1, 1)),
            [],
        ),
        ("a hole is filled", hole, [(1, 1, 1)]),
        ("a hole with a background click stays", hole, [(1, 1, 1), (4, 5, 0)]),
        ("a foreground click keeps no hole", hole, [(1, 1, 1), (4, 5, 1)]),
        ("a hole of the share itself stays", block((11, 10), (0, 0, 10, 10), (0, 10, 1, 11), zeros=((4, 5),)), []),
        ("a corner of the image is a hole", block((11, 12), (0, 0, 12, 11), zeros=((11, 10),)), []),
        ("a filled hole takes its island in", block((30, 30), (0, 0, 30, 30), zeros=ring), []),
        ("an empty mask stays empty", block((3, 4)), [(1, 1, 1)]),
        ("a full mask stays full", block((3, 4), (0, 0, 4, 3)), [(1, 1, 0)]),
        ("one column", block((120, 1), (0, 0, 1, 101), (0, 110, 1, 112), (0, 118, 1, 119)), []),
        ("one row", block((1, 120), (0, 0, 101, 1), (110, 0, 112, 1), (118, 0, 119, 1)), []),
    ]
    sizes = [((13, 17), 0.5), ((24, 9), 0.5), ((16, 40), 0.45), ((20, 20), 0.66), ((31, 12), 0.72), ((40, 40), 0.8)]
    noisy = [(f"noise {number}", *noise(size, ones, number)) for number, (size, ones) in enumerate(sizes)]
    return drawn + noisy


def text(mask: np.ndarray) -> list[str]:
    return ["".join("01"[int(pixel)] for pixel in row) for row in mask]


def main() -> None:
    made = [
        {"name": name, "rows": text(mask), "clicks": clicks, "cleaned": text(without_specks(mask, clicks))}
        for name, mask, clicks in cases()
    ]
    Path(__file__).with_name("specks.json").write_text(json.dumps({"cases": made}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
