"""The detector head: what it says, which boxes it keeps, and that a model is itself with or without one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import CheckpointError
from engine.model.checkpoint import load_model, model_metadata, save_model
from engine.model.config import PRESETS, ModelConfig
from engine.model.detector import Boxes, Detector, DetectorConfig, build_detector
from engine.model.fingerprint import decoder_sha256, encoder_sha256
from engine.model.sam import Sam


def test_cells_are_half_an_embedding_cell_for_any_model(tiny_conv_config: ModelConfig) -> None:
    for config in (tiny_conv_config, replace(tiny_conv_config, image_size=96), PRESETS["vit_b"]):
        detector = build_detector(config)
        said = detector(torch.randn(2, config.prompt_dim, config.grid, config.grid))
        cells = (2 * config.grid) ** 2
        assert said.quality.shape == (2, cells)
        assert said.boxes.shape == (2, cells, 4)
        assert bool((said.boxes[..., 2:] > said.boxes[..., :2]).all())
        assert detector.centres()[0].tolist() == [4.0, 4.0]
        assert detector.centres()[1].tolist() == [12.0, 4.0]
        assert detector.centres()[-1].tolist() == [config.image_size - 4.0] * 2


def test_it_is_small(tiny_conv_config: ModelConfig) -> None:
    size = sum(value.numel() for value in build_detector(PRESETS["maskloom-s"]).parameters())
    assert 50_000 < size < 400_000


def test_the_same_seed_gives_the_same_detector(tiny_conv_config: ModelConfig) -> None:
    state = torch.get_rng_state()
    first, same, other = (build_detector(tiny_conv_config, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["project.weight"], other["project.weight"])


@pytest.fixture
def told(tiny_conv_config: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> Detector:
    """A detector of 64 cells that says what the test wrote into `told.said`."""
    detector = build_detector(tiny_conv_config)
    quality, boxes = torch.full((1, 64), -9.0), torch.zeros(1, 64, 4)
    for cell, (score, box) in {
        9: (3.0, (4.0, 4.0, 20.0, 20.0)),
        10: (2.0, (5.0, 4.0, 21.0, 20.0)),  # nearly the same
        20: (1.0, (30.0, 10.0, 90.0, 24.0)),  # beyond the image
        63: (4.0, (50.0, 50.0, 60.0, 60.0)),  # in the padding of an image of half the height
    }.items():
        quality[0, cell], boxes[0, cell] = score, torch.tensor(box)
    monkeypatch.setattr(Detector, "forward", lambda self, embedding: Boxes(quality, boxes))
    return detector


def test_boxes_are_cut_off_and_told_once_best_first(told: Detector) -> None:
    embedding = torch.zeros(1, 32, 4, 4)
    found = told.detect(embedding, (32, 64), max_boxes=10, quality_thresh=0.5)
    assert found.boxes.tolist() == [[4, 4, 20, 20], [30, 10, 64, 24]]
    assert found.quality == pytest.approx([0.9526, 0.7311], abs=1e-3)
    everywhere = told.detect(embedding, (64, 64), max_boxes=10, quality_thresh=0.5, nms_thresh=0.95)
    assert [box[0] for box in everywhere.boxes] == [50, 4, 5, 30]
    assert len(told.detect(embedding, (64, 64), max_boxes=1).boxes) == 1
    nothing = told.detect(embedding, (64, 64), max_boxes=5, quality_thresh=0.999)
    assert nothing.boxes.shape == (0, 4)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_checkpoint_keeps_the_detector_and_the_rest_as_it_was(tiny_conv_model: Sam, tmp_path: Path, dtype) -> None:
    plain = {name: value.clone() for name, value in tiny_conv_model.state_dict().items()}
    parts = encoder_sha256(tiny_conv_model), decoder_sha256(tiny_conv_model)
    tiny_conv_model.detector = build_detector(tiny_conv_model.config, DetectorConfig(width=8, depth=1), seed=3)
    assert (encoder_sha256(tiny_conv_model), decoder_sha256(tiny_conv_model)) == parts
    path = tmp_path / "model.safetensors"
    save_model(tiny_conv_model, path, {"is": "a test"}, dtype)
    assert model_metadata(path)["detector"] == {"width": 8, "depth": 1}
    loaded = load_model(path)
    assert loaded.detector is not None
    assert not loaded.detector.training
    assert loaded.state_dict().keys() == tiny_conv_model.state_dict().keys()
    assert {name for name in loaded.state_dict() if not name.startswith("detector.")} == plain.keys()
    embedding = torch.randn(1, 32, 4, 4)
    expected, given = tiny_conv_model.detector(embedding), loaded.detector(embedding)
    close = {"atol": 0.05, "rtol": 0.05} if dtype == "float16" else {"atol": 0.0, "rtol": 0.0}
    assert torch.allclose(expected.boxes, given.boxes, **close)


def test_a_model_without_a_detector_stays_without_one(tiny_conv_model: Sam, tmp_path: Path) -> None:
    save_model(tiny_conv_model, tmp_path / "model.safetensors", {})
    assert "detector" not in model_metadata(tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.detector is None
    assert not [name for name in loaded.state_dict() if name.startswith("detector")]


def test_a_file_whose_header_and_weights_disagree_is_refused(tiny_conv_model: Sam, tmp_path: Path) -> None:
    tiny_conv_model.detector = build_detector(tiny_conv_model.config)
    path = tmp_path / "model.safetensors"
    save_model(tiny_conv_model, path, {})
    facts, weights = model_metadata(path), load_file(path)
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    for changed, keep, reason in (
        (header, lambda name: not name.startswith("detector."), "missing keys detector"),
        (
            {key: value for key, value in header.items() if key != "detector"},
            lambda name: True,
            "unknown keys detector",
        ),
        ({**header, "detector": '{"width": 16, "depth": 2}'}, lambda name: True, "wrong shapes: detector"),
        ({**header, "detector": '{"girth": 16}'}, lambda name: True, "cannot build"),
    ):
        save_file({name: value for name, value in weights.items() if keep(name)}, path, metadata=changed)
        with pytest.raises(CheckpointError, match=reason):
            load_model(path)
