"""A snapshot: exactly which masks a round learned from and was measured on, as canonical JSON with a content hash.
Pure.

The same masks and rejections give the same bytes, whatever order the database returned them in; so the hash in a model
version's lineage says what it was trained on, for ever, even after masks were edited or deleted. The held-out part is
frozen with it: a round that is killed and resumed is measured on the same masks as before.

When no held-out image has masks yet, a fixed share of the training images (chosen by the hash of the image) is set
aside instead: measured on, and not trained on.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FORMAT = "maskloom-snapshot-1"
# One in five, as for the fixed split of a dataset.
ASIDE_SHARE = 5

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SnapshotMask:
    """A mask's id, COCO RLE, and where its annotator first clicked, (x, y) in the image frame, if that made it."""

    id: str
    rle: dict[str, Any]
    click: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class SnapshotImage:
    """One image (size in pixels of the image frame) with its masks, sorted by id, and the boxes of the proposals that
    people threw away there, xywh, sorted. An image without a mask is not in a snapshot, whatever was thrown away.
    """

    image_id: str
    sha256: str
    height: int
    width: int
    masks: tuple[SnapshotMask, ...]
    dropped: tuple[Box, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """`train` and `heldout` never share an image.

    `measured_on` says where `heldout` came from: heldout | aside | nothing.
    """

    dataset_id: str
    train: tuple[SnapshotImage, ...]
    heldout: tuple[SnapshotImage, ...]
    measured_on: str

    @property
    def num_train_masks(self) -> int:
        return sum(len(image.masks) for image in self.train)

    @property
    def num_heldout_masks(self) -> int:
        return sum(len(image.masks) for image in self.heldout)

    def describe_heldout(self) -> str:
        """A sentence part for the gate's reason."""
        images, masks = len(self.heldout), self.num_heldout_masks
        counts = f"{masks} {_plural('mask', masks)} of {images} {_plural('image', images)}"
        if self.measured_on == "aside":
            return f"{counts} set aside from the training images, because no held-out image has final masks yet"
        return f"{counts} held out from training"

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, ASCII."""
        document = {
            "format": FORMAT,
            "dataset_id": self.dataset_id,
            "measured_on": self.measured_on,
            "train": [_image_json(image) for image in self.train],
            "heldout": [_image_json(image) for image in self.heldout],
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes) -> "Snapshot":
        """Read what `to_json` wrote. ValueError for anything else."""
        document = json.loads(data)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"this is not a snapshot of format {FORMAT}")
        return cls(
            dataset_id=document["dataset_id"],
            measured_on=document["measured_on"],
            train=tuple(_image_from(image) for image in document["train"]),
            heldout=tuple(_image_from(image) for image in document["heldout"]),
        )


def content_sha256(data: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(data).hexdigest()


def make_snapshot(
    dataset_id: str, train: Iterable[SnapshotImage], heldout: Iterable[SnapshotImage], *, max_eval_masks: int
) -> "Snapshot":
    """Order everything, choose what is measured on, and bound its size.

    `heldout` are the images of the held-out split that have masks. With none, one image in five of `train` (at least
    one, as long as one is left to learn from) is set aside. At most `max_eval_masks` masks are measured on: whole
    images in a fixed order, at least one image.
    """
    learn = sorted(train, key=lambda image: image.image_id)
    measure = sorted(heldout, key=_shuffled)
    measured_on = "heldout"
    if not measure:
        shuffled = sorted(learn, key=_shuffled)
        count = 0 if len(learn) < 2 else max(1, len(learn) // ASIDE_SHARE)
        measure, measured_on = shuffled[:count], "aside" if count else "nothing"
        chosen = {image.image_id for image in measure}
        learn = [image for image in learn if image.image_id not in chosen]
    kept: list[SnapshotImage] = []
    masks = 0
    for image in measure:
        if kept and masks + len(image.masks) > max_eval_masks:
            continue
        kept.append(image)
        masks += len(image.masks)
    kept.sort(key=lambda image: image.image_id)
    return Snapshot(dataset_id=dataset_id, train=tuple(learn), heldout=tuple(kept), measured_on=measured_on)


def _shuffled(image: SnapshotImage) -> str:
    # Depends on the pixels only: the same images are measured on in every round, so rounds compare.
    return hashlib.sha256(f"measure:{image.sha256}".encode()).hexdigest() + image.image_id


def _image_json(image: SnapshotImage) -> dict[str, Any]:
    return {
        "image_id": image.image_id,
        "sha256": image.sha256,
        "height": image.height,
        "width": image.width,
        "masks": [
            {"id": mask.id, "rle": mask.rle, **({"click": mask.click} if mask.click else {})} for mask in image.masks
        ],
        **({"dropped": image.dropped} if image.dropped else {}),
    }


def _image_from(document: dict[str, Any]) -> SnapshotImage:
    return SnapshotImage(
        image_id=document["image_id"],
        sha256=document["sha256"],
        height=document["height"],
        width=document["width"],
        masks=tuple(SnapshotMask(mask["id"], mask["rle"], _pair(mask.get("click"))) for mask in document["masks"]),
        dropped=tuple((x, y, w, h) for x, y, w, h in document.get("dropped", ())),
    )


def _pair(values: list[float] | None) -> tuple[float, float] | None:
    return (values[0], values[1]) if values else None


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
