"""Model descriptions survive JSON and refuse what they cannot mean."""

import json

import pytest

from engine.model.config import PRESETS, ConvConfig, ModelConfig, ViTConfig


@pytest.mark.parametrize("name", list(PRESETS))
def test_json_round_trip(name):
    config = PRESETS[name]
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.name == name


def test_unknown_and_missing_fields_are_named():
    values = PRESETS["maskloom-s"].to_dict()
    values["colour"] = values.pop("prompt_dim")
    with pytest.raises(ValueError, match=r"\['colour'\].*\['prompt_dim'\]"):
        ModelConfig.from_dict(values)
    values = PRESETS["vit_b"].to_dict()
    values["encoder"]["depht"] = 3
    with pytest.raises(ValueError, match="depht"):
        ModelConfig.from_dict(values)
    with pytest.raises(ValueError, match="kind"):
        ModelConfig.from_dict({**values, "encoder": {"kind": "mamba"}})


CONV = {
    "stem_width": 8,
    "widths": (8, 8, 8, 8),
    "depths": (1, 1, 1, 1),
    "kernels": (3, 3, 3, 3),
    "strides": (2, 2, 2, 2),
    "expansions": (1, 2, 2, 2),
}


@pytest.mark.parametrize(
    "make",
    [
        lambda: ViTConfig(embed_dim=10, depth=1, num_heads=3, global_attn_indexes=()),
        lambda: ViTConfig(embed_dim=12, depth=1, num_heads=3, global_attn_indexes=(1,)),
        lambda: ConvConfig(**{**CONV, "widths": (8, 8, 8)}),
        lambda: ConvConfig(**{**CONV, "depths": (0, 1, 1, 1)}),
        lambda: ConvConfig(**{**CONV, "kernels": (3, 3, 4, 3)}),
        lambda: ConvConfig(**{**CONV, "strides": (1, 2, 2, 2)}),
        lambda: ConvConfig(**{**CONV, "strides": (1, 4, 2, 2)}),
        lambda: ModelConfig(name="x", image_size=100, encoder=ConvConfig(**CONV)),
        lambda: ModelConfig(name="x", image_size=48, encoder=ConvConfig(**CONV)),
        lambda: ModelConfig(name="x", image_size=64, encoder=ConvConfig(**CONV), patch_size=32),
        lambda: ModelConfig(name="x", image_size=64, encoder=ConvConfig(**CONV), prompt_dim=20),
        lambda: ModelConfig(name="x", image_size=64, encoder=ConvConfig(**CONV), transformer_depth=0),
    ],
)
def test_impossible_sizes_are_refused(make):
    with pytest.raises(ValueError, match=r"must|need|has|multiply"):
        make()


def test_the_maps_of_each_stride_come_from_the_last_stage_there():
    assert ConvConfig().stages_by_stride() == {4: 1, 8: 2, 16: 4, 32: 6}
