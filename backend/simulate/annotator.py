"""One simulated annotator: leases tasks and clicks as a person would, with a cost in seconds for what they do.

Cost model (SAM 2, section 5.1; EVA-VOS): 1 s to find an object, 1.5 s a click, and for the brush 2 s to take it up and
0.1 s for every pixel of boundary that is wrong. A mask is accepted at IoU >= 0.85 with the truth. Where ten clicks do
not get there, or two in a row bring nothing, the brush finishes it: the mask is the truth then, and costs what is left.
An object that would take more than half a minute that way is left, as the page advises (and SAM, section 4): it stays
without a mask, and what was spent on it is spent.
Clicks miss their pixel by a normal deviation, but not their object. Objects are taken in order of prominence (area)
until the image's time budget is spent. Before a click the person zooms in until the object is a quarter of what is on
screen, and the model is asked about the detail that holds that, as in the page; where that is another detail than the
last one, zooming costs a second.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.simulate.client import Json, Platform, PlatformError
from backend.simulate.decoder import Decoded, Decoder, Image, Prompts
from backend.simulate.truth import Truth
from engine.geometry import WHOLE, Detail
from engine.masks import metrics, rle
from engine.masks.clicks import next_click

Mask = NDArray[np.bool_]
BOUNDARY_TOLERANCE_PX = 1.5
ON_SCREEN = 4  # sides of an object that fill the screen
LEAST_ON_SCREEN_PX = 64
AHEAD = 6  # objects whose details are asked for before their turn: simulated people do not pay for the server's time


@dataclass(frozen=True, kw_only=True)
class Person:
    """How a simulated annotator works; seconds are simulated, not waited for.

    `min_progress` is the least IoU that two clicks must bring together, else the brush is taken. Who does not look
    closer has the model see the whole image always. `look_s` is spent on every proposal, kept or not. `give_up_s`: an
    object that takes longer is left; 0 leaves none.
    """

    find_s: float = 1.0
    zoom_s: float = 1.0
    click_s: float = 1.5
    look_s: float = 0.0
    accept_iou: float = 0.85
    max_clicks: int = 10
    min_progress: float = 0.02
    click_noise_px: float = 1.0
    brush_start_s: float = 2.0
    brush_px_s: float = 0.1
    keep_iou: float = 0.75
    image_budget_s: float = 120.0
    give_up_s: float = 30.0
    looks_closer: bool = True


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What one task cost and gave."""

    image_id: str
    stage: int
    human_masks: int
    given_up: int
    clicks: int
    brushed: int
    seconds_s: float
    ious: tuple[float, ...]
    proposals: int
    proposals_kept: int


def new_id() -> str:
    """A UUIDv7, as the page makes them: sortable by time, unique without asking the server."""
    millis = int(time.time() * 1000)
    value = (millis << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))


class Annotator:
    """Plays one dataset's queue; keeps the decoder of the model version in use."""

    def __init__(self, platform: Platform, dataset_id: str, truth: Truth, person: Person, seed: int = 0) -> None:
        self._platform = platform
        self._dataset_id = dataset_id
        self._truth = truth
        self._person = person
        self._rng = np.random.default_rng(seed)
        self._decoder: Decoder | None = None

    def next_task(self) -> Tally | None:
        """Lease the next task, annotate and complete it; None when the queue is empty."""
        response = self._platform.request("POST", "/api/tasks/lease", json={"dataset_id": self._dataset_id})
        if response.status_code == 204:
            return None
        task: Json = response.json()
        tally = self._annotate(task)
        self._platform.post(f"/api/tasks/{task['id']}/complete", {"skipped": False, "seconds_s": tally.seconds_s})
        return tally

    def practise(self, image: Json, model: Json, most: int) -> Tally:
        """Draw the `most` largest objects of an image with a given model, however long it takes; nothing is saved."""
        look = self._looks_at(image, model)
        objects = self._truth.masks(image["file_name"])[:most]
        done = [self._segment(look, target) for target in look.in_turn(objects)]
        return Tally(
            image_id=image["id"],
            stage=1,
            human_masks=len(done),
            given_up=0,
            clicks=sum(one.clicks for one in done),
            brushed=sum(one.brushed for one in done),
            seconds_s=sum(one.seconds_s for one in done),
            ious=tuple(metrics.iou(target, one.mask) for one, target in zip(done, objects, strict=True)),
            proposals=0,
            proposals_kept=0,
        )

    def _annotate(self, task: Json) -> Tally:
        person, image = self._person, task["image"]
        look = self._looks_at(image, task["model"])
        objects = self._truth.masks(image["file_name"])
        proposals = [mask for mask in task["masks"] if mask["status"] == "proposed"]
        kept, seconds = self._judge(proposals, objects)
        clicks, brushed, given_up, ious = 0, 0, 0, []
        for target in look.in_turn(objects):
            if any(metrics.iou(target, mask) >= 0.5 for mask in kept):
                continue
            if seconds + person.find_s + person.click_s > person.image_budget_s:
                break
            done = self._segment(look, target)
            if person.give_up_s and done.seconds_s > person.give_up_s:
                seconds, clicks, given_up = seconds + done.clicking_s, clicks + done.clicks, given_up + 1
                continue
            seconds, clicks, brushed = seconds + done.seconds_s, clicks + done.clicks, brushed + done.brushed
            self._save(task, done)
            ious.append(metrics.iou(target, done.mask))
        return Tally(
            image_id=image["id"],
            stage=task["stage"],
            human_masks=len(ious),
            given_up=given_up,
            clicks=clicks,
            brushed=brushed,
            seconds_s=seconds,
            ious=tuple(ious),
            proposals=len(proposals),
            proposals_kept=len(kept),
        )

    def _judge(self, proposals: list[Json], objects: list[Mask]) -> tuple[list[Mask], float]:
        """Look at each proposal; keep those that fit an object, delete the others at one click each."""
        kept: list[Mask] = []
        seconds = self._person.look_s * len(proposals)
        for proposal in proposals:
            mask = rle.decode(proposal["rle"])
            if max((metrics.iou(mask, target) for target in objects), default=0.0) >= self._person.keep_iou:
                kept.append(mask)
                continue
            self._platform.delete(f"/api/masks/{proposal['id']}", revision=proposal["revision"] + 1)
            seconds += self._person.click_s
        return kept, seconds

    def _segment(self, look: Look, target: Mask) -> _Done:
        """Click until the mask is good enough, or the brush is the shorter way."""
        person = self._person
        image, moved = look.at(target)
        prompts = Prompts()
        current = np.zeros_like(target)
        decoded: Decoded | None = None
        reached = [0.0]
        while len(prompts.points) < person.max_clicks:
            x, y, label = self._click(current, target)
            prompts.points.append((float(x), float(y)))
            prompts.labels.append(label)
            decoded = image.predict(prompts)
            prompts.previous, current = decoded.low_res, decoded.mask
            reached.append(metrics.iou(target, current))
            stuck = len(reached) > 3 and reached[-1] - reached[-3] < person.min_progress
            if reached[-1] >= person.accept_iou or stuck:
                break
        assert decoded is not None
        clicking = person.find_s + moved * person.zoom_s + len(prompts.points) * person.click_s
        if reached[-1] >= person.accept_iou:
            return _Done(decoded, prompts, current, clicking)
        brushing = person.brush_start_s + person.brush_px_s * wrong_boundary(current, target)
        return _Done(decoded, prompts, target, clicking, brushing)

    def _click(self, current: Mask, target: Mask) -> tuple[int, int, int]:
        """Where the person clicks next: about at the most interior pixel of the largest error, and within the error."""
        x, y, label = next_click(current, target)
        dx, dy = self._rng.normal(0.0, self._person.click_noise_px, 2).round().astype(int)
        wrong = (target & ~current) if label else (current & ~target)
        height, width = target.shape
        if 0 <= x + dx < width and 0 <= y + dy < height and wrong[y + dy, x + dx]:
            return int(x + dx), int(y + dy), label
        return x, y, label

    def _save(self, task: Json, done: _Done) -> None:
        points = zip(done.prompts.points, done.prompts.labels, strict=True)
        self._platform.put(
            f"/api/masks/{new_id()}",
            {
                "task_id": task["id"],
                "image_id": task["image"]["id"],
                "revision": 1,
                "rle": rle.encode(done.mask),
                "source": "model",
                "model_id": task["model"]["id"],
                "prompts": [{"type": "point", "x": x, "y": y, "label": label} for (x, y), label in points],
                "candidate": done.decoded.candidate,
                "num_clicks": done.clicks,
                "seconds_s": done.seconds_s,
                "predicted_iou": None if done.brushed else done.decoded.predicted_iou,
                "edited": done.brushed,
            },
        )

    def _decoder_for(self, model: Json | None) -> Decoder:
        if model is None:
            raise PlatformError("The dataset has no active model. Activate one on the models page first.")
        if self._decoder is None or self._decoder.model_id != model["id"]:
            graphs = (self._platform.get_bytes(model[key]) for key in ("prepare_url", "decode_url"))
            self._decoder = Decoder(model["id"], *graphs)
        return self._decoder

    def _looks_at(self, image: Json, model: Json | None) -> Look:
        decoder, size = self._decoder_for(model), (image["height"], image["width"])

        def prepare(detail: Detail) -> Image:
            for _ in range(1200):
                content = self._embedding(image["id"], decoder.encoder_sha256, detail)
                if content is not None:
                    return decoder.open(content, size)
                time.sleep(0.25)
            raise PlatformError(f"The embedding of image {image['id']} never came. Is an embed worker running?")

        def ask(detail: Detail) -> None:
            self._embedding(image["id"], decoder.encoder_sha256, detail)

        return Look(prepare, ask, size, closer=self._person.looks_closer)

    def _embedding(self, image_id: str, encoder_sha256: str, detail: Detail) -> bytes | None:
        """The embedding of an image or of a detail; None while it is being computed, which asking makes happen."""
        try:
            address = f"/api/images/{image_id}/embedding"
            return self._platform.get_bytes(address, encoder=encoder_sha256, detail=detail.key)
        except PlatformError as error:
            if error.code != "not_ready":
                raise
            return None


class Look:
    """What of one image a person has on screen, and the model's view of it: the smallest detail that holds it."""

    def __init__(
        self,
        prepare: Callable[[Detail], Image],
        ask: Callable[[Detail], None],
        size: tuple[int, int],
        *,
        closer: bool,
    ) -> None:
        """`prepare` waits for the embedding of a detail, `ask` only has it made."""
        self._prepare = cache(prepare)
        self._ask = cache(ask)
        self._size = size
        self._closer = closer
        self._last = WHOLE

    def at(self, target: Mask) -> tuple[Image, bool]:
        """The view of an object, and whether the person had to move to get it."""
        detail = self._detail(target)
        moved, self._last = detail != self._last, detail
        return self._prepare(detail), moved

    def in_turn(self, objects: Sequence[Mask]) -> Iterator[Mask]:
        """The objects one by one, those that come soon asked for meanwhile."""
        for number, target in enumerate(objects):
            for soon in objects[number : number + AHEAD]:
                self._ask(self._detail(soon))
            yield target

    def _detail(self, target: Mask) -> Detail:
        return Detail.smallest(self._size, on_screen(target)) if self._closer else WHOLE


def on_screen(target: Mask) -> tuple[int, int, int, int]:
    """What somebody shows on screen to click on an object, xyxy: it and some of what lies around it."""
    extents = []
    for marked in (target.any(axis=0), target.any(axis=1)):
        first, last = np.flatnonzero(marked)[[0, -1]]
        extents.append((int(first), int(last) + 1))
    side = max(LEAST_ON_SCREEN_PX, ON_SCREEN * max(end - start for start, end in extents))
    shown = []
    for (start, end), length in zip(extents, target.shape[::-1], strict=True):
        left = min(max(0, (start + end - side) // 2), max(0, length - side))
        shown.append((left, min(length, left + side)))
    (x0, x1), (y0, y1) = shown
    return x0, y0, x1, y1


@dataclass(frozen=True)
class _Done:
    decoded: Decoded
    prompts: Prompts
    mask: Mask
    clicking_s: float
    brushing_s: float | None = None

    @property
    def clicks(self) -> int:
        return len(self.prompts.points)

    @property
    def brushed(self) -> bool:
        return self.brushing_s is not None

    @property
    def seconds_s(self) -> float:
        return self.clicking_s + (self.brushing_s or 0.0)


def wrong_boundary(mask: Mask, target: Mask) -> int:
    """Pixels of boundary to be drawn to turn `mask` into `target`, bool (h, w) each.

    The longer of two stretches: boundary of the target that the mask's boundary does not follow (to within a pixel),
    and boundary of the mask that follows nothing of the target.
    """
    edges = [_boundary(mask), _boundary(target)]
    far = [_distance(edge) > BOUNDARY_TOLERANCE_PX for edge in edges]
    return max(int((edges[1] & far[0]).sum()), int((edges[0] & far[1]).sum()))


def _boundary(mask: Mask) -> Mask:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    return np.asarray(mask & (inner == 0))


def _distance(points: Mask) -> NDArray[np.float32]:
    """From each pixel to the nearest of `points`, in pixels; very far without any."""
    if not points.any():
        return np.full(points.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~points).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
