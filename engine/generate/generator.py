"""The automatic mask generator: prompts in, records of the surviving masks out (SAM paper, section B).

Prompts are the points of a grid, each answered with three candidates, or the boxes that the model's detector finds on
the embedding, each answered with one mask. From there on all is the same.

Memory stays flat however many points there are: of each batch of answers, only those whose predicted IoU passes leave
the model; only those whose stability can pass are upsampled, one at a time and only where the mask is; each survivor
becomes an RLE at once. Between batches nothing is kept but RLEs and a few numbers; on a GPU, which draws a mask faster
than its RLE is written, low_res logits instead, and only what is not suppressed becomes an RLE.

With `coarse_first`, a quarter of the grid is asked before the rest, of which only the neighbours of points that pass
follow: predicted IoU changes little from one point to the next. To leave out points that a mask found already covers,
as TinySAM does, was measured too: few are covered, and in many of those masks lie others (docs/log.md, 2026-11-22).
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from engine.errors import EngineError
from engine.generate.asking import Asker, BoolArray, Prompts, side_by_side
from engine.generate.candidate import Candidate, MaskRecord, Sketch, clean_candidate, suppress
from engine.generate.crops import Crop, crop_windows, layers_for
from engine.generate.grid import beside, every_second, point_grid
from engine.generate.pixels import PixelFilter, to_device
from engine.generate.settings import GeneratorSettings
from engine.geometry import Frame
from engine.masks import nms
from engine.model.preprocess import check_rgb
from engine.model.sam import Sam

HIT_MARGIN = 0.01  # how far below the bar neighbours are still worth asking

Progress = Callable[[int, int], None]
Work = Callable[[Prompts], tuple[Sequence[Candidate | Sketch], BoolArray]]


@dataclass
class _Counter:
    """Reports prompts done, those left out among them, out of all prompts of all crops."""

    total: int
    report: Progress | None
    done: int = 0

    def add(self, count: int) -> None:
        if count == 0:
            return
        self.done += count
        if self.report is not None:
            self.report(self.done, self.total)


class MaskGenerator:
    """Generates all masks of an image.

    Args:
        model: in eval mode, on the device that should do the work.
        settings: `GeneratorSettings.for_model(model.config)` if left out.
    """

    def __init__(self, model: Sam, settings: GeneratorSettings | None = None) -> None:
        self.model = model
        self.settings = settings or GeneratorSettings.for_model(model.config)
        if model.training:
            raise EngineError("The model is in training mode, where its answers vary. Call model.eval() first.")
        if self.settings.source == "detector" and model.detector is None:
            raise EngineError(
                f"The model {model.config.name!r} has no detector. Train one (maskloom train-detector, or a round), or "
                "use settings with source 'grid'."
            )
        # One point is ambiguous: the three candidates answer it. A box is not: the single mask does.
        self._used = slice(0, 1) if self.settings.source == "detector" else slice(1, None)

    def generate(
        self, image: npt.NDArray[np.uint8], progress: Progress | None = None, *, name: str = "the image"
    ) -> list[MaskRecord]:
        """All masks of an image, uint8 RGB (h, w, 3).

        `progress(prompts_done, prompts_total)` is called after each batch. ImageError for what is not an image,
        EngineError naming the image (`name`) when the model's answers are not finite numbers.
        """
        image = check_rgb(image)
        size = (image.shape[0], image.shape[1])
        settings = self.settings
        windows = crop_windows(size, self._layers_in(size), settings.crop_overlap_ratio or 0)
        crops = [crop for crop in windows if min(crop.size) >= 1]  # a side of one pixel cannot be halved
        counter = _Counter(sum(self._prompts_in(crop) for crop in crops), progress)
        found: list[Candidate] = []
        for crop in crops:
            x0, y0, x1, y1 = crop.box
            with torch.inference_mode():
                embedding = self.model.embed(self.model.preprocess([image[y0:y1, x0:x1]]))
            found += self._in_crop(embedding, crop, size, counter, name)
        return [candidate.record() for candidate in self._finish(found, len(crops) > 1)]

    def generate_from_embedding(
        self,
        embedding: npt.NDArray[np.float32] | torch.Tensor,
        original_size: tuple[int, int],
        progress: Progress | None = None,
        *,
        name: str = "the image",
    ) -> list[MaskRecord]:
        """All masks of an image of (h, w) from its embedding (C, G, G) or (1, C, G, G).

        Only for settings without crop layers: crops are embedded from pixels. Otherwise as `generate`.
        """
        if self.settings.crop_n_layers:
            raise EngineError("Crops need the image's pixels. Use generate(image), or settings with crop_n_layers=0.")
        values = self.model.check_embedding(embedding, name)
        height, width = original_size
        crop = Crop((0, 0, width, height), 0)
        counter = _Counter(self._prompts_in(crop), progress)
        found = self._in_crop(values, crop, original_size, counter, name)
        return [candidate.record() for candidate in self._finish(found, crops=False)]

    def _layers_in(self, size: tuple[int, int]) -> int:
        """How many layers of crops an image of (h, w) gets."""
        settings = self.settings
        if settings.object_side is None:
            return settings.crop_n_layers
        overlap, most = settings.crop_overlap_ratio or 0, settings.crop_n_layers
        return layers_for(size, settings.object_side, self.model.config, most=most, overlap_ratio=overlap)

    def _prompts_in(self, crop: Crop) -> int:
        """How many prompts a crop gets, at most."""
        return self.settings.max_boxes or self.settings.points_in_layer(crop.layer) ** 2

    def _in_crop(
        self, embedding: torch.Tensor, crop: Crop, size: tuple[int, int], counter: _Counter, name: str
    ) -> list[Candidate]:
        """The masks of one crop, after suppression within it, best predicted first."""
        settings = self.settings
        frame = Frame(crop.size, self.model.config.image_size)
        pixels = PixelFilter(settings, frame, crop, size, self.model.device)
        with torch.inference_mode():
            asker = Asker(self.model, embedding)

        def work(batch: Prompts) -> tuple[Sequence[Candidate | Sketch], BoolArray]:
            low_res, iou, index, hits = self._answers(asker, self._tokens(batch, frame), frame.low_res_window, name)
            points = batch.reshape(len(batch), -1, 2).mean(axis=1)
            return pixels.survivors(low_res, iou, points[index]), hits

        step = settings.points_per_batch or asker.batch_size
        if settings.source == "detector":
            boxes = self._boxes(embedding, frame)
            counter.add((settings.max_boxes or 0) - len(boxes))
            found, _ = self._ask(boxes, work, step, counter)
        else:
            found = self._ask_grid(crop, work, step, counter)
        scores = np.array([candidate.predicted_iou for candidate in found])
        return pixels.written(suppress(found, scores, settings.box_nms_thresh))

    def _boxes(self, embedding: torch.Tensor, frame: Frame) -> Prompts:
        """(N, 4) the detector's boxes in the crop's own frame, best first."""
        settings, detector = self.settings, self.model.detector
        assert detector is not None, "checked when the generator was made"
        found = detector.detect(
            embedding,
            frame.input_size,
            max_boxes=settings.max_boxes or 0,
            quality_thresh=settings.box_quality_thresh or 0,
            nms_thresh=settings.box_nms_thresh,
        )
        return frame.boxes_to_image(found.boxes).astype(np.float64)

    def _ask_grid(self, crop: Crop, work: Work, step: int, counter: _Counter) -> list[Candidate | Sketch]:
        settings, side = self.settings, self.settings.points_in_layer(crop.layer)
        points = (point_grid(side) * (crop.size[1], crop.size[0])).reshape(side, side, 2)
        first = every_second(side) if settings.coarse_first else np.ones((side, side), dtype=np.bool_)
        hits = np.zeros((side, side), dtype=np.bool_)
        found, hits[first] = self._ask(points[first], work, step, counter)
        second = beside(hits) & ~first
        counter.add(int(np.count_nonzero(~first & ~second)))
        found += self._ask(points[second], work, step, counter)[0]
        return found

    def _ask(
        self, prompts: Prompts, work: Work, step: int, counter: _Counter
    ) -> tuple[list[Candidate | Sketch], BoolArray]:
        """The masks of prompts, `step` of them at once, and which of the prompts (N,) had an answer at the bar or
        nearly so.
        """
        batches = [prompts[start : start + step] for start in range(0, len(prompts), step)]
        found: list[Candidate | Sketch] = []
        hits = np.zeros(len(prompts), dtype=np.bool_)
        # Closed at once when `progress` raises to cancel: the traceback would keep the threads at work.
        with closing(side_by_side(work, batches, self.model.device)) as results:
            for index, (survivors, hits_of_batch) in enumerate(results):
                found += survivors
                hits[index * step : (index + 1) * step] = hits_of_batch
                counter.add(len(hits_of_batch))
        return found, hits

    def _tokens(self, prompts: Prompts, frame: Frame) -> torch.Tensor:
        """Boxes (N, 4), or one foreground click each, (N, 2), in the crop's frame -> prompt tokens (N, 2, C)."""
        device, encoder = self.model.device, self.model.prompt_encoder
        with torch.inference_mode():
            # Not to wait here: a copy that waits would wait for everything the device still has to do.
            if prompts.shape[1] == 4:
                corners = torch.from_numpy(frame.boxes_to_model(prompts)).to(device, non_blocking=True)
                sparse = encoder.sparse_tokens(None, None, corners)
            else:
                points = torch.from_numpy(frame.points_to_model(prompts)).to(device, non_blocking=True)[:, None]
                sparse = encoder.sparse_tokens(points, torch.ones(len(prompts), 1, device=device), None)
        assert sparse is not None, "there are prompts"
        return sparse

    def _answers(
        self, asker: Asker, sparse: torch.Tensor, window: tuple[int, int], name: str
    ) -> tuple[torch.Tensor, npt.NDArray[np.float32], npt.NDArray[np.int64], BoolArray]:
        """Answer N prompts (N, T, C), one by one.

        Returns the masks whose predicted IoU passes: low_res logits (K, *window) on the model's device, IoU (K,),
        index of prompt (K,); and which of the prompts (N,) have one that passes or nearly does.
        """
        device = sparse.device
        with torch.inference_mode():
            answers = asker.ask(sparse)
            # One copy, from which all that follows is laid out here: each look at the device waits for it.
            iou: npt.NDArray[np.float32] = answers.iou.float().cpu().numpy()
            keep = np.zeros(iou.shape, dtype=np.bool_)
            keep[:, self._used] = iou[:, self._used] > self.settings.pred_iou_thresh
            index, column = np.nonzero(keep)
            promising, place = np.unique(index, return_inverse=True)
            parts = []
            for start in range(0, len(promising), asker.drawn_at_once):
                here = (place >= start) & (place < start + asker.drawn_at_once)
                drawn = answers.draw(to_device(promising[start : start + asker.drawn_at_once], device), window)
                parts.append(drawn[to_device(place[here] - start, device), to_device(column[here], device)])
            low_res = torch.cat(parts) if parts else answers.iou.new_zeros(0, *window)
            # One bad number spoils the sum; looking at each of them takes ten times as long.
            if not (np.isfinite(iou).all() and torch.isfinite(low_res.sum(dtype=torch.float32))):
                raise EngineError(
                    f"The model's answers for {name} are not finite numbers. Its weights or the embedding are damaged, "
                    "or the device's precision is too low: load the model again, or run on the CPU."
                )
        hits: BoolArray = np.any(iou[:, self._used] > self.settings.pred_iou_thresh - HIT_MARGIN, axis=1)
        return low_res, iou[keep], index.astype(np.int64), hits

    def _finish(self, found: list[Candidate], crops: bool) -> list[Candidate]:
        """What happens once all crops are done: suppression across crops, small regions, duplicates."""
        settings = self.settings
        if crops and settings.crop_nms_thresh is not None:
            zoom = [1 / (candidate.crop.size[0] * candidate.crop.size[1]) for candidate in found]
            found = suppress(found, np.array(zoom), settings.crop_nms_thresh)
        if settings.min_mask_region_area:
            found = self._without_small_regions(found)
        if settings.mask_nms_thresh is not None:
            scores = np.array([candidate.predicted_iou for candidate in found])
            kept = nms.mask_nms([candidate.rle for candidate in found], scores, settings.mask_nms_thresh)
            found = [found[index] for index in kept]
        return found

    def _without_small_regions(self, found: Sequence[Candidate]) -> list[Candidate]:
        """Clean each mask; of masks that have become alike, one that did not need it stays."""
        settings = self.settings
        cleaned, untouched = [], []
        for candidate in found:
            better = clean_candidate(candidate, settings.min_mask_region_area, keep_largest=bool(settings.keep_largest))
            if better is not None:
                cleaned.append(better)
                untouched.append(float(better is candidate))
        thresh = max(settings.box_nms_thresh, settings.crop_nms_thresh or 0)
        return suppress(cleaned, np.array(untouched), thresh)


class Drawn(NamedTuple):
    """What is known of the objects that are looked for, in pixels of their images: their usual side, and the area that
    none exceeds. None: not known.
    """

    side: float | None = None
    max_area: float | None = None


def automatic_settings(model: Sam, drawn: Drawn | None = None) -> GeneratorSettings:
    """How a model fills images by itself: from its detector's boxes if it has one (docs/log.md compares the two).

    Images in which such objects as people drew are small for the model get a second layer of crops.
    """
    drawn = drawn or Drawn()
    preset = "default" if model.detector is None else "thorough"
    settings = GeneratorSettings.for_model(model.config, preset, max_area=drawn.max_area)
    if drawn.side is None or preset == "default":
        return settings
    return replace(settings, crop_n_layers=2, object_side=drawn.side)
