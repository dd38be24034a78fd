"""The benchmarks run, print a table and leave their JSON; what they measure is nobody's promise."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.proposals import Domain, judge, lowest_bar
from engine.masks import rle
from engine.train.data import Sample


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


def test_proposals_are_judged_once_each_and_bars_are_as_low_as_they_may():
    masks = np.zeros((4, 20, 20), dtype=bool)
    masks[0, :5, :5] = masks[1, 10:, 10:] = masks[2, :2, 18:] = masks[3, 12:14, :2] = True
    sample = Sample("a", np.zeros((20, 20, 3), np.uint8), tuple(rle.encode(mask) for mask in masks[:3]))
    answers = [(0.9, 0), (0.8, 0), (0.7, 2), (0.6, 1), (0.5, 3)]
    records = [{"segmentation": rle.encode(masks[index]), "predicted_iou": score} for score, index in answers]
    domain = Domain([sample], [], min_area=10)
    assert domain.num_wanted == 2
    scores, right = judge(domain, [records])
    assert scores == [0.9, 0.8, 0.6, 0.5], "what is too small to count is neither right nor wrong"
    assert right == [True, False, True, False]
    bar = lowest_bar(scores, right, domain.num_wanted, 0.6)
    assert bar is not None
    assert (bar.precision, bar.recall, bar.proposals) == (pytest.approx(2 / 3), 1.0, 3)
    assert 0.59 < bar.pred_iou < 0.6
    assert lowest_bar(scores, right, 2, 0.9).recall == 0.5
    assert lowest_bar([0.9], [False], 2, 0.5) is None
