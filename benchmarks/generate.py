"""Automatic masks of one photograph: our generator beside the released one, and whether they find the same masks."""

from __future__ import annotations

import resource
from typing import Any

import torch

import engine
from benchmarks import reference
from benchmarks.measure import in_turns, options, photograph, publish
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics, rle
from engine.model.device import pick_device

SAME = 0.9  # IoU from which two masks are the same


def main() -> None:
    parser = options(__doc__, repeats=1)
    parser.add_argument("--points-per-side", type=int, default=32)
    parser.add_argument("--pred-iou-thresh", type=float, default=0.88)
    parser.add_argument("--stability-thresh", type=float, default=0.95)
    parser.add_argument("--presets", nargs="*", default=["fast"], help="presets of ours to measure as well")
    args = parser.parse_args()
    model = engine.load("default", pick_device(args.device))
    image = photograph()
    same = {"points_per_side": args.points_per_side, "pred_iou_thresh": args.pred_iou_thresh}
    same["stability_score_thresh"] = args.stability_thresh
    ours = GeneratorSettings.preset("reference", **same, points_per_batch=16 if model.device.type == "cpu" else 64)
    settings = {"ours, the same settings": ours}
    settings |= {f"ours, preset {name}": GeneratorSettings.preset(name) for name in args.presets}
    found: dict[str, list[Any]] = {}

    def run(name: str, chosen: GeneratorSettings) -> Any:
        generator = engine.MaskGenerator(model, chosen)
        return lambda: found.__setitem__(name, [dict(record) for record in generator.generate(image)])

    sides = {name: run(name, chosen) for name, chosen in settings.items()}
    if args.reference:
        package = reference.load(args.reference)
        released = package.SamAutomaticMaskGenerator(
            reference.with_our_weights(package, model),
            points_per_side=args.points_per_side,
            points_per_batch=ours.points_per_batch,
            pred_iou_thresh=args.pred_iou_thresh,
            stability_score_thresh=args.stability_thresh,
            output_mode="coco_rle",
        )

        def theirs() -> None:
            with torch.inference_mode():
                found["released"] = released.generate(image)

        sides = {"released": theirs, **sides}
    seconds = in_turns(sides, args.repeats, warmup=0)
    rows = []
    for name, value in seconds.items():
        row: dict[str, Any] = {"side": name, "seconds": value, "masks": len(found[name])}
        if "released" in found and name != "released":
            row["times as fast"] = seconds["released"] / value
            row["released masks found"] = share_found(found["released"], found[name])
            row["ours among the released"] = share_found(found[name], found["released"])
        rows.append(row)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    publish("generate", rows, args.out, notes=[f"{image.shape[1]} x {image.shape[0]} px; process peak {peak:.2f} GiB"])


def share_found(wanted: list[Any], among: list[Any]) -> float | None:
    """The part of the records `wanted` that have a mask of the same shape `among` others."""
    if not wanted:
        return None
    others = [rle.decode(record["segmentation"]) for record in among]
    hits = 0
    for record in wanted:
        mask = rle.decode(record["segmentation"])
        hits += any(metrics.iou(mask, other) >= SAME for other in others)
    return hits / len(wanted)


if __name__ == "__main__":
    main()
