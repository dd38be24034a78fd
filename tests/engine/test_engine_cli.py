"""The engine's own commands."""

import json

import onnx
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.model.checkpoint import save_model

runner = CliRunner()


def test_export_onnx(tiny_conv_model, tmp_path):
    save_model(tiny_conv_model, tmp_path / "model.safetensors", {})
    result = runner.invoke(app, ["export-onnx", str(tmp_path / "model.safetensors"), "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    properties = {entry.key: entry.value for entry in onnx.load(facts["decode"]).metadata_props}
    assert properties["decoder_sha256"] == facts["decoder_sha256"]


@pytest.mark.parametrize(
    "command",
    ["generate", "pretrain", "train", "train-detector", "evaluate", "calibrate", "regions", "export-onnx"],
)
def test_every_command_explains_itself(command):
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0, result.output


def test_a_missing_model_is_one_sentence(tmp_path):
    result = runner.invoke(app, ["export-onnx", str(tmp_path / "nowhere.pth"), "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "neither a model name nor a file" in result.stderr
    assert "Traceback" not in result.output
