"""The names that stay, and the promise that importing the engine is cheap."""

import subprocess
import sys

import pytest

import engine
from engine import errors


def test_public_names():
    assert engine.__all__ == [
        "GeneratorSettings",
        "MaskGenerator",
        "Prediction",
        "Predictor",
        "PromptArguments",
        "errors",
        "load",
    ]
    for name in engine.__all__:
        assert getattr(engine, name) is not None
    assert set(engine.__all__) <= set(dir(engine))


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = engine.nothing


@pytest.mark.parametrize("module", ["engine", "engine.cli", "engine.prompts", "engine.predict.embedding"])
def test_importing_costs_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_error_is_an_engine_error():
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(kind, errors.EngineError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} == {
        "CheckpointError",
        "EngineError",
        "ExportError",
        "FormatError",
        "ImageError",
        "PromptError",
        "TrainingError",
    }
