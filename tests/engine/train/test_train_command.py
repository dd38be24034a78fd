"""`maskloom train` and `maskloom evaluate`, from a COCO folder to figures."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from engine.cli import app
from engine.model.checkpoint import load_model, save_model
from engine.model.sam import Sam
from engine.train.data import Sample

runner = CliRunner()


@pytest.fixture
def folder(scenes: list[Sample], tmp_path: Path) -> Path:
    """The tiny scenes as a COCO folder."""
    (tmp_path / "coco" / "images").mkdir(parents=True)
    document: dict[str, list] = {"images": [], "annotations": [], "categories": []}
    for number, sample in enumerate(scenes):
        Image.fromarray(sample.image).save(tmp_path / "coco" / "images" / f"{number}.png")
        height, width = sample.size
        document["images"].append({"id": number, "file_name": f"{number}.png", "height": height, "width": width})
        document["annotations"] += [{"image_id": number, "segmentation": rle} for rle in sample.rles]
    document["images"].append({"id": 99, "file_name": "gone.png", "height": 5, "width": 5})
    document["annotations"].append({"image_id": 99, "segmentation": [[0, 0, 4, 0, 4, 4]]})
    (tmp_path / "coco" / "instances.json").write_text(json.dumps(document))
    return tmp_path / "coco"


def test_train_resume_and_evaluate(tiny_conv_model: Sam, folder: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save_model(tiny_conv_model, start, {})
    out = tmp_path / "run"
    arguments = ["train", "--data", f"{folder}:2", "--scenes", "2", "--model", str(start), "--out", str(out)]
    arguments += ["--steps", "3", "--json"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "gone.png is missing" in result.stderr
    facts = json.loads(result.stdout)
    assert facts["finished"]
    assert facts["steps"] == 3
    assert facts["processes"] == 1
    assert 0 <= facts["waiting"] <= 1
    assert load_model(facts["weights"]).config == tiny_conv_model.config

    again = runner.invoke(app, arguments)
    assert again.exit_code == 1
    assert "--resume" in again.stderr
    assert runner.invoke(app, [*arguments, "--resume"]).exit_code == 0

    evaluate = ["evaluate", "--data", str(folder), "--model", facts["weights"], "--limit", "1", "--no-noc"]
    figures = runner.invoke(app, [*evaluate, "--clicks", "1", "--clicks", "2", "--grabcut", "--json"])
    assert figures.exit_code == 0, figures.output
    values = json.loads(figures.stdout)
    assert {"miou_1", "miou_2", "box_miou", "grabcut_box_miou", "num_masks"} <= set(values)
    assert np.isfinite(values["box_miou"])
    table = runner.invoke(app, evaluate)
    assert "mIoU from a box" in table.stdout


def test_torchrun_starts_processes_that_train_together(tiny_conv_model: Sam, folder: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save_model(tiny_conv_model, start, {})
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = ["train", "--data", str(folder), "--model", str(start), "--out", str(tmp_path / "run"), "--json"]
    options = ["--steps", "2", "--images", "3", "--accumulate", "2", "--device", "cpu", "--small-until", "0"]
    done = subprocess.run(
        [*launcher, "-m", "engine.cli", *arguments, *options],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("gone.png is missing") == 1
    facts = json.loads(done.stdout)
    assert (facts["processes"], facts["steps"], facts["finished"]) == (2, 2, True)
    assert load_model(facts["weights"]).config == tiny_conv_model.config


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    result = runner.invoke(
        app, ["train", "--data", str(tmp_path), "--from-scratch", "--out", str(tmp_path / "o"), "--steps", "1"]
    )
    assert result.exit_code == 1
    assert "No COCO file" in result.stderr
    unknown = [
        "train",
        "--data",
        str(tmp_path),
        "--from-scratch",
        "--model",
        "x",
        "--out",
        str(tmp_path),
        "--steps",
        "1",
    ]
    assert "No model description" in runner.invoke(app, unknown).stderr
