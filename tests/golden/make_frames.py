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

Key = tuple[int, int, int]

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
DETAILED = [(1024, 1024), (603, 1272), (480, 640), (4000, 3001), (300, 200), (15, 9000), (900, 7300), (2600, 500)]
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
        key, extent, _ = min((f for f in holding if f[0][0] == deepest), key=lambda f: off_middle(f, box))
        cases.append({"image": {"h": h, "w": w}, "box": box, "key": "-".join(map(str, key)), "extent": extent})
    return cases


def details_of(size: tuple[int, int], level: int) -> list[tuple[Key, list[int], tuple[Fraction, Fraction]]]:
    """(level, row, column), xyxy, and the exact middle (x, y) of all details at a level; none if they are too small."""
    spare = 0  # halvings that the long side is ahead of the short one
    while Fraction(max(size), min(size)) >= 2 ** (spare + 1):
        spare += 1
    parts = [2**level if side == max(size) else 2 ** max(0, level - spare) for side in size]
    if level and (Fraction(max(size), max(parts)) < 256 or Fraction(min(size), min(parts)) < 16):
        return []
    ys, xs = (
        [int(Fraction(side * step, 2 * count)) for step in range(2 * count + 1)]
        for side, count in zip(size, parts, strict=True)
    )
    return [
        (
            (level, r, c),
            [xs[c], ys[r], xs[c + 2], ys[r + 2]],
            (Fraction(size[1] * (c + 1), 2 * parts[1]), Fraction(size[0] * (r + 1), 2 * parts[0])),
        )
        for r in range(2 * parts[0] - 1)
        for c in range(2 * parts[1] - 1)
    ]


def holds(extent: list[int], box: list[int]) -> bool:
    return extent[0] <= box[0] and extent[1] <= box[1] and box[2] <= extent[2] and box[3] <= extent[3]


def off_middle(found: tuple[Key, list[int], tuple[Fraction, Fraction]], box: list[int]) -> tuple[Fraction, int, int]:
    (_, row, column), _, middle = found
    across, down = (abs(at - Fraction(a + b, 2)) for at, a, b in zip(middle, box[:2], box[2:], strict=True))
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
