"""The engine's error family.

    EngineError
    ├── CheckpointError   a weights file or model description that cannot be used
    ├── PromptError       a prompt that makes no sense for its image
    ├── ImageError        pixels that are not an image
    ├── ExportError       a graph that could not be written, or does not answer as torch does
    ├── FormatError       a file or value that breaks the format it claims to have
    └── TrainingError     a training run that cannot start or go on

Every message is a sentence for the person at the keyboard: what is wrong, and what to do about it.
"""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "EngineError",
    "ExportError",
    "FormatError",
    "ImageError",
    "PromptError",
    "TrainingError",
]


class EngineError(Exception):
    """Base of everything the engine raises on purpose."""


class CheckpointError(EngineError):
    """A checkpoint is missing, damaged, or does not hold the model it claims to hold."""


class PromptError(EngineError):
    """A point, box or mask prompt does not fit the image it is meant for."""


class ImageError(EngineError):
    """An array or file is not an image the engine can read."""


class ExportError(EngineError):
    """A model could not be exported, or the exported graph disagrees with torch."""


class FormatError(EngineError):
    """Bytes or values break the format they are meant to follow."""


class TrainingError(EngineError):
    """Training or evaluation cannot start or continue."""
