"""From a file's bytes to an image that everybody sees the same: upright, 8 bit, in a format browsers show. Pure.

A file that browsers show as it is stays byte for byte. Anything else (turned by EXIF, 16 bit, TIFF, CMYK, ...) is
written anew.
"""

import io
from dataclasses import dataclass

from PIL import Image as Pixels
from PIL import ImageOps, UnidentifiedImageError

from engine.generate.images import eight_bit

THUMBNAIL_SIDE = 320
MAX_SIDE = 65_535
_KEPT_MODES = {"1", "L", "P", "RGB", "RGBA", "LA"}
_KEPT_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_ORIENTATION = 0x0112


class NotAnImage(Exception):  # noqa: N818
    """A file that cannot become an image of a dataset. The message says why, for the one who sent it."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """An image ready to be stored. Sizes are of the upright pixels."""

    data: bytes
    content_type: str
    width: int
    height: int
    thumbnail: bytes


def decode(data: bytes, max_pixels: int) -> Decoded:
    """Checks and decodes all of the file. Raises `NotAnImage`; never decodes more than `max_pixels`."""
    if not data:
        raise NotAnImage("The file is empty.")
    try:
        image = Pixels.open(io.BytesIO(data))
    except Pixels.DecompressionBombError:
        raise NotAnImage(_too_large("far more", max_pixels)) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise NotAnImage("This is not an image that can be read (JPEG, PNG, WebP, TIFF, BMP, GIF).") from None
    width, height = image.size
    if width * height > max_pixels:
        raise NotAnImage(_too_large(f"{width} x {height}", max_pixels))
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE:
        raise NotAnImage(f"The image is {width} x {height} pixels; neither side may be longer than {MAX_SIDE}.")
    try:
        image.load()
    except Exception as error:
        # Decoders raise whatever they like on broken data.
        raise NotAnImage(f"The image is damaged or cut off ({error}). Send it again.") from None
    return _finish(image, data)


def _too_large(size: str, max_pixels: int) -> str:
    return (
        f"The image has {size} pixels, more than the limit of {max_pixels // 1_000_000} megapixels. "
        "Cut it into tiles, or have MASKLOOM_MAX_PIXELS raised."
    )


def _finish(image: Pixels.Image, data: bytes) -> Decoded:
    upright = _upright(image)
    turned = upright is not image
    source_format = image.format or ""
    if not turned and source_format in _KEPT_FORMATS and image.mode in _KEPT_MODES:
        content_type = _KEPT_FORMATS[source_format]
    else:
        data, content_type = _write(
            _eight_bit(upright), lossy=source_format == "JPEG", icc=image.info.get("icc_profile")
        )
    thumbnail = _eight_bit(upright).convert("RGB")
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    thumbnail.save(buffer, format="JPEG", quality=82)
    return Decoded(
        data=data, content_type=content_type, width=upright.width, height=upright.height, thumbnail=buffer.getvalue()
    )


def _upright(image: Pixels.Image) -> Pixels.Image:
    """The image as its EXIF says it is to be seen; the very same object when there is nothing to do."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return image  # unreadable EXIF is no reason to refuse good pixels
    if orientation not in range(2, 9):
        return image
    return ImageOps.exif_transpose(image)


def _eight_bit(image: Pixels.Image) -> Pixels.Image:
    """8 bit grey, RGB or RGBA."""
    image = eight_bit(image)
    if image.mode in ("1", "P", "PA"):
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    return image if image.mode in ("L", "RGB", "RGBA", "LA") else image.convert("RGB")


def _write(image: Pixels.Image, *, lossy: bool, icc: bytes | None) -> tuple[bytes, str]:
    """A new file: JPEG for what was one, else PNG, which loses nothing."""
    buffer = io.BytesIO()
    # A profile for other channels (CMYK) must not stay on converted pixels.
    profile = icc if image.mode in ("RGB", "RGBA") and icc and icc[16:20] == b"RGB " else None
    if lossy:
        image = image if image.mode in ("L", "RGB") else image.convert("RGB")
        image.save(buffer, format="JPEG", quality=95, subsampling=0, icc_profile=profile)
        return buffer.getvalue(), "image/jpeg"
    image.save(buffer, format="PNG", icc_profile=profile)
    return buffer.getvalue(), "image/png"
