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

    ImageError with what is wrong when the file is no image, is cut off, or holds more than 8 bits per channel.
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
    if upright.mode.startswith(("I", "F")):
        raise ImageError(f"the image has more than 8 bits per channel (mode {upright.mode}); save it with 8 bits")
    return np.array(upright.convert("RGB"), dtype=np.uint8)
