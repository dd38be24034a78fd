"""Where images and thumbnails lie in the storage, and their pixels."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pictures

from backend.core.storage import Storage

if TYPE_CHECKING:
    from numpy.typing import NDArray


def image_key(sha256: str) -> str:
    """The image file as it is served."""
    return f"images/{sha256[:2]}/{sha256}"


def thumbnail_key(sha256: str) -> str:
    """A small JPEG of it."""
    return f"thumbs/{sha256[:2]}/{sha256}.jpg"


def read_rgb(storage: Storage, sha256: str) -> "NDArray[np.uint8]":
    """The stored image, upright, as uint8 RGB (h, w, 3)."""
    with storage.open(image_key(sha256)) as file, Pictures.open(file) as picture:
        return np.asarray(picture.convert("RGB"))
