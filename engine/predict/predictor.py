"""Prompt one image: set it once, predict many times.

Everything here is numpy in the image frame; torch stays inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.errors import ImageError, PromptError
from engine.geometry import MASK_LOGIT_THRESH, Frame, upsample_low_res
from engine.model.preprocess import check_rgb
from engine.prompts import make_prompt

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from engine.model.mask_decoder import ImageFeatures
    from engine.model.sam import Sam
    from engine.prompts import Prompt

__all__ = ["Prediction", "Predictor"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model answers to one prompt; K masks, 3 with `multimask`, else 1.

    masks: (K, h, w) bool, image frame. iou_predictions: (K,) float32. low_res_logits: (K, S/4, S/4) float32, any of
    which may be the next prompt's `mask_input`.
    """

    masks: NDArray[np.bool_]
    iou_predictions: NDArray[np.float32]
    low_res_logits: NDArray[np.float32]


class Predictor:
    """Holds one image's embedding and answers prompts about it."""

    def __init__(self, model: Sam) -> None:
        self.model = model.eval()
        self._frame: Frame | None = None
        self._features: ImageFeatures | None = None
        self._embedding: torch.Tensor | None = None

    @property
    def frame(self) -> Frame:
        """The current image's frame. Raises PromptError before an image is set."""
        if self._frame is None:
            raise PromptError("No image is set; call set_image or set_embedding first.")
        return self._frame

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(C, G, G) float32 of the current image. Raises PromptError before an image is set."""
        if self._embedding is None:
            raise PromptError("No image is set; call set_image or set_embedding first.")
        values: NDArray[np.float32] = self._embedding[0].cpu().numpy()
        return values

    @torch.inference_mode()
    def set_image(self, image: NDArray[np.uint8]) -> None:
        """Embed an image, uint8 RGB (h, w, 3). Raises ImageError when it is something else."""
        image = check_rgb(image)
        self._set(self.model.embed(self.model.preprocess([image])), (image.shape[0], image.shape[1]))

    @torch.inference_mode()
    def set_embedding(self, embedding: Any, original_size: tuple[int, int]) -> None:
        """Use an embedding made earlier by the same encoder.

        Args:
            embedding: (C, G, G) or (1, C, G, G) float array or tensor.
            original_size: (h, w) of the image it was made of.

        Raises:
            ImageError: it does not fit this model.
        """
        config = self.model.config
        if not isinstance(embedding, torch.Tensor):
            embedding = torch.from_numpy(np.array(embedding, dtype=np.float32))
        values = embedding.to(self.model.device, torch.float32)
        values = values[None] if values.ndim == 3 else values
        expected = (1, config.prompt_dim, config.grid, config.grid)
        if tuple(values.shape) != expected:
            raise ImageError(
                f"This model needs an embedding of shape {expected[1:]}, got {tuple(values.shape)}; "
                "embed the image again."
            )
        if not bool(values.isfinite().all()):
            raise ImageError("The embedding holds NaN or infinity; embed the image again.")
        self._set(values, original_size)

    def reset(self) -> None:
        """Forget the current image."""
        self._frame = self._features = self._embedding = None

    def predict(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask: bool = True,
    ) -> Prediction:
        """Answer one prompt.

        Args:
            points: (P, 2) image-frame (x, y) in pixels.
            labels: (P,) 1 foreground, 0 background.
            box: (4,) image-frame xyxy.
            mask_input: (S/4, S/4) or (1, S/4, S/4) logits of an earlier prediction.
            multimask: True gives the three candidates (whole, part, subpart); False the one mask meant for prompts
                that leave no doubt, such as several points or a box.

        Raises:
            PromptError: no image is set, nothing is prompted, or the prompt does not fit the image.
        """
        frame = self.frame
        prompt = make_prompt(
            frame.original_size, frame.low_res_size, points=points, labels=labels, box=box, mask_input=mask_input
        )
        low_res, iou = self._decode(prompt)
        chosen = slice(1, None) if multimask else slice(0, 1)
        logits = upsample_low_res(low_res[chosen], frame)
        return Prediction(masks=logits > MASK_LOGIT_THRESH, iou_predictions=iou[chosen], low_res_logits=low_res[chosen])

    @torch.inference_mode()
    def _set(self, embedding: torch.Tensor, original_size: tuple[int, int]) -> None:
        frame = Frame(original_size, self.model.config.image_size)
        self._features = self.model.prepare(embedding)
        self._embedding, self._frame = embedding, frame

    @torch.inference_mode()
    def _decode(self, prompt: Prompt) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """All masks of a checked prompt: (4, S/4, S/4) logits and (4,) predicted IoU."""
        assert self._features is not None
        frame, device = self.frame, self.model.device
        points = labels = boxes = masks = None
        if len(prompt.points):
            points = torch.from_numpy(frame.points_to_model(prompt.points)).to(device)[None]
            labels = torch.from_numpy(prompt.labels).to(device)[None]
        if prompt.box is not None:
            boxes = torch.from_numpy(frame.boxes_to_model(prompt.box)).to(device)[None]
        if prompt.mask is not None:
            masks = torch.from_numpy(prompt.mask).to(device)[None, None]
        low_res, iou = self.model.decode(self._features, points, labels, boxes, masks)
        return low_res[0].cpu().numpy(), iou[0].cpu().numpy()
