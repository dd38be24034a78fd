"""Checkpoint files: the released `.pth` state dicts, and our own safetensors.

Ours is a safetensors file whose header says what it is (all values are strings):
`format` ("maskloom-model-1"), `config` (JSON of `ModelConfig`), `metadata` (JSON of the caller's own facts: lineage,
figures), `dtype` and `encoder_sha256`, `decoder_sha256`, and where the model has a detector `detector` (JSON of
`DetectorConfig`). Tensors carry the state-dict keys; floating point weights are
stored as float16 or float32 and are always float32 once loaded.

Nothing here executes code from a file: pickles are read with `weights_only=True`.
"""

from __future__ import annotations

import json
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.errors import CheckpointError
from engine.model.config import PRESETS, ModelConfig
from engine.model.conv_encoder import ConvEncoder
from engine.model.detector import Detector, DetectorConfig
from engine.model.fingerprint import decoder_sha256, encoder_sha256
from engine.model.sam import Sam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["FORMAT", "decoder_sha256", "encoder_sha256", "load_model", "model_metadata", "save_model"]

FORMAT = "maskloom-model-1"
STATISTICS = ("running_mean", "running_var")  # tiny, and their range is not the weights': never squeezed to float16
OFFICIAL_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}

StorageDtype = Literal["float16", "float32"]


def load_model(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Sam:
    """Read a checkpoint: ours (by its `.safetensors` suffix), else a released SAM state dict.

    Returns:
        The model in eval mode, float32, on `device`.

    Raises:
        CheckpointError: missing, damaged or truncated file; unknown, missing or misshapen keys (each named).
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}; check the path.")
    if path.suffix == ".safetensors":
        config, detector, state = _read_safetensors(path)
    else:
        state = _read_pickle(path)
        config, detector = _official_config(state, path), None
    return _build(config, detector, state, path).to(device)


def save_model(
    model: Sam, path: str | os.PathLike[str], metadata: Mapping[str, Any], dtype: StorageDtype = "float16"
) -> None:
    """Write the model as our safetensors, whole or not at all.

    Args:
        metadata: JSON-ready facts about the model; `model_metadata` gives them back.

    Raises:
        CheckpointError: a weight is not finite, or too large for the dtype.
    """
    path = Path(path)
    state = {key: _stored(key, tensor, dtype) for key, tensor in model.state_dict().items()}
    broken = [key for key, tensor in state.items() if tensor.is_floating_point() and not bool(tensor.isfinite().all())]
    if broken:
        raise CheckpointError(
            f"Cannot save {path.name} as {dtype}: {_some(broken)} would hold NaN or infinity. "
            "Save as float32 if the weights are merely large; otherwise the training run has diverged."
        )
    header = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict(), sort_keys=True),
        "metadata": json.dumps(dict(metadata), sort_keys=True),
        "dtype": dtype,
        "encoder_sha256": encoder_sha256(model),
        "decoder_sha256": decoder_sha256(model),
    }
    if model.detector is not None:
        header["detector"] = json.dumps(model.detector.sizes.to_dict(), sort_keys=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(state, temporary, metadata=header)
        temporary.replace(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} could not be written ({_reason(error)}); check free space and permissions."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def model_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What one of our files says about itself, without loading its weights.

    Returns:
        {"format", "config": dict, "metadata": dict, "dtype", "encoder_sha256", "decoder_sha256"}, and "detector": dict
        where the model has one.

    Raises:
        CheckpointError: missing or damaged file, or not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}; check the path.")
    try:
        with safe_open(path, framework="pt") as file:
            return _header(file.metadata(), path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _read_safetensors(path: Path) -> tuple[ModelConfig, DetectorConfig | None, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = _header(file.metadata(), path)
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    try:
        config = ModelConfig.from_dict(header["config"])
        detector = DetectorConfig.from_dict(header["detector"]) if "detector" in header else None
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} describes a model this version cannot build: {error} "
            "Update Maskloom, or save the model again."
        ) from error
    return config, detector, state


def _header(values: dict[str, str] | None, path: Path) -> dict[str, Any]:
    values = values or {}
    if values.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} is not a Maskloom model: its format is {values.get('format', 'not stated')!r}, "
            f"not {FORMAT!r}. "
            "Pass a model saved by Maskloom, or a released sam_vit_*.pth."
        )
    try:
        parsed = {key: json.loads(values[key]) for key in ("config", "metadata")}
        parsed |= {"detector": json.loads(values["detector"])} if "detector" in values else {}
    except (KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path.name} has a broken header ({error}); save or download the model again."
        ) from error
    return {**values, **parsed}


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} could not be read as plain weights: it is damaged, or holds more than tensors, which is "
            "never executed here. Download it again, or save its state_dict alone."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, BadZipFile) as error:
        raise _damaged(path, error) from error
    if isinstance(content, dict):
        for wrapper in ("model", "state_dict"):  # how fine-tuning scripts commonly wrap it
            if isinstance(content.get(wrapper), dict):
                content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise CheckpointError(f"{path.name} does not hold a state dict of tensors; save model.state_dict() alone.")
    return content


def _official_config(state: Mapping[str, Tensor], path: Path) -> ModelConfig:
    pos_embed = state.get("image_encoder.pos_embed")
    if pos_embed is None:
        raise CheckpointError(
            f"{path.name} is not a SAM checkpoint: it has no image_encoder.pos_embed. "
            f"Its keys begin with {_some(state)}. "
            "Pass a released sam_vit_b, sam_vit_l or sam_vit_h file."
        )
    name = OFFICIAL_WIDTHS.get(pos_embed.shape[-1])
    if name is None:
        raise CheckpointError(
            f"{path.name} has an image encoder of width {pos_embed.shape[-1]}, which is none of the released models "
            f"({', '.join(f'{name}: {width}' for width, name in OFFICIAL_WIDTHS.items())}). "
            "Load it with its own code and save it with Maskloom's format."
        )
    return PRESETS[name]


def _build(config: ModelConfig, detector: DetectorConfig | None, state: dict[str, Tensor], path: Path) -> Sam:
    with torch.device("meta"):
        model = Sam(config)
        model.detector = None if detector is None else Detector(config, detector)
    expected = model.state_dict()
    problems = []
    if missing := [key for key in expected if key not in state]:
        problems.append(f"missing keys {_some(missing)}")
    if unknown := [key for key in state if key not in expected]:
        problems.append(f"unknown keys {_some(unknown)}")
    wrong = [
        f"{key} is {tuple(state[key].shape)}, should be {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    if wrong:
        problems.append(f"wrong shapes: {_some(wrong)}")
    broken = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        problems.append(f"NaN or infinity in {_some(broken)}")
    if problems:
        raise CheckpointError(
            f"{path.name} does not fit the model {config.name!r}: {'; '.join(problems)}. "
            "Use a checkpoint of that very model, undamaged."
        )
    model.load_state_dict({key: _loaded(value, expected[key]) for key, value in state.items()}, assign=True)
    model.reset_constants()
    if isinstance(model.image_encoder, ConvEncoder):
        model.image_encoder.to_channels_last()
    return model.eval()


def _stored(key: str, tensor: Tensor, dtype: StorageDtype) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    return tensor.to(torch.float32 if dtype == "float32" or key.endswith(STATISTICS) else torch.float16)


def _loaded(value: Tensor, expected: Tensor) -> Tensor:
    return value.to(torch.float32 if value.is_floating_point() else expected.dtype)


def _some(names: Any, limit: int = 5) -> str:
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path.name} is damaged or truncated ({_reason(error)}); download or save it again.")


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
