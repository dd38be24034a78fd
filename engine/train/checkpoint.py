"""The training loop's own checkpoint: everything that a run needs to go on as if nothing had happened.

Written beside its final name and renamed, so that a kill leaves the old file or the new one, never half of one.
Finished models are saved by `engine.model.checkpoint`, not here.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from engine.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from engine.train.loop import TrainSettings
    from engine.train.pretrain import PretrainSettings

logger = logging.getLogger(__name__)

FORMAT = 3  # 1 and 2 drew their prompts by other random numbers
ADVICE = "delete it to start anew, or choose another folder"
# What may change between two starts of one run without making it another run.
ADJUSTABLE = ("minutes", "phases", "shards", "accumulate", "loaders", "bf16", "checkpoint_every_s")


@dataclass
class TrainState:
    """Where a run is: steps done, seconds spent, and the moving average of all weights and buffers."""

    step: int
    elapsed_s: float
    average: dict[str, Tensor]

    @classmethod
    def start(cls, model: nn.Module) -> TrainState:
        """At the beginning, averaging from the first weights."""
        return cls(0, 0.0, {name: value.detach().clone() for name, value in model.state_dict().items()})

    @torch.no_grad()
    def update_average(self, model: nn.Module, decay: float) -> None:
        """Move the average towards the current weights; early steps move it faster."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        pairs = [(self.average[name], value) for name, value in model.state_dict().items()]
        moving = [pair for pair in pairs if pair[1].is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in moving], [value for _, value in moving], 1 - decay)
        for mine, value in pairs:
            if not value.is_floating_point():
                mine.copy_(value)

    def use_average(self, model: nn.Module) -> None:
        """Put the averaged weights into the model."""
        model.load_state_dict(self.average)


def save_state(
    path: Path,
    settings: TrainSettings | PretrainSettings,
    state: TrainState,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the checkpoint atomically."""
    document = {
        "format": FORMAT,
        "settings": json.dumps(_comparable(settings), sort_keys=True),
        "step": state.step,
        "elapsed_s": state.elapsed_s,
        "average": state.average,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }
    partial = path.with_name(path.name + ".tmp")
    with partial.open("wb") as file:
        torch.save(document, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_state(
    path: Path, settings: TrainSettings | PretrainSettings, model: nn.Module, optimizer: torch.optim.Optimizer
) -> TrainState:
    """Put a checkpoint's weights, optimiser and random state back in place.

    Raises `TrainingError` if the file is damaged or belongs to a run with other settings or another model.
    """
    document = _read(path, settings)
    try:
        model.load_state_dict(document["model"])
        optimizer.load_state_dict(document["optimizer"])
        torch.set_rng_state(document["rng"])
        device = next(model.parameters()).device
        average = {name: value.to(device) for name, value in document["average"].items()}
        return TrainState(int(document["step"]), float(document["elapsed_s"]), average)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise TrainingError(f"{path} cannot be continued from ({error}); {ADVICE}.") from error


def drop_unusable(path: Path, settings: TrainSettings | PretrainSettings) -> None:
    """Delete a checkpoint, if there is one, that is damaged or of a run with other settings, so that the run starts
    anew: for runs whose folder is theirs alone, which an update of this software may interrupt.
    """
    if not path.exists():
        return
    try:
        _read(path, settings)
    except TrainingError as error:
        logger.warning("training starts anew: %s", error)
        path.unlink()


def _read(path: Path, settings: TrainSettings | PretrainSettings) -> dict[str, Any]:
    """The content of a checkpoint; `TrainingError` unless it is one of a run with these settings."""
    try:
        document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if document["format"] != FORMAT:
            raise TrainingError(f"{path} was written by another version of the training loop; {ADVICE}.")
        before, now = json.loads(document["settings"]), json.loads(json.dumps(_comparable(settings)))
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(f"{path} cannot be continued from ({error}); {ADVICE}.") from error
    changed = sorted(name for name in now if before.get(name) != now[name])
    if changed:
        raise TrainingError(f"{path} belongs to a run with other settings ({', '.join(changed)}); {ADVICE}.")
    return document


def average_of(path: Path) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint: the model as it would be if the run ended there."""
    if not path.is_file():
        raise TrainingError(f"There is no training checkpoint at {path}.")
    average: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["average"]
    return average


def _comparable(settings: TrainSettings | PretrainSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name not in ADJUSTABLE}
