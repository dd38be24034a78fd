"""Make frames.json: `python tests/golden/make_frames.py`.

Independent of engine/geometry.py on purpose: coordinates by exact fractions, upsampling by torch's own bilinear resize.
The file is read by the Python tests and by the page's.
"""

import json
from fractions import Fraction
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


def main() -> None:
    content = {
        "frames": [frame_case(size, model_size) for size, model_size in FRAMES],
        "upsample": [upsample_case(size, model_size, seed) for seed, (size, model_size) in enumerate(UPSAMPLED)],
    }
    path = Path(__file__).with_name("frames.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
