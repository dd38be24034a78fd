"""Models by name: the packaged default, and `engine.load`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import CheckpointError
from engine.model.checkpoint import load_model

if TYPE_CHECKING:
    import torch

    from engine.model.sam import Sam

__all__ = ["DEFAULT_MODEL", "PACKAGED", "checkpoint_path", "load"]

DEFAULT_MODEL = "maskloom-s"

PACKAGED: dict[str, Path] = {
    DEFAULT_MODEL: Path(__file__).parent / "weights" / f"{DEFAULT_MODEL}.safetensors",
}
"""Name -> the weights that are installed with the package."""


def checkpoint_path(name_or_path: str | os.PathLike[str]) -> Path:
    """The file behind a model name ("maskloom-s", "default") or a path.

    Raises:
        CheckpointError: neither a known name nor an existing file.
    """
    name = os.fspath(name_or_path)
    name = DEFAULT_MODEL if name == "default" else name
    if name in PACKAGED:
        if not PACKAGED[name].is_file():
            raise CheckpointError(
                f"The weights of {name!r} are not installed (expected {PACKAGED[name]}). Reinstall Maskloom, "
                "train the model, or pass the path of a checkpoint."
            )
        return PACKAGED[name]
    path = Path(name)
    if not path.is_file():
        raise CheckpointError(
            f"{name!r} is neither a model name nor a file. Known names: default, {', '.join(PACKAGED)}; "
            "otherwise pass the path of a .safetensors model or a released sam_vit_*.pth."
        )
    return path


def load(
    name_or_path: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    *,
    compile_encoder: bool = False,
    bfloat16: bool = False,
) -> Sam:
    """Load a model by registry name or path, in eval mode; `compile_encoder` and `bfloat16` as `Sam.compile_encoder`
    and `Sam.use_bfloat16` say.

    Raises:
        CheckpointError: unknown name, missing, damaged or ill-fitting file; the message says which and what to do.
    """
    model = load_model(checkpoint_path(name_or_path), device)
    if bfloat16:
        model.use_bfloat16()
    if compile_encoder:
        model.compile_encoder()
    return model
