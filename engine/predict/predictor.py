"""Prompt images: set them once, predict many times, one prompt at a time or many in a batch.

Everything here is numpy in the image frame; torch stays inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.errors import EngineError, FormatError, ImageError, PromptError
from engine.geometry import MASK_LOGIT_THRESH, Frame, mask_to_low_res, upsample_low_res
from engine.masks import rle
from engine.model.mask_decoder import ImageFeatures
from engine.model.preprocess import check_rgb
from engine.prompts import PromptArguments, make_prompt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from engine.model.sam import Sam
    from engine.prompts import Prompt

__all__ = ["Prediction", "Predictor"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model answers to one prompt; K masks, 3 with `multimask`, else 1.

    masks: (K, h, w) bool, image frame. iou_predictions: (K,) float32. low_res_logits: (K, S/4, S/4) float32, any of
    which may be the next prompt's `mask_input`.
    """

    masks: NDArray[np.bool_]
    iou_predictions: NDArray[np.float32]
    low_res_logits: NDArray[np.float32]


@dataclass(frozen=True)
class _Images:
    """B images that are set: frames and names of each, embedding (B, C, G, G), and what the decoder made of it."""

    frames: tuple[Frame, ...]
    names: tuple[str, ...]
    embedding: torch.Tensor
    features: ImageFeatures


@dataclass(frozen=True)
class _Question:
    """A checked prompt, and what is asked of which image."""

    prompt: Prompt
    image: int
    multimask: bool


class Predictor:
    """Holds the embeddings of one image or several and answers prompts about them."""

    def __init__(self, model: Sam) -> None:
        self.model = model.eval()
        self._images: _Images | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frame of each image. Raises PromptError before an image is set."""
        return self._current().frames

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(B, C, G, G) float32 of the B images. Raises PromptError before an image is set."""
        values: NDArray[np.float32] = self._current().embedding.cpu().numpy()
        return values

    def set_image(self, image: NDArray[np.uint8], *, name: str = "the image") -> None:
        """Embed an image, uint8 RGB (h, w, 3); `name` stands for it in error messages.

        Raises:
            ImageError: it is something else.
            EngineError: the model's embedding of it holds NaN or infinity.
        """
        self.set_images([check_rgb(image)], names=[name])

    @torch.inference_mode()
    def set_images(self, images: Sequence[NDArray[np.uint8]], *, names: Sequence[str] | None = None) -> None:
        """Embed several images of any sizes in one encoder batch; prompts name theirs by its index.

        Args:
            images: uint8 RGB (h, w, 3) each. The encoder's memory grows with their number.
            names: what to call them in error messages; "image 0", "image 1" and so on if left out.

        Raises:
            ImageError: there is none, or one of them is not an image; the message names it.
            EngineError: the model's embedding of one of them holds NaN or infinity; the message names it.
        """
        called = _names(names, len(images))
        for image, name in zip(images, called, strict=True):
            try:
                check_rgb(image)
            except ImageError as error:
                raise ImageError(f"{name} cannot be set: {error}") from error
        embedding = self.model.embed(self.model.preprocess(images))
        for values, name in zip(embedding, called, strict=True):
            if not bool(values.isfinite().all()):
                raise EngineError(_not_finite(f"embedding of {name}"))
        self._set([(image.shape[0], image.shape[1]) for image in images], called, embedding)

    def set_embedding(self, embedding: Any, original_size: tuple[int, int], *, name: str = "the image") -> None:
        """Use an embedding made earlier by the same encoder.

        Args:
            embedding: (C, G, G) or (1, C, G, G) float array or tensor.
            original_size: (h, w) of the image it was made of.
            name: what to call the image in error messages.

        Raises:
            ImageError: it does not fit this model, or is not finite.
        """
        self.set_embeddings([embedding], [original_size], names=[name])

    @torch.inference_mode()
    def set_embeddings(
        self,
        embeddings: Sequence[Any],
        original_sizes: Sequence[tuple[int, int]],
        *,
        names: Sequence[str] | None = None,
    ) -> None:
        """Use the embeddings of several images, made earlier by the same encoder: `set_embedding` for each."""
        called = _names(names, len(embeddings))
        if not called or len(original_sizes) != len(called):
            raise ImageError(
                f"Pass at least one embedding, and the original size of each; got {len(called)} embeddings and "
                f"{len(original_sizes)} sizes."
            )
        values = [self.model.check_embedding(each, name) for each, name in zip(embeddings, called, strict=True)]
        self._set(original_sizes, called, torch.cat(values))

    def reset(self) -> None:
        """Forget the images."""
        self._images = None

    def predict(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask: bool = True,
        *,
        mask: NDArray[Any] | Mapping[str, Any] | None = None,
        image: int = 0,
    ) -> Prediction:
        """Answer one prompt.

        Args:
            points: (P, 2) image-frame (x, y) in pixels.
            labels: (P,) 1 foreground, 0 background.
            box: (4,) image-frame xyxy.
            mask_input: (S/4, S/4) or (1, S/4, S/4) logits of an earlier prediction.
            multimask: True gives the three candidates (whole, part, subpart); False the one mask meant for prompts
                that leave no doubt, such as several points or a box.
            mask: a finished mask instead of logits, such as an annotation's: (h, w) bool or 0/1, or a COCO RLE. What it
                becomes is `engine.geometry.mask_to_low_res`.
            image: which of the images that are set.

        Raises:
            PromptError: no image is set, nothing is prompted, or the prompt does not fit the image.
            EngineError: the model's answer holds NaN or infinity; the message names the image.
        """
        images = self._current()
        question = _checked(
            images,
            PromptArguments(
                points=points,
                labels=labels,
                box=box,
                mask_input=mask_input,
                multimask=multimask,
                mask=mask,
                image=image,
            ),
        )
        return next(self._answers(images, [question], batch_size=1))

    def predict_many(self, prompts: Iterable[PromptArguments], *, batch_size: int = 64) -> Iterator[Prediction]:
        """Answer many prompts, about one image or several, in batches.

        A prompt is a mapping of `predict`'s arguments, and its prediction is that of `predict(**prompt)`. Several boxes
        are `[{"box": box} for box in boxes]`; `{"mask": rle, "points": [(x, y)], "labels": [0], "image": 3}` takes a
        point away from a stored mask of the fourth image.

        All prompts are checked before this returns. Answers come as they are asked for, in the prompts' order and about
        the images that are set now, so no more than `batch_size` of them are in memory unless the caller keeps them.

        Args:
            prompts: any mix of points, boxes and masks.
            batch_size: prompts decoded at once; memory grows with it, results do not change.

        Raises:
            PromptError: as in `predict`; the message names the prompt by its index.
            EngineError: the model's answer holds NaN or infinity; the message names the image.
        """
        if batch_size < 1:
            raise PromptError(f"batch_size must be at least 1, not {batch_size}.")
        images = self._current()
        questions = []
        for index, prompt in enumerate(prompts):
            try:
                questions.append(_checked(images, prompt))
            except PromptError as error:
                raise PromptError(f"Prompt {index}: {error}") from error
        return self._answers(images, questions, batch_size)

    def _current(self) -> _Images:
        if self._images is None:
            raise PromptError("No image is set; call set_image or set_embedding first.")
        return self._images

    def _set(self, original_sizes: Sequence[tuple[int, int]], names: tuple[str, ...], embedding: torch.Tensor) -> None:
        frames = tuple(Frame(size, self.model.config.image_size) for size in original_sizes)
        self._images = _Images(frames, names, embedding, self.model.prepare(embedding))

    def _answers(self, images: _Images, questions: Sequence[_Question], batch_size: int) -> Iterator[Prediction]:
        for start in range(0, len(questions), batch_size):
            batch = questions[start : start + batch_size]
            for question, (low_res, iou) in zip(batch, self._decode_mixed(images, batch), strict=True):
                if not (np.isfinite(low_res).all() and np.isfinite(iou).all()):
                    raise EngineError(_not_finite(f"answer for {images.names[question.image]}"))
                chosen = slice(1, None) if question.multimask else slice(0, 1)
                logits = upsample_low_res(low_res[chosen], images.frames[question.image])
                yield Prediction(
                    masks=logits > MASK_LOGIT_THRESH, iou_predictions=iou[chosen], low_res_logits=low_res[chosen]
                )

    def _decode_mixed(
        self, images: _Images, questions: Sequence[_Question]
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """The answer to each question, as `_decode` gives it.

        Prompts are decoded together with those of as many points and boxes. Padding them to one length instead would
        change the answers: the decoder attends to every token, padding too.
        """
        groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for place, question in enumerate(questions):
            groups[len(question.prompt.points), question.prompt.box is not None].append(place)
        answers: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        for places in groups.values():
            low_res, iou = self._decode(images, [questions[place] for place in places])
            answers.update((place, (low_res[row], iou[row])) for row, place in enumerate(places))
        return [answers[place] for place in range(len(questions))]

    @torch.inference_mode()
    def _decode(
        self, images: _Images, questions: Sequence[_Question]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """All masks of N prompts of as many points and boxes: (N, 4, S/4, S/4) logits and (N, 4) predicted IoU."""
        device, first = self.model.device, questions[0].prompt
        framed = [(question.prompt, images.frames[question.image]) for question in questions]
        points = labels = boxes = masks = has_mask = None
        if len(first.points):
            coordinates = np.stack([frame.points_to_model(prompt.points) for prompt, frame in framed])
            points = torch.from_numpy(coordinates).to(device)
            labels = torch.from_numpy(np.stack([prompt.labels for prompt, _ in framed])).to(device)
        if first.box is not None:
            corners = [frame.boxes_to_model(prompt.box) for prompt, frame in framed if prompt.box is not None]
            boxes = torch.from_numpy(np.stack(corners)).to(device)
        logits = [question.prompt.mask_input for question in questions]
        if any(each is not None for each in logits):
            side = self.model.config.low_res_size
            empty = np.zeros((side, side), dtype=np.float32)
            masks = torch.from_numpy(np.stack([empty if each is None else each for each in logits])).to(device)[:, None]
            has_mask = torch.tensor([each is not None for each in logits], device=device)
        features, image_index = _features_of(images.features, [question.image for question in questions])
        low_res, iou = self.model.decode(
            features, points, labels, boxes, masks, image_index=image_index, has_mask=has_mask
        )
        return low_res.float().cpu().numpy(), iou.cpu().numpy()


def _features_of(features: ImageFeatures, images: list[int]) -> tuple[ImageFeatures, torch.Tensor | None]:
    """The features, and which of them each prompt is about; of one image alone if all are, since that spares a copy."""
    if len(set(images)) > 1:
        return features, torch.tensor(images, device=features.cells.device)
    only = slice(images[0], images[0] + 1)
    return features.of_images(only), None


def _checked(images: _Images, arguments: PromptArguments) -> _Question:
    """One prompt against its image; PromptError says what does not fit."""
    if not isinstance(arguments, Mapping):
        raise PromptError(f"A prompt is a mapping such as {{'box': (x0, y0, x1, y1)}}, not {type(arguments).__name__}.")
    unknown = sorted(set(arguments) - PromptArguments.__optional_keys__)
    if unknown:
        known = ", ".join(sorted(PromptArguments.__optional_keys__))
        raise PromptError(f"A prompt has no {', '.join(map(str, unknown))}; it may have {known}.")
    image: Any = arguments.get("image", 0)
    if not isinstance(image, int | np.integer) or not 0 <= image < len(images.frames):
        raise PromptError(
            f"image must be the index of one of the {len(images.frames)} images that are set, not {image!r}."
        )
    frame = images.frames[image]
    mask, mask_input = arguments.get("mask"), arguments.get("mask_input")
    if mask is not None and mask_input is not None:
        raise PromptError("Both a mask and a mask_input were given; the decoder takes one. Leave one of them out.")
    if mask is not None:
        mask_input = mask_to_low_res(_finished_mask(mask, frame.original_size), frame)
    prompt = make_prompt(
        frame.original_size,
        frame.low_res_size,
        points=arguments.get("points"),
        labels=arguments.get("labels"),
        box=arguments.get("box"),
        mask_input=mask_input,
    )
    return _Question(prompt, int(image), bool(arguments.get("multimask", True)))


def _finished_mask(mask: NDArray[Any] | Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A stored mask as bool (h, w)."""
    if isinstance(mask, Mapping):
        try:
            pixels = rle.decode(rle.validate(mask, *size))
        except FormatError as error:
            raise PromptError(f"The mask cannot be a prompt: {error}") from error
    else:
        values = np.asarray(mask)
        if values.shape != size:
            raise PromptError(f"A mask must have the image's shape {size} (h, w), got {values.shape}.")
        pixels = values.astype(bool)
        if values.dtype.kind not in "biu" or not np.array_equal(values, pixels):
            raise PromptError("A mask must be bool or 0 and 1; logits of an earlier prediction go into mask_input.")
    if not pixels.any():
        raise PromptError("The mask is empty, which prompts nothing; leave it out.")
    return pixels


def _names(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"image {index}" for index in range(count))
    if len(names) != count:
        raise ImageError(f"There are {count} images but {len(names)} names; pass one name per image, or none.")
    return tuple(names)


def _not_finite(what: str) -> str:
    return (
        f"The model's {what} holds NaN or infinity. Its weights are damaged, or the device's precision is too low: "
        "load the model again, or run on the CPU."
    )
