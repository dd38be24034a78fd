"""Sizes of the models that tests build: small enough that everything with them takes moments. Knows no platform."""

from engine.model.config import ConvConfig

TINY_ENCODER = ConvConfig(
    stem_width=8,
    widths=(8, 8, 16, 16),
    depths=(1, 1, 1, 1),
    kernels=(3, 3, 5, 3),
    strides=(2, 2, 2, 2),
    expansions=(1, 2, 2, 2),
    fusion_depth=1,
)
