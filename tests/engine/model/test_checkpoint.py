"""Checkpoints come back as they were saved, and damaged or foreign ones are refused with what is wrong."""

import dataclasses
import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

import engine
from engine.errors import CheckpointError
from engine.model import checkpoint, registry
from engine.model.checkpoint import decoder_sha256, encoder_sha256, load_model, model_metadata, save_model
from engine.model.config import PRESETS, ModelConfig, ViTConfig
from engine.model.sam import build_model


@pytest.fixture
def official(monkeypatch, tmp_path):
    """A tiny stand-in for a released model: same layout, small sizes, saved as the released files are."""
    encoder = ViTConfig(embed_dim=16, depth=2, num_heads=2, global_attn_indexes=(1,), window_size=3)
    config = ModelConfig(
        name="vit_b", image_size=64, encoder=encoder, prompt_dim=16, transformer_mlp_dim=16, iou_head_hidden_dim=16
    )
    monkeypatch.setitem(PRESETS, "vit_b", config)
    monkeypatch.setattr(checkpoint, "OFFICIAL_WIDTHS", {16: "vit_b"})
    model = build_model(config, seed=4)
    torch.save(model.state_dict(), tmp_path / "sam_vit_b.pth")
    return model, tmp_path / "sam_vit_b.pth"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_ours_round_trip(tiny_conv_model, tmp_path, dtype):
    path = tmp_path / "deep" / "model.safetensors"
    save_model(tiny_conv_model, path, {"rounds": 3, "parent": None}, dtype=dtype)
    loaded = load_model(path)
    assert loaded.config == tiny_conv_model.config
    assert not loaded.training
    for (key, value), (other_key, other) in zip(
        loaded.state_dict().items(), tiny_conv_model.state_dict().items(), strict=True
    ):
        assert key == other_key
        assert value.dtype == other.dtype
        torch.testing.assert_close(value, other, rtol=1e-3 if dtype == "float16" else 0, atol=1e-4)
    assert encoder_sha256(loaded) == encoder_sha256(tiny_conv_model)
    assert decoder_sha256(loaded) == decoder_sha256(tiny_conv_model)
    facts = model_metadata(path)
    assert facts["metadata"] == {"rounds": 3, "parent": None}
    assert facts["dtype"] == dtype
    assert facts["encoder_sha256"] == encoder_sha256(loaded)
    assert facts["config"] == json.loads(json.dumps(loaded.config.to_dict()))
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_a_loaded_model_works_and_learns(tiny_conv_model, tmp_path):
    save_model(tiny_conv_model, tmp_path / "m.safetensors", {}, dtype="float32")
    loaded = load_model(tmp_path / "m.safetensors")
    batch = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded.embed(batch), tiny_conv_model.embed(batch), atol=1e-5, rtol=1e-5)
    assert all(parameter.requires_grad and not parameter.is_meta for parameter in loaded.parameters())
    assert not any(buffer.is_meta for buffer in loaded.buffers())
    first = next(parameter for parameter in loaded.image_encoder.parameters() if parameter.ndim == 4)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_fingerprints_know_what_changed(tiny_conv_model):
    encoder, decoder = encoder_sha256(tiny_conv_model), decoder_sha256(tiny_conv_model)
    with torch.no_grad():
        tiny_conv_model.mask_decoder.iou_token.weight.add_(1)
    assert encoder_sha256(tiny_conv_model) == encoder
    assert decoder_sha256(tiny_conv_model) != decoder
    tiny_conv_model.config = dataclasses.replace(tiny_conv_model.config, name="another name")
    assert encoder_sha256(tiny_conv_model) == encoder
    with torch.no_grad():
        tiny_conv_model.image_encoder.stem.norm.running_mean.add_(1)
    assert encoder_sha256(tiny_conv_model) != encoder


def test_a_file_in_the_way(tiny_conv_model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="could not be written"):
        save_model(tiny_conv_model, tmp_path / "file" / "m.safetensors", {})


def test_unfinite_and_too_large_weights_are_not_saved(tiny_conv_model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(tiny_conv_model, path, {"good": True})
    with torch.no_grad():
        tiny_conv_model.mask_decoder.iou_token.weight.fill_(1e6)
    with pytest.raises(CheckpointError, match=r"iou_token.*float32"):
        save_model(tiny_conv_model, path, {})
    assert model_metadata(path)["metadata"] == {"good": True}
    save_model(tiny_conv_model, path, {}, dtype="float32")


def test_official_checkpoints_are_recognised(official):
    model, path = official
    loaded = engine.load(path)
    assert loaded.config.name == "vit_b"
    for a, b in zip(loaded.state_dict().values(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_wrapped_official_checkpoints_are_recognised(official):
    model, path = official
    torch.save({"model": model.state_dict(), "epoch": 3}, path)
    assert engine.load(path).config.name == "vit_b"


def change(path, **edits):
    state = torch.load(path, weights_only=True)
    for key, value in edits.items():
        key = key.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    torch.save(state, path)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"mask_decoder__iou_token__weight": None}, "missing keys mask_decoder.iou_token.weight"),
        ({"mask_decoder__extra__weight": torch.zeros(1)}, "unknown keys mask_decoder.extra.weight"),
        ({"mask_decoder__iou_token__weight": torch.zeros(1, 3)}, r"iou_token.weight is \(1, 3\), should be \(1, 16\)"),
        ({"mask_decoder__iou_token__weight": torch.full((1, 16), torch.nan)}, "NaN or infinity in mask_decoder.iou"),
        ({"image_encoder__pos_embed": None}, "not a SAM checkpoint"),
        ({"image_encoder__pos_embed": torch.zeros(1, 4, 4, 99)}, "width 99"),
    ],
)
def test_ill_fitting_official_checkpoints(official, edits, message):
    _, path = official
    change(path, **edits)
    with pytest.raises(CheckpointError, match=message):
        load_model(path)


def test_truncated_files(official, tiny_conv_model, tmp_path):
    _, path = official
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match=r"damaged|could not be read"):
        load_model(path)
    ours = tmp_path / "m.safetensors"
    save_model(tiny_conv_model, ours, {})
    ours.write_bytes(ours.read_bytes()[:-100])
    for read in (load_model, model_metadata):
        with pytest.raises(CheckpointError, match="damaged or truncated"):
            read(ours)


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_pickles_are_never_executed(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"image_encoder.pos_embed": Evil()}, protocol=2))
    with pytest.raises(CheckpointError):
        load_model(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken"])
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_rubbish(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        load_model(tmp_path / name)


def test_foreign_pickles_and_safetensors(tmp_path, tiny_conv_model):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="state dict"):
        load_model(tmp_path / "list.pth")
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not a Maskloom model"):
        load_model(tmp_path / "a.safetensors")
    ours = tmp_path / "m.safetensors"
    save_model(tiny_conv_model, ours, {})
    header = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in model_metadata(ours).items()
    }
    config = json.loads(header["config"])
    config["surprise"] = 1
    save_file(load_file(ours), ours, metadata={**header, "config": json.dumps(config)})
    with pytest.raises(CheckpointError, match="surprise"):
        load_model(ours)
    save_file(load_file(ours), ours, metadata={**header, "config": "{"})
    with pytest.raises(CheckpointError, match="broken header"):
        load_model(ours)


def test_names_and_missing_files(tmp_path, monkeypatch, tiny_conv_model):
    with pytest.raises(CheckpointError, match=r"neither a model name nor a file.*maskloom-s"):
        engine.load("resnet")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_model(tmp_path / "gone.safetensors")
    weights = tmp_path / "weights.safetensors"
    monkeypatch.setitem(registry.PACKAGED, "maskloom-s", weights)
    with pytest.raises(CheckpointError, match="not installed"):
        engine.load("default")
    save_model(tiny_conv_model, weights, {})
    assert engine.load("default").config.name == "tiny-conv"
    assert registry.checkpoint_path("maskloom-s") == weights
