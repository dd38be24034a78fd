"""`maskloom train-detector`: a model in, the same model with a detector out."""

import json
from pathlib import Path

import torch
from typer.testing import CliRunner

from engine.cli import app
from engine.model.checkpoint import load_model, model_metadata, save_model
from engine.model.sam import Sam

runner = CliRunner()


def test_the_rest_of_the_model_stays_as_it_was(tiny_conv_model: Sam, coco_folder: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "model.safetensors", tmp_path / "out" / "with.safetensors"
    save_model(tiny_conv_model, model, {"steps": 7})
    command = ["train-detector", "--model", str(model), "--data", str(coco_folder), "--scenes", "1", "--json"]
    result = runner.invoke(app, [*command, "--minutes", "0.01", "--out", str(out)])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["images"] == 3
    assert facts["steps"] >= 1
    before, after = model_metadata(model), model_metadata(out)
    assert after["metadata"]["steps"] == 7
    assert after["metadata"]["detector"]["steps"] == facts["steps"]
    assert [after[key] for key in ("dtype", "encoder_sha256", "decoder_sha256")] == [
        before[key] for key in ("dtype", "encoder_sha256", "decoder_sha256")
    ]
    first = load_model(out)
    assert first.detector is not None
    again, fresh = tmp_path / "again.safetensors", tmp_path / "fresh.safetensors"
    for target, more in ((again, []), (fresh, ["--fresh"])):
        taught = ["train-detector", "--model", str(out), "--data", str(coco_folder), "--out", str(target), *more]
        assert runner.invoke(app, [*taught, "--minutes", "0.001"]).exit_code == 0
    weights = [load_model(path).detector for path in (again, fresh)]
    assert weights[0] is not None
    assert weights[1] is not None
    start = first.detector.project.weight
    distances = [float((part.project.weight - start).abs().mean().detach()) for part in weights]
    assert distances[0] < distances[1]
    assert torch.equal(load_model(again).mask_decoder.mask_tokens.weight, first.mask_decoder.mask_tokens.weight)


def test_data_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    result = runner.invoke(
        app, ["train-detector", "--data", str(tmp_path / "no"), "--out", str(tmp_path / "x.safetensors")]
    )
    assert result.exit_code != 0
    assert "No COCO file" in result.output
