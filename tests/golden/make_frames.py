"""Make frames.json: `python tests/golden/make_frames.py`.

Independent of engine/geometry.py on purpose: coordinates and covered areas by exact fractions, details by trying all of
them, upsampling by torch's own bilinear resize. The file is read by the Python tests and by the page's.
"""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

# (h, w), S: landscape, portrait, square, odd, tiny, extreme, larger and smaller than the model
FRAMES = [
    ((480, 640), 512),
    ((640, 427), 512),
    ((512, 512), 512),
    ((333, 517), 512),
    ((7, 5), 512),
    ((1, 3000), 512),
    ((2250, 1500), 1024),
    ((400, 600), 256),
]
MASKED = [((20, 30), 32), ((9, 9), 32), ((47, 64), 32), ((5, 70), 64), ((3, 2), 32)]
DETAILED = [(1024, 1024), (603, 1272), (480, 640), (4000, 3001), (300, 200), (15, 9000)]
UPSAMPLED = [((20, 30), 32), ((30, 20), 32), ((9, 9), 32), ((47, 64), 32), ((5, 70), 64)]


def input_size(size: tuple[int, int], model_size: int) -> tuple[int, int]:
    scale = Fraction(model_size, max(size))
    height, width = (max(1, int(side * scale + Fraction(1, 2))) for side in size)
    return height, width


def frame_case(size: tuple[int, int], model_size: int) -> dict[str, object]:
    (h, w), (input_h, input_w) = size, input_size(size, model_size)
    points = [(0, 0), (w, h), (w / 2, h / 2), (0.25, h - 0.75), (w / 3, h / 7)]

    def to_model(x: float, y: float) -> list[float]:
        return [float(Fraction(x) * Fraction(input_w, w)), float(Fraction(y) * Fraction(input_h, h))]

    return {
        "image": {"h": h, "w": w},
        "model_size": model_size,
        "scale": model_size / max(h, w),
        "input": {"h": input_h, "w": input_w},
        "low_res": model_size // 4,
        "points": [{"image": [x, y], "model": to_model(x, y)} for x, y in points],
    }


def upsample_case(size: tuple[int, int], model_size: int, seed: int) -> dict[str, object]:
    (h, w), (input_h, input_w) = size, input_size(size, model_size)
    low_res = np.random.default_rng(seed).normal(scale=6, size=(model_size // 4, model_size // 4)).round(3)
    logits = torch.from_numpy(low_res)[None, None]
    logits = functional.interpolate(logits, (model_size, model_size), mode="bilinear", align_corners=False)
    logits = functional.interpolate(logits[..., :input_h, :input_w], (h, w), mode="bilinear", align_corners=False)
    return {
        "image": {"h": h, "w": w},
        "model_size": model_size,
        "low_res": low_res.tolist(),
        "logits": logits[0, 0].numpy().round(5).tolist(),
    }


def mask_case(size: tuple[int, int], model_size: int, seed: int) -> dict[str, object]:
    """A mask as a prompt: the exact area of each low_res cell that the mask's pixels cover, from -10 to 10."""
    (h, w), (input_h, input_w) = size, input_size(size, model_size)
    side = model_size // 4
    mask = np.random.default_rng(seed).random((h, w)) < 0.6

    def spans(pixels: int, used: int) -> list[list[Fraction]]:
        edges = [Fraction(index * used, pixels * 4) for index in range(pixels + 1)]
        pairs = list(pairwise(edges))
        return [[max(Fraction(0), min(high, cell + 1) - max(low, cell)) for low, high in pairs] for cell in range(side)]

    columns = [[(x, part) for x, part in enumerate(cell) if part] for cell in spans(w, input_w)]
    rows = [[(y, part) for y, part in enumerate(cell) if part] for cell in spans(h, input_h)]
    covered = [
        [
            sum((down * across for y, down in row for x, across in column if mask[y, x]), Fraction(0))
            for column in columns
        ]
        for row in rows
    ]
    return {
        "image": {"h": h, "w": w},
        "model_size": model_size,
        "rows": ["".join(map(str, row)) for row in mask.astype(int)],
        "logits": [[round(float(20 * share - 10), 5) for share in row] for row in covered],
    }


def detail_cases(size: tuple[int, int]) -> list[dict[str, object]]:
    """Boxes of all sizes, and the smallest detail that holds each: of all those, the one around its middle."""
    h, w = size
    rng = np.random.default_rng(h)
    boxes = [[0, 0, w, h], [0, 0, 1, 1], [w - 3, h - 2, w, h]]
    for share in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.6):
        bw, bh = max(1, int(w * share)), max(1, int(h * share * rng.uniform(0.3, 1)))
        x, y = int(rng.integers(0, w - bw + 1)), int(rng.integers(0, h - bh + 1))
        boxes.append([x, y, x + bw, y + bh])
    cases: list[dict[str, object]] = []
    for box in boxes:
        holding = [found for level in range(5) for found in details_of(size, level) if holds(found[1], box)]
        deepest = max(found[0][0] for found in holding)
        key, extent = min((f for f in holding if f[0][0] == deepest), key=lambda f: off_middle(f[0], size, box))
        cases.append({"image": {"h": h, "w": w}, "box": box, "key": "-".join(map(str, key)), "extent": extent})
    return cases


def details_of(size: tuple[int, int], level: int) -> list[tuple[tuple[int, int, int], list[int]]]:
    """(level, row, column) and xyxy of all details at a level; none where they are too small."""
    h, w = size
    parts = 2**level
    if level and (Fraction(max(size), parts) < 256 or Fraction(min(size), parts) < 16):
        return []
    steps = range(2 * parts - 1)
    at = [[int(Fraction(side * step, 2 * parts)) for step in range(2 * parts + 1)] for side in (w, h)]
    return [((level, r, c), [at[0][c], at[1][r], at[0][c + 2], at[1][r + 2]]) for r in steps for c in steps]


def holds(extent: list[int], box: list[int]) -> bool:
    return extent[0] <= box[0] and extent[1] <= box[1] and box[2] <= extent[2] and box[3] <= extent[3]


def off_middle(key: tuple[int, int, int], size: tuple[int, int], box: list[int]) -> tuple[Fraction, int, int]:
    level, row, column = key
    across = abs(Fraction(size[1] * (column + 1), 2 ** (level + 1)) - Fraction(box[0] + box[2], 2))
    down = abs(Fraction(size[0] * (row + 1), 2 ** (level + 1)) - Fraction(box[1] + box[3], 2))
    return across + down, -row, -column


def main() -> None:
    content = {
        "frames": [frame_case(size, model_size) for size, model_size in FRAMES],
        "upsample": [upsample_case(size, model_size, seed) for seed, (size, model_size) in enumerate(UPSAMPLED)],
        "mask_prompts": [mask_case(size, model_size, seed) for seed, (size, model_size) in enumerate(MASKED)],
        "details": [case for size in DETAILED for case in detail_cases(size)],
    }
    path = Path(__file__).with_name("frames.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
