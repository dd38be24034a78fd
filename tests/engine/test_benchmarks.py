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
