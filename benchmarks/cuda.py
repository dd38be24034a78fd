"""Everything that matters on a GPU, in one command and within a time: encoders, generation, decoder.

`python -m benchmarks.cuda --reference PATH --out FOLDER [--seconds 150]`. The parts run in the order of their
importance, all in one process, since starting CUDA takes seconds; what is measured is printed and written at once. A
part that fails is noted and the next one begins. Where a part takes the process with it, a new one goes on behind it;
parts for which no time is left are left out, and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from benchmarks.measure import RESULTS

# Seconds each part will take at most, on an H100, or so.
PARTS = {
    "encoder:vit_b": 8,
    "encoder:vit_h": 12,
    "generate:vit_b": 20,
    "generate:default": 15,
    "generate:vit_h": 20,
    "attention": 4,
    "decoder": 5,
    "profile": 8,
    "compiled:vit_b": 25,
    "compiled:vit_h": 25,
}
PROGRESS = "cuda-progress.json"
BROKEN = 3  # the exit code of a child whose CUDA does not answer any more
GRACE = 10  # seconds a part may run over before its process is ended


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description="Measure everything on a GPU.")
    parser.add_argument("--reference", type=Path, help="a checkout of facebookresearch/segment-anything")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--seconds", type=float, default=150, help="time for all of it")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--device", default="cuda", help="cuda; cpu to try the command")
    parser.add_argument("--long-sides", type=int, nargs="+", default=[1800, 640], help="of the photographs")
    parser.add_argument("--points-per-side", type=int, default=32)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)  # in a child: when it has to end
    args = parser.parse_args()
    if args.until is not None:
        raise SystemExit(_child(args))
    args.out.mkdir(parents=True, exist_ok=True)
    for old in args.out.glob("cuda-*.json"):
        old.unlink()
    failed = _parent(args, time.time() + args.seconds)
    if failed:
        raise SystemExit(f"Not measured: {'; '.join(failed)}. The tables above are complete for the others.")


def _parent(args: argparse.Namespace, until: float) -> list[str]:
    """Children, one after the other until all parts are through; what was not measured, and why."""
    parts = list(args.parts)
    progress: dict[str, str] = {}
    while parts:
        command = [sys.executable, "-m", "benchmarks.cuda", *sys.argv[1:], "--parts", *parts, "--until", str(until)]
        # A session of its own, so that the kernels' compilers end with it.
        child = subprocess.Popen(command, start_new_session=True)
        try:
            code = child.wait(max(1, until + GRACE - time.time()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
        path = args.out / PROGRESS
        progress = json.loads(path.read_text()) if path.exists() else {}
        left = [part for part in parts if part not in progress]
        progress |= {part: f"ended with code {code}" for part, state in progress.items() if state == "running"}
        path.write_text(json.dumps(progress, indent=2) + "\n")
        if time.time() > until or len(left) == len(parts):
            progress |= dict.fromkeys(left, "no time was left" if time.time() > until else f"ended with code {code}")
            break
        parts = left
    path = args.out / PROGRESS
    path.write_text(json.dumps(progress, indent=2) + "\n")
    return [f"{part} ({state})" for part, state in progress.items() if not state.startswith("done")]


def _child(args: argparse.Namespace) -> int:
    from benchmarks import cuda_parts

    started = time.perf_counter()
    bench = cuda_parts.Bench(args)
    print(f"{bench.device}, ready after {time.perf_counter() - started:.1f} s", flush=True)
    path = args.out / PROGRESS
    progress = json.loads(path.read_text()) if path.exists() else {}
    for part in args.parts:
        left = args.until - time.time()
        if left < PARTS.get(part, 0) / 2:
            progress[part] = f"left out: {left:.0f} s were left"
            print(f"{part} is {progress[part]}", flush=True)
            continue
        progress[part] = "running"
        path.write_text(json.dumps(progress, indent=2) + "\n")
        print(f"--- {part}, {left:.0f} s left", flush=True)
        started = time.perf_counter()
        try:
            cuda_parts.run(bench, part)
            progress[part] = f"done in {time.perf_counter() - started:.1f} s"
        except Exception as error:  # whatever it is, the other parts can still be measured
            traceback.print_exc()
            progress[part] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        print(f"{part}: {progress[part]}", flush=True)
        path.write_text(json.dumps(progress, indent=2) + "\n")
        try:
            bench.tidy()
        except RuntimeError as error:
            print(f"The device does not answer any more: {error}", flush=True)
            return BROKEN
    path.write_text(json.dumps(progress, indent=2) + "\n")
    bench.publish()
    return 0


if __name__ == "__main__":
    main()
