"""From photographs to the encoder's input: resize, normalise, pad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from engine.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.geometry import Frame

__all__ = ["PIXEL_MEAN", "PIXEL_STD", "check_rgb", "resize_rgb"]

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def check_rgb(image: Any) -> NDArray[np.uint8]:
    """Return the image if it is a uint8 HxWx3 array.

    Raises:
        ImageError: it is anything else.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(
            f"An image must be a uint8 RGB array of shape (height, width, 3), got {found}; convert it first."
        )
    if not image.size:
        raise ImageError(f"An image needs at least one pixel, got shape {image.shape}.")
    return image


def resize_rgb(image: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """uint8 (h, w, 3) -> uint8 (input_h, input_w, 3), PIL bilinear (which antialiases when shrinking), as released."""
    height, width = frame.input_size
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
