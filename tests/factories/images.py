"""Image files for tests: small generated ones, and real photographs from scikit-image."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Rgb = npt.NDArray[np.uint8]


def rgb(seed: int = 0, size: tuple[int, int] = (48, 64)) -> Rgb:
    """A small picture (h, w, 3) of one bright disc on a dark ground; another one for every seed."""
    h, w = size
    rng = np.random.default_rng(seed)
    picture = np.broadcast_to(rng.integers(10, 60, 3, dtype=np.uint8), (h, w, 3)).copy()
    y, x = np.mgrid[:h, :w]
    centre_y, centre_x = rng.uniform(0.35, 0.65) * h, rng.uniform(0.35, 0.65) * w
    disc = (y - centre_y) ** 2 + (x - centre_x) ** 2 < (0.28 * min(h, w)) ** 2
    picture[disc] = rng.integers(160, 250, 3, dtype=np.uint8)
    picture[0, :8] = np.frombuffer(int(seed).to_bytes(8, "big"), dtype=np.uint8)[:, None]  # never equal by chance
    return picture


def encode(picture: Rgb, file_format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=file_format, **options)
    return buffer.getvalue()


def png(seed: int = 0, size: tuple[int, int] = (48, 64)) -> bytes:
    """A small PNG; another one for every seed."""
    return encode(rgb(seed, size))


def jpeg(seed: int = 0, size: tuple[int, int] = (48, 64), **options: Any) -> bytes:
    """A small JPEG; another one for every seed."""
    return encode(rgb(seed, size), "JPEG", quality=95, **options)


def rotated_jpeg(seed: int = 0, size: tuple[int, int] = (48, 64), orientation: int = 6) -> bytes:
    """A JPEG whose EXIF says that it is to be turned; its stored pixels are (h, w) = `size`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(seed, size, exif=exif)


def photograph(name: str = "coffee", side: int | None = None) -> Rgb:
    """A real photograph from scikit-image, its long side scaled to `side` if given."""
    from skimage import data

    picture = np.asarray(getattr(data, name)())[..., :3]
    if side is not None:
        image = Image.fromarray(picture)
        image.thumbnail((side, side))
        picture = np.asarray(image)
    return np.ascontiguousarray(picture)
