"""The file an embedding is kept in and sent to the page as: a safetensors file of one image.

Tensors: `embedding` int8 [C, G, G] with `scale` float32 [C], where value = q * scale channel by channel; or `embedding`
float16 [C, G, G] alone. Header metadata, all strings: `format` ("maskloom-embedding-1"), `encoder_sha256`,
`image_sha256`, `detail` (its key where it is a part of the image, `engine.geometry.Detail`; that of the whole if left
out), `image_size` (S), `height`, `width` (pixels of the image, or of its part).

Numpy only: knows no torch and no model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from engine.errors import FormatError
from engine.geometry import WHOLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FORMAT", "EmbeddingMeta", "decode", "encode"]

FORMAT = "maskloom-embedding-1"
INT8_MAX = 127
FLOAT16_MAX = float(np.finfo(np.float16).max)

EmbeddingDtype = Literal["int8", "float16"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingMeta:
    """Which image and which encoder an embedding belongs to.

    original_size is the (h, w) in pixels of the image, or of the part of it that `detail` names; image_size the
    encoder's S.
    """

    encoder_sha256: str
    image_sha256: str
    image_size: int
    original_size: tuple[int, int]
    detail: str = WHOLE.key


def encode(embedding: NDArray[np.floating], meta: EmbeddingMeta, dtype: EmbeddingDtype = "int8") -> bytes:
    """(C, G, G) floats -> file content. int8 is a quarter of float32 and rounds to 1/127 of each channel's peak.

    Raises:
        FormatError: wrong shape, NaN or infinity, or values beyond float16.
    """
    values, image = np.asarray(embedding, dtype=np.float32), _called(meta)
    if values.ndim != 3 or values.shape[1] != values.shape[2] or not values.size:
        raise FormatError(f"An embedding must have shape (C, G, G), got {values.shape}; encode one image at a time.")
    if not np.isfinite(values).all():
        raise FormatError(
            f"The embedding of {image} holds NaN or infinity and is not stored; check the image and the model."
        )
    if dtype == "int8":
        scale = np.abs(values).max(axis=(1, 2)) / np.float32(INT8_MAX)
        # A silent channel has no scale of its own; any positive one restores its zeros.
        scale[scale == 0] = 1
        quantised = np.clip(np.rint(values / scale[:, None, None]), -INT8_MAX, INT8_MAX).astype(np.int8)
        tensors = {"embedding": quantised, "scale": scale}
    elif dtype == "float16":
        if np.abs(values).max() > FLOAT16_MAX:
            raise FormatError(f"The embedding of {image} exceeds float16's range; store it as int8.")
        tensors = {"embedding": values.astype(np.float16)}
    else:
        raise FormatError(f"An embedding is stored as int8 or float16, not {dtype!r}.")
    height, width = meta.original_size
    header = {
        "format": FORMAT,
        "encoder_sha256": meta.encoder_sha256,
        "image_sha256": meta.image_sha256,
        "detail": meta.detail,
        "image_size": str(meta.image_size),
        "height": str(height),
        "width": str(width),
    }
    return save(tensors, metadata=header)


def decode(content: bytes) -> tuple[NDArray[np.float32], EmbeddingMeta]:
    """File content -> (C, G, G) float32 and what it belongs to.

    Raises:
        FormatError: damaged, truncated, or not an embedding file of this format.
    """
    try:
        tensors = load(content)
        # The numpy reader of safetensors leaves the header's metadata out.
        length = int.from_bytes(content[:8], "little")
        header: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"The embedding file is damaged or truncated ({error}); embed the image again.") from error
    if header.get("format") != FORMAT:
        raise FormatError(
            f"This is not a Maskloom embedding: its format is {header.get('format', 'not stated')!r}, not {FORMAT!r}."
        )
    try:
        meta = EmbeddingMeta(
            encoder_sha256=header["encoder_sha256"],
            image_sha256=header["image_sha256"],
            image_size=int(header["image_size"]),
            original_size=(int(header["height"]), int(header["width"])),
            detail=header.get("detail", WHOLE.key),
        )
    except (KeyError, ValueError) as error:
        raise FormatError(f"The embedding file breaks its format ({error}); embed the image again.") from error
    try:
        return _dequantise(tensors), meta
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"The embedding file of {_called(meta)} breaks its format ({error}); embed the image again."
        ) from error


def _called(meta: EmbeddingMeta) -> str:
    """The image in an error message; its name is not known here."""
    return f"image {meta.image_sha256[:12]}"


def _dequantise(tensors: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    stored = tensors["embedding"]
    if stored.ndim != 3 or stored.shape[1] != stored.shape[2]:
        raise ValueError(f"shape {stored.shape} is not (C, G, G)")
    if stored.dtype == np.float16:
        values = stored.astype(np.float32)
    elif stored.dtype == np.int8:
        scale = tensors["scale"]
        if scale.dtype != np.float32 or scale.shape != stored.shape[:1]:
            raise ValueError(f"scale is {scale.dtype} {scale.shape}, not float32 of one value per channel")
        values = stored.astype(np.float32) * scale.astype(np.float32)[:, None, None]
    else:
        raise ValueError(f"values are {stored.dtype}, not int8 or float16")
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity")
    return values
