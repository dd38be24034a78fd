"""Maskloom's engine: a promptable segmentation model and everything that runs, trains and exports it.

A library of numpy and torch that knows nothing of the web, of databases or of files beyond its own formats. Importing
this package does not import torch; the public names below are loaded on first use.

    model = engine.load("maskloom-s")                       # or a path to a checkpoint
    predictor = engine.Predictor(model)
    predictor.set_image(rgb)                                # uint8 HxWx3
    prediction = predictor.predict(points=[(x, y)], labels=[1])
    for prediction in predictor.predict_many([{"box": box} for box in boxes]): ...
    records = engine.MaskGenerator(model).generate(rgb)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from engine import errors

if TYPE_CHECKING:
    from engine.generate.generator import MaskGenerator
    from engine.generate.settings import GeneratorSettings
    from engine.model.registry import load
    from engine.predict.predictor import Prediction, Predictor
    from engine.prompts import PromptArguments

__all__ = ["GeneratorSettings", "MaskGenerator", "Prediction", "Predictor", "PromptArguments", "errors", "load"]

# public name -> the module that defines it
_LAZY = {
    "GeneratorSettings": "engine.generate.settings",
    "MaskGenerator": "engine.generate.generator",
    "Prediction": "engine.predict.predictor",
    "Predictor": "engine.predict.predictor",
    "PromptArguments": "engine.prompts",
    "load": "engine.model.registry",
}


def __getattr__(name: str) -> Any:
    """Import the module behind a public name when the name is first used (PEP 562)."""
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'engine' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
