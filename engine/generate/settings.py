"""The generator's settings and their presets.

A setting without effect is an error: what belongs to the grid may only be given with the grid, what belongs to crops
only with crops, and so on. Left out (None), such a setting takes its usual value exactly when it has an effect.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from engine.errors import EngineError
from engine.generate.crops import OVERLAP_RATIO
from engine.masks import stability
from engine.model.config import ModelConfig

_CROP_DEFAULTS: dict[str, float | int] = {
    "crop_nms_thresh": 0.7,
    "crop_overlap_ratio": OVERLAP_RATIO,
}
_GRID_DEFAULTS: dict[str, float | int] = {"points_per_side": 32, "coarse_first": False}
_DETECTOR_DEFAULTS: dict[str, float | int] = {"max_boxes": 300, "box_quality_thresh": 0.2}
_PARTS_OF_ONE = ("mask_nms_thresh", "crop_nms_thresh", "crop_overlap_ratio", "max_mask_fraction", "box_quality_thresh")
SOURCES = ("grid", "detector")
AUTOMATIC = (
    "automatic"  # where a preset is named: what suits the model (`engine.generate.generator.automatic_settings`)
)


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """How masks are generated. Names are those of the released generator where it has the setting.

    Left out, settings have the values of a released checkpoint; `for_model` gives those that fit a model.

    Args:
        source: what prompts the model: the points of a "grid", each answered with three candidates, or the boxes of its
            "detector", each answered with one mask; the latter only for a model that has one.
        points_per_side: the grid has points_per_side^2 points on the whole image (32).
        points_per_batch: prompts decoded at once by each thread; memory grows with it, results do not change. None is
            the best for device and model.
        max_boxes: boxes of the detector that are asked about in each crop, the best ones (300).
        box_quality_thresh: ask about boxes whose IoU the detector predicts to be above this (0.2).
        coarse_first: ask every second point in both directions first, and of the others only those next to one that
            had an answer of about pred_iou_thresh or more: half the time for nine masks in ten.
        pred_iou_thresh: keep masks whose predicted IoU is above this.
        stability_score_thresh: keep masks at least this stable (`engine.masks.stability`).
        stability_delta, stability_offset: how far the threshold moves, in probabilities or in logits; one of the two.
            Neither means a delta of 0.3.
        box_nms_thresh: inside a crop, of boxes that overlap by more than this IoU the best predicted one stays; of the
            detector's as of the masks'.
        mask_nms_thresh: at the end, the same on masks instead of boxes; None leaves it out.
        crop_n_layers: layers of zoomed crops, 2^layer windows per side each; 0 is the whole image alone.
        max_area: masks of more pixels of the image than this are dropped; None leaves it out.
        object_side: the usual side of an object in pixels of the image: layers after the first are left out where an
            object of this side is large enough in the layer before (`engine.generate.crops.layers_for`). None: never.
        crop_nms_thresh: across crops, the box overlap above which the more zoomed-in mask replaces the other (0.7).
        crop_overlap_ratio: the crops' overlap as a part of the image's short side (512/1500).
        crop_n_points_downscale_factor: points per side are divided by this from layer to layer (1).
        max_mask_fraction: drop masks that cover at least this part of the image; None leaves it out.
        min_mask_region_area: remove islands and fill holes below this many pixels; 0 leaves it out.
        keep_largest: where all of a mask's islands are that small, keep the largest (the released code) or drop the
            mask (the paper; the default).
    """

    source: str = "grid"
    points_per_side: int | None = None
    points_per_batch: int | None = None
    max_boxes: int | None = None
    box_quality_thresh: float | None = None
    coarse_first: bool | None = None
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.92
    stability_delta: float | None = None
    stability_offset: float | None = None
    box_nms_thresh: float = 0.7
    mask_nms_thresh: float | None = None
    crop_n_layers: int = 0
    max_area: float | None = None
    object_side: float | None = None
    crop_nms_thresh: float | None = None
    crop_overlap_ratio: float | None = None
    crop_n_points_downscale_factor: int | None = None
    max_mask_fraction: float | None = 0.95
    min_mask_region_area: int = 100
    keep_largest: bool | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise EngineError(f"source must be one of {', '.join(SOURCES)}, not {self.source!r}.")
        self._fill_in()
        self._check_types()
        if self.points_per_side is not None:
            _between("points_per_side", self.points_per_side, 1, 512)
        if self.points_per_batch is not None:
            _between("points_per_batch", self.points_per_batch, 1, 4096)
        if self.max_boxes is not None:
            _between("max_boxes", self.max_boxes, 1, 10_000)
        _between("crop_n_layers", self.crop_n_layers, 0, 4)
        _between("min_mask_region_area", self.min_mask_region_area, 0, 10**9)
        for name in ("pred_iou_thresh", "stability_score_thresh", "box_nms_thresh"):
            _between(name, getattr(self, name), 0, 1)
        for name in _PARTS_OF_ONE:
            if getattr(self, name) is not None:
                _between(name, getattr(self, name), 0, 1)
        for name in ("object_side", "max_area"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise EngineError(f"{name} must be more than 0 pixels, not {value}.")
        if self.object_side is not None and self.crop_n_layers < 2:
            raise EngineError(
                f"object_side has no effect while crop_n_layers is {self.crop_n_layers}. Leave it out, or change that."
            )
        factor = self.crop_n_points_downscale_factor
        side = self.points_per_side
        if factor is not None and side is not None and (factor < 1 or factor**self.crop_n_layers > side):
            raise EngineError(
                f"crop_n_points_downscale_factor {factor} leaves less than one point per side in the last of "
                f"{self.crop_n_layers} crop layers; it must be at least 1 and small enough for {side} "
                "points per side."
            )
        if self.coarse_first and side == 1:
            raise EngineError("coarse_first has no effect on a single point. Leave it out, or set points_per_side.")
        stability.logit_offset(delta=self.stability_delta, offset=self.stability_offset)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """A preset by name (`PRESETS`), with single settings changed.

        A change that switches a part off takes the preset's settings of that part with it.
        """
        if name not in PRESETS:
            raise EngineError(f"There is no preset {name!r}. Choose one of {', '.join(PRESETS)}.")
        values = dict(PRESETS[name])
        if not {"stability_delta", "stability_offset"}.isdisjoint(changes):
            values = {key: value for key, value in values.items() if key not in ("stability_delta", "stability_offset")}
        if changes.get("crop_n_layers") == 0:
            idle = {*_CROP_DEFAULTS, "crop_n_points_downscale_factor"}
            values = {key: value for key, value in values.items() if key not in idle}
        if changes.get("points_per_side") == 1:
            values.pop("coarse_first", None)
        if "source" in changes:
            by_grid = {*_GRID_DEFAULTS, "crop_n_points_downscale_factor"}
            others = by_grid if changes["source"] == "detector" else {*_DETECTOR_DEFAULTS}
            values = {key: value for key, value in values.items() if key not in others}
        if changes.get("min_mask_region_area") == 0:
            values.pop("keep_largest", None)
        return cls.from_dict({**values, **changes})

    @classmethod
    def for_model(cls, config: ModelConfig, name: str = "default", **changes: Any) -> Self:
        """As `preset`, with bars that fit the model: a transformer encoder is a released checkpoint or one of its kind.

        Its masks are finer and its predicted IoU higher, so the presets made for the packaged model ask more of it.
        """
        if config.encoder.kind == "vit":
            changes = {**RELEASED_BARS.get(name, {}), **changes}
        return cls.preset(name, **changes)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Settings from `to_dict`'s output or from outside; EngineError names what is unknown or impossible."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            known = ", ".join(field.name for field in fields(cls))
            raise EngineError(f"Unknown generator settings: {', '.join(unknown)}. There are {known}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; `from_dict` is its inverse."""
        return asdict(self)

    @property
    def logit_offset(self) -> float:
        """The stability threshold's move in logits."""
        return stability.logit_offset(delta=self.stability_delta, offset=self.stability_offset)

    def points_in_layer(self, layer: int) -> int:
        """Points per side in the crops of a layer; 0 without a grid."""
        return int((self.points_per_side or 0) / (self.crop_n_points_downscale_factor or 1) ** layer)

    def _fill_in(self) -> None:
        """Give settings that have an effect their usual value, refuse those that have none."""
        if self.stability_delta is None and self.stability_offset is None:
            object.__setattr__(self, "stability_delta", stability.DEFAULT_DELTA)
        no_crops = "crop_n_layers is 0" if self.crop_n_layers == 0 else None
        no_grid = f"source is {self.source!r}" if self.source != "grid" else None
        no_boxes = f"source is {self.source!r}" if self.source != "detector" else None
        small_stay = "min_mask_region_area is 0" if self.min_mask_region_area == 0 else None
        parts = [(_CROP_DEFAULTS, no_crops), (_GRID_DEFAULTS, no_grid), (_DETECTOR_DEFAULTS, no_boxes)]
        dependent = [(name, default, idle) for defaults, idle in parts for name, default in defaults.items()]
        dependent.append(("crop_n_points_downscale_factor", 1, no_crops or no_grid))
        dependent.append(("keep_largest", False, small_stay))
        for name, default, idle in dependent:
            if idle is None:
                if getattr(self, name) is None:
                    object.__setattr__(self, name, default)
            elif getattr(self, name) is not None:
                raise EngineError(f"{name} has no effect while {idle}. Leave it out, or change that.")

    def _check_types(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), str(field.type)
            if value is None and "None" in kind:
                continue
            if "bool" in kind:
                right = isinstance(value, bool)
            elif "str" in kind:
                right = isinstance(value, str)
            elif "float" in kind:
                right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            else:
                right = isinstance(value, int) and not isinstance(value, bool)
            if not right:
                raise EngineError(f"{field.name} must be {_in_words(kind)}, not {value!r}.")


def _in_words(kind: str) -> str:
    return "true or false" if "bool" in kind else "a number" if "float" in kind else "a whole number"


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise EngineError(f"{name} must lie between {low} and {high}, not {value}.")


# How sure the packaged model must be. Its masks are rougher than those of the released checkpoints, whose bars (0.88,
# 0.95) hardly any of them would pass. Measured on scenes it never saw, where all objects are known: of the masks that
# pass, 88 % have an IoU of 0.5 or more; of the proposals 92 % (docs/log.md, 2026-11-26). Islands are dropped beside a
# larger one only: SA-1B's bound of 100 pixels, made for images of three megapixels, drops half the nuclei of a small
# one (docs/log.md, 2026-11-26, the later session).
_PACKAGED = {"pred_iou_thresh": 0.55, "stability_score_thresh": 0.8, "keep_largest": True}

# The same for models like the released ones.
_RELEASED = {"pred_iou_thresh": 0.88, "stability_score_thresh": 0.92}
RELEASED_BARS: dict[str, dict[str, float]] = {
    "default": _RELEASED,
    "fast": _RELEASED,
    "proposals": {"pred_iou_thresh": 0.92, "stability_score_thresh": 0.94},
    "detector": {"pred_iou_thresh": 0.92, "stability_score_thresh": 0.94},
    "thorough": {"pred_iou_thresh": 0.92, "stability_score_thresh": 0.94},
}

PRESETS: dict[str, dict[str, Any]] = {
    # What is used when nobody chooses.
    "default": {**_PACKAGED},
    # The released generator's defaults (SamAutomaticMaskGenerator).
    "reference": {
        "pred_iou_thresh": 0.88,
        "stability_score_thresh": 0.95,
        "stability_offset": 1.0,
        "max_mask_fraction": None,
        "min_mask_region_area": 0,
    },
    # The paper's pipeline, section B: 21 crops, 3072 points.
    "sam-paper": {
        "crop_n_layers": 2,
        "crop_n_points_downscale_factor": 2,
        "pred_iou_thresh": 0.88,
        "stability_score_thresh": 0.95,
        "stability_offset": 1.0,
        "box_nms_thresh": 0.7,
        "crop_nms_thresh": 0.7,
        "max_mask_fraction": 0.95,
        "min_mask_region_area": 100,
        "keep_largest": False,
    },
    # Half the time: 86 to 100 % of the default's masks, of which a grid of 16 x 16 finds 38 to 80 % (docs/log.md,
    # 2026-11-22).
    "fast": {**_PACKAGED, "coarse_first": True},
    # Stage 2: few masks, each worth an annotator's look.
    "proposals": {
        **_PACKAGED,
        "points_per_side": 16,
        "pred_iou_thresh": 0.65,
        "mask_nms_thresh": 0.5,
    },
    # The same from the detector's boxes: more of the objects in a fraction of the time (docs/log.md, 2026-11-26).
    "detector": {
        **_PACKAGED,
        "source": "detector",
        "pred_iou_thresh": 0.65,
        "mask_nms_thresh": 0.5,
    },
    # Stage 3 of a model that has a detector: also in four crops, which finds small objects, in four times the seconds.
    # Where is known what people drew, `automatic_settings` adds a second layer for images that show such things small.
    # Rounds make masks softer: right ones of a model after eleven of them fall below the packaged model's bar of
    # stability, of whose own hardly one does (docs/log.md, 2026-11-26, the last session).
    "thorough": {
        **_PACKAGED,
        "source": "detector",
        "pred_iou_thresh": 0.75,
        "stability_score_thresh": 0.75,
        "mask_nms_thresh": 0.5,
        "crop_n_layers": 1,
    },
}
