"""Which device to run on, and in which precision it is fast."""

from __future__ import annotations

import torch

from engine.errors import EngineError

__all__ = ["pick_device"]


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
