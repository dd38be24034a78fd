"""The benchmarks run, print a table and leave their JSON; what they measure is nobody's promise."""

from __future__ import annotations

import json
import subprocess
import sys


def test_one_benchmark_through_the_common_command(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--only", "export", "embedding", "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    assert "embedding is left out" in run.stdout
    written = json.loads((tmp_path / "export.json").read_text())
    assert written["rows"]
    assert written["machine"]["torch"]
    assert [path.name for path in tmp_path.iterdir()] == ["export.json"]


def test_a_reference_that_is_none_is_refused(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--only", "generate", "--reference", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 1
    assert "is no checkout of facebookresearch/segment-anything" in run.stderr
    assert "Failed: generate" in run.stderr


def test_the_command_for_a_gpu_loses_no_part_to_another(tmp_path):
    command = [sys.executable, "-m", "benchmarks.cuda", "--device", "cpu", "--out", str(tmp_path)]
    command += ["--long-sides", "96", "--points-per-side", "6", "--parts", "encoder:tiny", "encoder:none"]
    command += ["generate:tiny", "profile", "--seconds", "250"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 1
    assert "encoder:none (KeyError" in run.stderr
    progress = json.loads((tmp_path / "cuda-progress.json").read_text())
    assert [part for part, state in progress.items() if state.startswith("done")] == [
        "encoder:tiny", "generate:tiny", "profile",
    ]  # fmt: skip
    encoder, generate = (json.loads((tmp_path / f"cuda-{name}.json").read_text()) for name in ("encoder", "generate"))
    assert encoder["machine"]["torch"]
    assert all(row["largest relative error"] < 0.05 for row in encoder["rows"])
    assert all(row["masks"] for row in generate["rows"])


def test_no_time_is_said_so(tmp_path):
    command = [sys.executable, "-m", "benchmarks.cuda", "--device", "cpu", "--out", str(tmp_path), "--seconds", "0"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 1
    assert "encoder:vit_b (left out" in run.stderr or "encoder:vit_b (no time" in run.stderr
