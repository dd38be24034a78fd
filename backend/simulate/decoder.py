"""What the page's worker does, in Python: `prepare` once per image, `decode` per click, then outside the graph
upsampling and the rule on specks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engine.errors import FormatError
from engine.geometry import MASK_LOGIT_THRESH, Detail, Frame, upsample_low_res
from engine.masks.components import without_specks
from engine.predict import embedding as embedding_file

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass
class Prompts:
    """What has been clicked so far on one object, in image pixels."""

    points: list[tuple[float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    previous: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One candidate: the mask at image size without its specks, its low-res logits as the model made them, predicted
    IoU, and its index (0: single token).
    """

    mask: Mask
    low_res: Floats
    predicted_iou: float
    candidate: int


class Decoder:
    """The two ONNX graphs of one model version."""

    def __init__(self, model_id: str, prepare: bytes, decode: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.model_id = model_id
        self._prepare = ort.InferenceSession(prepare, options, providers=["CPUExecutionProvider"])
        self._decode = ort.InferenceSession(decode, options, providers=["CPUExecutionProvider"])
        properties = self._decode.get_modelmeta().custom_metadata_map
        self.encoder_sha256 = properties["encoder_sha256"]
        self.image_size = int(properties["image_size"])
        self._side = 4 * int(properties["grid"])

    def open(self, embedding: bytes, size: tuple[int, int]) -> Image:
        """Prepare an image of `size` (h, w), or the detail of it that was embedded.

        Raises FormatError when the embedding is another encoder's or of another image.
        """
        values, meta = embedding_file.decode(embedding)
        if meta.encoder_sha256 != self.encoder_sha256:
            raise FormatError("This embedding was made by another encoder than this decoder's; ask for a new one.")
        left, top, right, bottom = box = Detail.parse(meta.detail).box(size)
        if meta.original_size != (bottom - top, right - left):
            raise FormatError(
                f"This embedding is of {meta.original_size} pixels, not of {(bottom - top, right - left)}."
            )
        names = [output.name for output in self._prepare.get_outputs()]
        outputs = self._prepare.run(names, {"embedding": values[None].astype(np.float32)})
        return Image(self, dict(zip(names, outputs, strict=True)), size, box)

    def run(self, feeds: dict[str, Floats]) -> tuple[Floats, Floats]:
        low_res, iou = self._decode.run(["low_res_logits", "iou_predictions"], feeds)
        return low_res[0], iou[0]

    @property
    def low_res_side(self) -> int:
        return self._side


class Image:
    """One prepared image of `size` (h, w), or what of it lies in `box` (xyxy), ready to be clicked on."""

    def __init__(
        self, decoder: Decoder, prepared: dict[str, Floats], size: tuple[int, int], box: tuple[int, int, int, int]
    ) -> None:
        self._decoder = decoder
        self._prepared = prepared
        self._size = size
        self._box = box
        self._frame = Frame((box[3] - box[1], box[2] - box[0]), decoder.image_size)

    def predict(self, prompts: Prompts) -> Decoded:
        """The page's rule: one click alone shows the best of three candidates, anything more the single mask."""
        side = self._decoder.low_res_side
        left, top, right, bottom = self._box
        inside = [(x - left, y - top) for x, y in prompts.points]
        points = self._frame.points_to_model(inside)
        padded = np.concatenate([points, np.zeros((1, 2), np.float32)])[None]
        labels = np.array([[*prompts.labels, -1]], dtype=np.float32)
        previous = prompts.previous
        low_res, iou = self._decoder.run(
            {
                **self._prepared,
                "point_coords": padded,
                "point_labels": labels,
                "mask_input": (np.zeros((side, side), np.float32) if previous is None else previous)[None, None],
                "has_mask_input": np.array([0.0 if previous is None else 1.0], dtype=np.float32),
            }
        )
        ambiguous = len(prompts.points) == 1 and previous is None
        best = 1 + int(np.argmax(iou[1:])) if ambiguous else 0
        drawn = upsample_low_res(low_res[best], self._frame) > MASK_LOGIT_THRESH
        mask = np.zeros(self._size, dtype=bool)
        mask[top:bottom, left:right] = without_specks(drawn, inside, prompts.labels)
        return Decoded(mask=mask, low_res=low_res[best], predicted_iou=float(iou[best]), candidate=best)
