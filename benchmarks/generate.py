"""Automatic masks of photographs: our generator beside the released one, and whether they find the same masks.

Presets stand beside the default one: which of its masks they find, and how many they have that it has not. Memory is
measured apart, on one large photograph and in a process for each grid.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import torch

import engine
from benchmarks import reference
from benchmarks.measure import in_turns, options, photograph, photographs, publish
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics
from engine.model.device import pick_device

SAME, ALIKE = 0.9, 0.75  # IoU from which two masks are the same, and from which they mean the same thing
LARGE = (2250, 1500)  # (w, h) of the photograph on which memory is measured: SA-1B's size


def main() -> None:
    parser = options(__doc__, repeats=1)
    parser.add_argument("--points-per-side", type=int, default=32)
    parser.add_argument("--pred-iou-thresh", type=float, help="the model's usual bar if left out")
    parser.add_argument("--stability-thresh", type=float, help="the model's usual bar if left out")
    parser.add_argument("--presets", nargs="*", default=["default", "fast"], help="presets of ours to measure as well")
    parser.add_argument("--long-side", type=int, help="enlarge the photographs to this many pixels")
    parser.add_argument("--memory", type=int, nargs="*", default=[32, 64], help="grids whose memory to measure")
    args = parser.parse_args()
    model = engine.load("default", pick_device(args.device))
    images = photographs(args.long_side)
    usual = GeneratorSettings.for_model(model.config)
    same = {
        "points_per_side": args.points_per_side,
        "pred_iou_thresh": usual.pred_iou_thresh if args.pred_iou_thresh is None else args.pred_iou_thresh,
        "stability_score_thresh": (
            usual.stability_score_thresh if args.stability_thresh is None else args.stability_thresh
        ),
    }
    settings = {
        "ours": GeneratorSettings.preset("reference", **same),
        **{f"ours, preset {name}": GeneratorSettings.for_model(model.config, name) for name in args.presets},
    }
    found: dict[str, list[list[Any]]] = {}

    def run(name: str, chosen: GeneratorSettings) -> Any:
        generator = engine.MaskGenerator(model, chosen)
        return lambda: found.__setitem__(name, [generator.generate(image) for image in images])

    sides = {name: run(name, chosen) for name, chosen in settings.items()}
    if args.reference:
        package = reference.load(args.reference)
        released = package.SamAutomaticMaskGenerator(
            reference.with_our_weights(package, model),
            points_per_side=args.points_per_side,
            points_per_batch=16 if model.device.type == "cpu" else 64,  # its best on either
            pred_iou_thresh=same["pred_iou_thresh"],
            stability_score_thresh=same["stability_score_thresh"],
            output_mode="coco_rle",
        )

        def theirs() -> None:
            with torch.inference_mode():
                found["released"] = [released.generate(image) for image in images]

        sides = {"released": theirs, **sides}
    seconds = in_turns(sides, args.repeats, warmup=0)
    rows = []
    for name, value in seconds.items():
        row: dict[str, Any] = {"side": name, "seconds an image": value / len(images)}
        row["masks"] = sum(len(records) for records in found[name])
        if "released" in found and name != "released":
            row["times as fast"] = seconds["released"] / value
            row["released masks found"] = share_found(found["released"], found[name])
            row["ours among the released"] = share_found(found[name], found["released"])
        full = found.get("ours, preset default", found["ours"])
        if name not in ("released", "ours", "ours, preset default"):
            row["of the default's found"] = share_found(full, found[name])
            row["alike"] = share_found(full, found[name], ALIKE)
            row["alike among the default's"] = share_found(found[name], full, ALIKE)
        rows.append(row)
    bars = f"predicted IoU {same['pred_iou_thresh']}, stability {same['stability_score_thresh']}"
    sizes = ", ".join(f"{image.shape[1]} x {image.shape[0]}" for image in images)
    notes = [f"{len(images)} photographs ({sizes} px); {bars}"]
    for side in args.memory:
        # A process each: a peak is the whole process's, and never comes down again.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            peak = fresh.submit(peak_memory, {**same, "points_per_side": side}, str(model.device)).result()
        notes.append(f"{side} x {side} points on {LARGE[0]} x {LARGE[1]} px: process peak {peak:.2f} GiB")
    publish("generate", rows, args.out, notes=notes)


def peak_memory(settings: dict[str, Any], device: str) -> float:
    """GiB that this process has held at most, once it has generated the masks of a large photograph."""
    model = engine.load("default", pick_device(device))
    image = cv2.resize(photograph(), LARGE, interpolation=cv2.INTER_CUBIC).astype("uint8")
    engine.MaskGenerator(model, GeneratorSettings.preset("reference", **settings)).generate(image)
    # Not getrusage: its maximum counts what the parent held when it started this process.
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) / 2**20


def share_found(wanted: list[list[Any]], among: list[list[Any]], thresh: float = SAME) -> float | None:
    """The part of the records `wanted`, image by image, that have a mask of an IoU of `thresh` `among` others."""
    hits: list[bool] = []
    for mine, theirs in zip(wanted, among, strict=True):
        masks, others = ([record["segmentation"] for record in records] for records in (mine, theirs))
        if masks and others:
            hits += list(metrics.pairwise_rle_iou(masks, others).max(axis=1) >= thresh)
        else:
            hits += [False] * len(masks)
    return sum(map(bool, hits)) / len(hits) if hits else None


if __name__ == "__main__":
    main()
