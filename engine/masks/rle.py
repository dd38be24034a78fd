"""COCO run-length encoding of masks, written and read without trusting the input.

The format (COCO's, used by SA-1B too): the mask is read column by column, the lengths of the runs alternate between
background and foreground and start with background (possibly 0). Compressed, each length from the third on is stored
as the difference to the one two places before, in groups of 5 bits, least significant first, 6 bits per ASCII
character from "0" on, the sixth bit meaning "another group follows"; the last group's fifth bit is the sign.

`pycocotools` reads such strings without checking them (a hostile one makes it write outside its buffer), so strings
that come from outside are parsed here first: `runs` and `validate` accept an RLE only if its runs fill the image
exactly.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from engine.errors import FormatError

Mask = npt.NDArray[np.bool_]
Runs = npt.NDArray[np.int64]

# 7 groups of 5 bits hold any run of an image below 2**34 pixels: longer numbers are damage, not data.
_MAX_GROUPS = 7
# 512 megapixels: a few bytes of RLE must not be able to ask for all of the memory.
_MAX_PIXELS = 2**29
_ADVICE = "Encode the mask again as COCO RLE (column-major, as pycocotools.mask.encode does) at the image's own size."


class Rle(TypedDict):
    """A compressed COCO RLE: `size` is [height, width], `counts` the run string."""

    size: list[int]
    counts: str


def encode(mask: npt.NDArray[Any]) -> Rle:
    """A mask (H, W), bool or 0/1, as compressed RLE."""
    if mask.ndim != 2:
        raise FormatError(f"A mask must have two dimensions (height, width), this one has shape {mask.shape}.")
    return encode_batch(mask[None])[0]


def encode_batch(masks: npt.NDArray[Any]) -> list[Rle]:
    """Masks (N, H, W), bool or 0/1, as compressed RLEs; all runs of the batch are found in one pass."""
    if masks.ndim != 3:
        raise FormatError(f"A batch of masks must have shape (masks, height, width), this one has {masks.shape}.")
    _, height, width = masks.shape
    if height == 0 or width == 0:
        raise FormatError(f"A mask must have at least one pixel, this one is {width} x {height}.")
    runs_of_each = _runs_of_batch(masks.astype(bool, copy=False))
    return [{"size": [height, width], "counts": compress(counts)} for counts in runs_of_each]


def _runs_of_batch(masks: Mask) -> list[Runs]:
    """The run lengths of each mask (N, H, W), column-major, background first."""
    num, height, width = masks.shape
    pixels = height * width
    flat = np.ascontiguousarray(masks.transpose(0, 2, 1)).reshape(-1)
    changes = flat[1:] != flat[:-1]
    changes[pixels - 1 :: pixels] = False  # from one mask to the next
    where = np.flatnonzero(changes) + 1
    parts = np.searchsorted(where, np.arange(num + 1) * pixels)
    runs_of_each = []
    for index in range(num):
        first = index * pixels
        lead = [0, 0] if flat[first] else [0]
        inner = where[parts[index] : parts[index + 1]] - first
        runs_of_each.append(np.diff(np.concatenate((lead, inner, [pixels]))))
    return runs_of_each


def encode_window(mask: Mask, corner: tuple[int, int], size: tuple[int, int]) -> Rle:
    """A mask known only inside a window, as the RLE of the whole image; the work is the window's, not the image's.

    `mask` (H, W) is the window, `corner` its top left pixel (x, y) in the image, `size` the image's (h, w).
    """
    (x0, y0), (height, width) = corner, size
    rows, columns = mask.shape
    if x0 < 0 or y0 < 0 or x0 + columns > width or y0 + rows > height:
        raise FormatError(f"A window of {columns} x {rows} pixels at {corner} leaves its image of {width} x {height}.")
    return encode_edges(*edges(mask), corner, size)


def edges(mask: Mask) -> tuple[Runs, Runs]:
    """Where the runs of a mask (H, W) begin and end in each column, as `encode_edges` takes them."""
    rows, columns = mask.shape
    padded = np.zeros((columns, rows + 2), dtype=bool)
    padded[:, 1:-1] = mask.T
    column, row = np.nonzero(padded[:, 1:] != padded[:, :-1])
    return column, row


def encode_edges(column: Runs, row: Runs, corner: tuple[int, int], size: tuple[int, int]) -> Rle:
    """A mask as the RLE of the whole image, from where its runs begin and end in each column of a window.

    `column` and `row` (2R,) say begin, end, begin, end, ... in column-major order; an end is the row behind the run.
    `corner` is the window's top left pixel (x, y) in the image, `size` the image's (h, w).
    """
    (x0, y0), (height, width) = corner, size
    edges = (x0 + column) * height + y0 + row
    # A run that reaches the bottom of one column and the top of the next is one run.
    joined = np.flatnonzero(edges[1:-1:2] == edges[2::2]) * 2 + 1
    edges = np.delete(edges, np.concatenate((joined, joined + 1)))
    counts = np.diff(np.concatenate(([0], edges, [height * width])))
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return {"size": [height, width], "counts": compress(counts)}


def compress(counts: Runs) -> str:
    """Run lengths (R,) as COCO's ASCII string."""
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    groups = np.empty((len(values), _MAX_GROUPS), dtype=np.uint8)
    used = np.zeros((len(values), _MAX_GROUPS), dtype=bool)
    open_ = np.ones(len(values), dtype=bool)
    for place in range(_MAX_GROUPS):
        low = values & 0x1F
        values = values >> 5
        more = np.where(low & 0x10, values != -1, values != 0)
        groups[:, place] = low + np.where(more, 0x20, 0) + 48
        used[:, place] = open_
        open_ &= more
        if not open_.any():
            break
    return groups[used].tobytes().decode("ascii")


def decompress(counts: str | bytes) -> Runs:
    """The run lengths (R,) of COCO's ASCII string. FormatError when it is damaged; the sum is the caller's to check."""
    try:
        raw = counts.encode("ascii") if isinstance(counts, str) else bytes(counts)
    except UnicodeEncodeError:
        raise FormatError(f"The RLE string holds a character that COCO RLE never uses. {_ADVICE}") from None
    codes = np.frombuffer(raw, dtype=np.uint8).astype(np.int64) - 48
    if len(codes) == 0:
        return np.zeros(0, dtype=np.int64)
    if codes.min() < 0 or codes.max() > 63:
        raise FormatError(f"The RLE string holds a character that COCO RLE never uses. {_ADVICE}")
    last = (codes & 0x20) == 0
    if not last[-1]:
        raise FormatError(f"The RLE string is cut off in the middle of a number. {_ADVICE}")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_GROUPS:
        raise FormatError(f"The RLE string holds a number too large for any image. {_ADVICE}")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 0x1F) << (5 * place), starts)
    negative = (codes[ends] & 0x10) != 0
    values = np.where(negative, values - (np.int64(1) << (5 * lengths)), values)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def runs(rle: Mapping[str, Any]) -> Runs:
    """The checked run lengths (R,) of an RLE, compressed or with a plain list of counts.

    They are never negative and add up to height * width; everything else raises FormatError.
    """
    height, width = _size(rle)
    counts = rle.get("counts")
    if isinstance(counts, str | bytes):
        lengths = decompress(counts)
    elif isinstance(counts, Sequence | np.ndarray):
        lengths = _plain_counts(counts)
    else:
        raise FormatError(f"An RLE needs 'counts' (a string or a list of run lengths). {_ADVICE}")
    pixels = height * width
    if len(lengths) and lengths.min() < 0:
        raise FormatError(f"The RLE holds a negative run length. {_ADVICE}")
    if len(lengths) > pixels + 1:
        raise FormatError(f"The RLE holds {len(lengths)} runs for {pixels} pixels. {_ADVICE}")
    total = int(np.minimum(lengths, pixels + 1).sum())
    if total != pixels:
        what = "is cut off" if total < pixels else "runs past the end"
        raise FormatError(f"The RLE {what}: it covers {total} pixels, {width} x {height} are {pixels}. {_ADVICE}")
    return lengths


def validate(rle: object, h: int, w: int) -> Rle:
    """The RLE, compressed, if it is whole and fits an image of h x w pixels; FormatError with the reason otherwise."""
    if not isinstance(rle, Mapping):
        raise FormatError(f"An RLE is an object with 'size' and 'counts', this is {type(rle).__name__}. {_ADVICE}")
    height, width = _size(rle)
    if (height, width) != (h, w):
        turned = " Height and width look swapped: 'size' is [height, width]." if (width, height) == (h, w) else ""
        raise FormatError(
            f"The RLE is {width} x {height} pixels but its image is {w} x {h} (width x height).{turned} {_ADVICE}"
        )
    lengths = runs(rle)
    counts = rle["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    return {"size": [h, w], "counts": counts if isinstance(counts, str) else compress(lengths)}


def decode(rle: Mapping[str, Any]) -> Mask:
    """The mask (H, W), bool. FormatError when the RLE is damaged."""
    lengths = runs(rle)
    height, width = _size(rle)
    values = np.arange(len(lengths)) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, lengths).reshape(width, height).T)


def area(rle: Mapping[str, Any]) -> int:
    """The number of pixels in the mask."""
    return int(runs(rle)[1::2].sum())


def box_xyxy(rle: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """The box of the mask in inclusive pixel coordinates, (0, 0, 0, 0) for an empty mask; nothing is decoded."""
    lengths = runs(rle)
    height, _ = _size(rle)
    ends = np.cumsum(lengths)[1::2]
    starts = ends - lengths[1::2]
    filled = ends > starts
    starts, lasts = starts[filled], ends[filled] - 1
    if len(starts) == 0:
        return (0, 0, 0, 0)
    x0, x1 = int(starts[0] // height), int(lasts[-1] // height)
    wraps = (starts // height) != (lasts // height)
    y0 = 0 if wraps.any() else int((starts % height).min())
    y1 = height - 1 if wraps.any() else int((lasts % height).max())
    return (x0, y0, x1, y1)


def bbox_xywh(rle: Mapping[str, Any]) -> list[int]:
    """SA-1B's box: [x, y, xmax - xmin, ymax - ymin], without +1; zeros for an empty mask."""
    x0, y0, x1, y1 = box_xyxy(rle)
    return [x0, y0, x1 - x0, y1 - y0]


def coco_bbox_xywh(rle: Mapping[str, Any]) -> list[int]:
    """COCO's box, as pycocotools.toBbox gives it: [x, y, width, height] with +1; zeros for an empty mask."""
    if area(rle) == 0:
        return [0, 0, 0, 0]
    x0, y0, x1, y1 = box_xyxy(rle)
    return [x0, y0, x1 - x0 + 1, y1 - y0 + 1]


def _size(rle: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width), checked."""
    size = rle.get("size")
    if not isinstance(size, Sequence | np.ndarray) or isinstance(size, str | bytes) or len(size) != 2:
        raise FormatError(f"An RLE needs 'size' as [height, width]. {_ADVICE}")
    if any(isinstance(side, bool) or not isinstance(side, int | np.integer) or side <= 0 for side in size):
        raise FormatError(f"The RLE's 'size' must be two whole numbers above zero, not {list(size)!r}. {_ADVICE}")
    height, width = int(size[0]), int(size[1])
    if height * width > _MAX_PIXELS:
        raise FormatError(
            f"The RLE claims to be {width} x {height} pixels, more than any image here may have. {_ADVICE}"
        )
    return height, width


def _plain_counts(counts: Sequence[Any] | npt.NDArray[Any]) -> Runs:
    try:
        lengths = np.asarray(counts)
    except (ValueError, OverflowError):
        lengths = np.empty((0, 0))
    if lengths.ndim == 1 and len(lengths) == 0:
        return np.zeros(0, dtype=np.int64)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.max() >= 2**34 or lengths.min() < 0:
        raise FormatError(f"The RLE's counts must be a flat list of whole run lengths, none negative. {_ADVICE}")
    return lengths.astype(np.int64)
