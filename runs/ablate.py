"""What each ingredient of the recipe is worth: short runs that differ in one of them, measured on held-out photographs.

`python runs/ablate.py DATA_DIR --out FOLDER [--steps 600] [--parallel 4] [--device cuda] [--only NAME ...]`

DATA_DIR is what `runs/train_default.sh` takes; the variants with region hierarchies also read `regions.json` in
coco/train and coco-single, which `maskloom regions FOLDER/images --out FOLDER/regions.json` writes. All runs make the
same number of steps (a pre-trained one spends a third of them on that) on crops of half the frame, from the same seed;
several work side by side. So the rows compare with each other, not with a whole run. Prints a table and writes
ablations.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FIGURES = ("miou_1", "miou_5", "box_miou", "calibration_error_1")


@dataclass(frozen=True)
class Variant:
    """One run: what of the recipe it does otherwise. `pretrain` is the share of its steps spent on masked images."""

    trunk: bool = True
    pretrain: float = 0.0
    scenes: float = 0.25
    regions: float = 0.0
    prototypes: float = 0.15
    layer_decay: float = 0.8
    jitter: float = 2.0
    paste: float = 0.3
    drop_path: float = 0.1
    deep: float = 0.5
    calls: int = 3
    without: str = ""  # an ingredient of runs/without.py


BASE = Variant()
VARIANTS = {
    "recipe": BASE,
    "another seed": BASE,
    "no objects of other images": replace(BASE, paste=0.0),
    "region hierarchies": replace(BASE, regions=0.15),
    "no generated scenes": replace(BASE, scenes=0.0),
    "no large-scale jitter": replace(BASE, jitter=1.0),
    "no drop path": replace(BASE, drop_path=0.0),
    "no layer decay": replace(BASE, layer_decay=1.0),
    "no first lesson": replace(BASE, prototypes=0.0),
    "clicks anywhere": replace(BASE, deep=0.0),
    "one call": replace(BASE, calls=1),
    "eleven calls, always": replace(BASE, without="short interactions"),
    "tight boxes": replace(BASE, without="box noise"),
    "foreground and background as mask prompts": replace(BASE, without="logits"),
    "all candidates learn": replace(BASE, without="ambiguity"),
    "pre-trained on masked images": replace(BASE, pretrain=1 / 3),
    "random trunk": replace(BASE, trunk=False),
    "random trunk, pre-trained": replace(BASE, trunk=False, pretrain=1 / 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds coco/train, coco/val and coco-single")
    parser.add_argument("--trunk", type=Path, required=True, help="EfficientNet-Lite1 weights (.pth)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--images", type=int, default=4, help="a step sees twice as many crops")
    parser.add_argument("--parallel", type=int, default=1, help="runs side by side")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--limit", type=int, help="measure on the first images only")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(args.parallel) as pool:
        for name, row in zip(args.only, pool.map(lambda name: run(name, args), args.only), strict=True):
            rows[name] = row
            print(
                f"{name:32}",
                row["error"] if "error" in row else " ".join(f"{row[figure]:8.3f}" for figure in FIGURES),
                flush=True,
            )
            (args.out / "ablations.json").write_text(json.dumps({"steps": args.steps, "rows": rows}, indent=2) + "\n")


def run(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one variant -> its figures, or what went wrong."""
    variant, folder, started = VARIANTS[name], args.out / name.replace(" ", "-").replace(",", ""), time.monotonic()
    if folder.exists():
        return {"error": f"{folder} holds a run already; choose another --out."}
    try:
        return {
            **measure(variant, folder, seed=int(name == "another seed"), args=args),
            "seconds": time.monotonic() - started,
        }
    except FailedError as error:
        return {"error": str(error)}


class FailedError(Exception):
    """One of our commands failed; the text says where to read why."""


def measure(variant: Variant, folder: Path, *, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """The figures of one variant. Raises `FailedError` where a command fails."""
    seeded = ["--seed", str(seed)]
    trunk = ["--trunk", str(args.trunk)] if variant.trunk else []
    pretrained = round(args.steps * variant.pretrain)
    data = args.data
    if pretrained:
        folders = [f"--data={data / 'coco/train'}", f"--data={data / 'coco-single'}"]
        options = ["--steps", str(pretrained), "--images", str(4 * args.images), "--device", args.device]
        maskloom(folder, "pretrain", *folders, *trunk, *options, *seeded, "--out", str(folder / "pretrain"))
        trunk = ["--encoder", str(folder / "pretrain/maskloom-s-encoder.safetensors")]
    folders = [f"--data={data / 'coco/train'}:0.5", f"--data={data / 'coco-single'}:0.25"]
    if variant.regions:
        folders += [
            f"--data={data / name / 'regions.json'}:{variant.regions / 2}" for name in ("coco/train", "coco-single")
        ]
    scenes = ["--scenes", "400", "--scenes-weight", str(variant.scenes)] if variant.scenes else []
    maskloom(
        folder, "train", "--from-scratch", "--model", "maskloom-s", *trunk, *folders, *scenes, *seeded,
        "--steps", str(args.steps - pretrained), "--images", str(args.images), "--device", args.device,
        "--small-until", "1.0", "--prototypes-until", str(variant.prototypes),
        "--still-layers", "8" if variant.trunk else "0",
        "--layer-decay", str(variant.layer_decay), "--jitter", str(variant.jitter), "--paste", str(variant.paste),
        "--drop-path", str(variant.drop_path), "--deep", str(variant.deep), "--calls", str(variant.calls),
        "--out", str(folder / "train"), without=variant.without,
    )  # fmt: skip
    limit = ["--limit", str(args.limit)] if args.limit else []
    weights = str(folder / "train/maskloom-s.safetensors")
    val = str(data / "coco/val")
    asked = ["--model", weights, "--data", val, "--no-noc", "--json", "--device", args.device, *limit]
    report = maskloom(folder, "evaluate", *asked, without=variant.without)
    return {key: value for key, value in json.loads(report).items() if isinstance(value, float)}


def maskloom(folder: Path, *command: str, without: str = "") -> str:
    """Run one of our commands, its messages going to `folder`/log -> what it printed. Raises `FailedError`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = [str(Path(__file__).with_name("without.py")), without] if without else ["-m", "engine.cli"]
    with (folder / "log").open("a") as log:
        done = subprocess.run([sys.executable, *program, *command], stdout=subprocess.PIPE, stderr=log, check=False)
    if done.returncode:
        raise FailedError(f"maskloom {command[0]} failed; {folder / 'log'} says why.")
    return done.stdout.decode()


if __name__ == "__main__":
    main()
