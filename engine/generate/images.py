"""Reading a folder's images: which files they are, and the upright RGB pixels of each."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import ImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})


def find_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, by name; hidden files and subfolders are not looked at."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """The pixels of an image file, uint8 RGB (h, w, 3), turned upright as its EXIF orientation says.

    More than 8 bits are stretched to 8 (`eight_bit`), as in the platform. ImageError with what is wrong when the file
    is no image, or is cut off.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise ImageError("this is not an image, or one of a kind that cannot be read; save it as JPEG or PNG") from None
    except Image.DecompressionBombError:
        raise ImageError("the image claims more pixels than are safe to decode; scale it down") from None
    except FileNotFoundError:
        raise ImageError("the file is gone") from None
    except PermissionError:
        raise ImageError("the file may not be read; check its permissions") from None
    # On damaged bytes a decoder raises whatever it happens to stumble over; none of it may stop a folder.
    except Exception as error:
        raise ImageError(f"the file is damaged or cut off ({error}); fetch it again") from None
    return np.array(eight_bit(upright).convert("RGB"), dtype=np.uint8)


def eight_bit(image: Image.Image) -> Image.Image:
    """Deeper grey images (16 bit, 32 bit, float) stretched from their darkest to their brightest pixel; others as they
    are. What is no finite number is black, or white where it is positive infinity.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255.0 / ((high - low) or 1.0))
    return Image.fromarray((scaled + 0.5).astype(np.uint8))
