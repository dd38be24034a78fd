"""How fast masks become SA-1B records: every RLE checked and written, beside pycocotools and json alone."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from benchmarks.measure import in_turns, options, publish
from engine.export import sa1b
from engine.masks import rle
from engine.train.scenes import make_scene

NUM_IMAGES = 24
SIZE = (1000, 1500)


def main() -> None:
    args = options(__doc__, repeats=5, device=False, reference=False).parse_args()
    scenes = [make_scene(seed, SIZE)[1] for seed in range(NUM_IMAGES)]
    records = [[record(mask) for mask in masks] for masks in scenes]
    count = sum(len(masks) for masks in scenes)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def ours() -> None:
            for number, made in enumerate(records, start=1):
                about: sa1b.ImageMeta = {
                    "image_id": number, "width": SIZE[1], "height": SIZE[0], "file_name": f"{number}.jpg",
                }  # fmt: skip
                sa1b.write_image_json(folder / f"{number}.json", about, made)

        def plain() -> None:
            for number, made in enumerate(records, start=1):
                rows = [plain_annotation(row) for row in made]
                (folder / f"{number}.json").write_text(json.dumps({"annotations": rows}))

        def encode_ours() -> None:
            for masks in scenes:
                for mask in masks:
                    rle.encode(mask)

        def encode_plain() -> None:
            for masks in scenes:
                for mask in masks:
                    coco_mask.encode(np.asfortranarray(mask, np.uint8))

        sides = {
            "write, pycocotools + json (nothing checked)": plain, "write, ours (every RLE checked)": ours,
            "encode, pycocotools": encode_plain, "encode, ours": encode_ours,
        }  # fmt: skip
        seconds = in_turns(sides, args.repeats)
    rows = [{"side": name, "masks per second": count / value} for name, value in seconds.items()]
    publish("export", rows, args.out, notes=[f"{count} masks on {NUM_IMAGES} images of {SIZE[1]} x {SIZE[0]} px"])


def record(mask: Any) -> dict[str, Any]:
    """A mask as the generator gives it."""
    encoded = rle.encode(mask)
    return {
        "segmentation": encoded, "area": rle.area(encoded), "bbox": rle.bbox_xywh(encoded), "predicted_iou": 0.9,
        "stability_score": 0.95, "point_coords": [[1.0, 1.0]], "crop_box": [0, 0, SIZE[1], SIZE[0]],
    }  # fmt: skip


def plain_annotation(row: dict[str, Any]) -> dict[str, Any]:
    """The same without checks, box and area by pycocotools."""
    counts = {**row["segmentation"], "counts": row["segmentation"]["counts"].encode()}
    return {**row, "area": int(coco_mask.area(counts)), "bbox": [float(side) for side in coco_mask.toBbox(counts)]}


if __name__ == "__main__":
    main()
