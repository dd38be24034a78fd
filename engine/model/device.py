"""Which device to run on, and in which precision it is fast."""

from __future__ import annotations

from typing import Any

import torch

from engine.errors import EngineError

__all__ = ["fast_dtype", "pick_device"]


def pick_device(name: str = "auto") -> torch.device:
    """A usable device: "auto" is CUDA where there is one, else the CPU.

    Raises:
        EngineError: torch cannot use the device; the message says why.
    """
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(chosen)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise EngineError(f"The device {chosen!r} cannot be used ({reason}). Use --device cpu.") from error
    return device


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it faster than float32 (GPUs that know it, CPUs with AMX), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch we support
    return torch.bfloat16 if device.type == "cpu" and capabilities.get("amx_bf16") else torch.float32
