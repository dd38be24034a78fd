"""A training or evaluation with one ingredient of the recipe taken out that no setting takes out.

`python runs/without.py INGREDIENT train ...` (or `evaluate ...`) is `maskloom train ...` but for the ingredient. Nobody
should train like that, so these are no settings of the engine: `runs/ablate.py` measures what each is worth.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from engine.cli import app
from engine.model.prompt_encoder import PromptEncoder
from engine.train import clicks, losses, recipe
from engine.train.interaction import InteractionSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from engine.model.prompt_encoder import MaskPrompt

SURE = 10.0  # logits of a mask that is shown to the decoder as foreground and background alone


def box_noise() -> None:
    """Boxes are tight."""
    clicks.BOX_NOISE = 0.0


def logits() -> None:
    """The mask fed back is foreground and background, as an annotator's mask would be."""
    usual = PromptEncoder.mask_prompt

    def mask_prompt(self: PromptEncoder, masks: Tensor, has_mask: Tensor | None = None) -> MaskPrompt:
        return usual(self, (masks > 0).to(masks) * (2 * SURE) - SURE, has_mask)

    PromptEncoder.mask_prompt = mask_prompt  # type: ignore[method-assign]


def ambiguity() -> None:
    """All three candidates learn the same mask, not the best of them alone."""

    def mean(losses: Tensor) -> Tensor:
        return losses.mean(dim=1)

    losses.least = mean


def short_interactions() -> None:
    """Every interaction has eleven calls of the decoder, as in the paper."""

    def long(**settings: Any) -> InteractionSettings:
        return InteractionSettings(**{**settings, "length_weights": (0.0,) * 10 + (1.0,)})

    recipe.InteractionSettings = long  # type: ignore[assignment, attr-defined]


INGREDIENTS: dict[str, Callable[[], None]] = {
    "box noise": box_noise,
    "logits": logits,
    "ambiguity": ambiguity,
    "short interactions": short_interactions,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in INGREDIENTS:
        raise SystemExit(f"Name what to leave out ({', '.join(INGREDIENTS)}), then the command.")
    INGREDIENTS[sys.argv.pop(1)]()
    app()
