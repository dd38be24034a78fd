"""All benchmarks, one after the other, each in a process of its own so that none starts with another's memory.

`python -m benchmarks [--reference PATH] [--reference-onnx FILE] [--data FOLDER] [--only NAME ...]`; `make bench` is the
same. What needs something that was not named is left out, and said so. The rest goes on when one fails; the exit code
is then 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import RESULTS

NAMES = ("encoder", "decoder", "generate", "browser", "first_click", "embedding", "export", "train", "proposals")
COMPARED = ("encoder", "decoder", "generate", "browser")
ON_A_DEVICE = ("encoder", "decoder", "generate", "embedding", "train", "proposals")
WITH_DATA = ("embedding", "proposals")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run the benchmarks; print their tables.")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--reference", type=Path, help="a checkout of facebookresearch/segment-anything")
    parser.add_argument("--reference-onnx", type=Path, help="a released decoder graph, for `browser`")
    parser.add_argument(
        "--data", type=Path, help="COCO folder (instances.json, images/), for `embedding` and `proposals`"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--compile", action="store_true", help="for `encoder`: also measure it compiled")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON files")
    args = parser.parse_args()
    if args.reference is None:
        print("Without --reference PATH (a checkout of facebookresearch/segment-anything) only our side is measured.")
    failed = []
    for name in args.only:
        if name in WITH_DATA and args.data is None:
            print(f"{name} is left out: it needs --data FOLDER, images with true masks.")
            continue
        command = [sys.executable, "-m", f"benchmarks.{name}", "--out", str(args.out)]
        command += ["--reference", str(args.reference)] if args.reference and name in COMPARED else []
        command += ["--reference-onnx", str(args.reference_onnx)] if args.reference_onnx and name == "browser" else []
        command += ["--data", str(args.data)] if name in WITH_DATA else []
        command += ["--device", args.device] if name in ON_A_DEVICE else []
        command += ["--compile"] if args.compile and name == "encoder" else []
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}. The tables above are complete for the others.")


if __name__ == "__main__":
    main()
