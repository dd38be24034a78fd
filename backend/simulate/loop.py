"""The whole loop, played: stage 1 -> round -> stage 2 -> round -> stage 3 -> export, on a dataset made for it.

Images are shared out over the stages (`Plan.batches`); whatever is left untouched is what stage 3 is measured on. Each
batch has images of its own, easier or harder ones, so at the end the same objects of untouched images are also drawn
twice, with the first model and with the last, for no one but the report.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from backend.simulate.annotator import Annotator, Person, Tally
from backend.simulate.client import FINISHED, Json, Platform, PlatformError
from backend.simulate.truth import Mask, Truth
from engine.masks import metrics, rle

Say = Callable[[str], None]
ROUND_ENDED = {"activated", "rejected", "failed", "cancelled"}
IOU_LEVELS = (0.5, 0.75, 0.9)
COMPARED_OBJECTS = 10  # of an image, the largest: drawn with the first model and with the last


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the loop is played: rounds per stage, each annotating stage's share of the images, and what rounds train
    (`auto` leaves that to the platform).
    """

    rounds_stage1: int = 1
    rounds_stage2: int = 1
    stage1_share: float = 0.4
    stage2_share: float = 0.3
    num_annotators: int = 2
    mode: str = "auto"

    def batches(self, num_images: int) -> list[tuple[int, int]]:
        """(stage, number of images) of every batch that ends in a round, in order."""
        out: list[tuple[int, int]] = []
        for stage, rounds, share in (
            (1, self.rounds_stage1, self.stage1_share),
            (2, self.rounds_stage2, self.stage2_share),
        ):
            total = round(num_images * share)
            edges = np.linspace(0, total, rounds + 1).round().astype(int)
            # More rounds than images leave some rounds without any: those are not played.
            out += [(stage, int(n)) for n in np.diff(edges) if n > 0]
        return out


@dataclass(kw_only=True)
class Batch:
    """What one batch of images cost and gave, and the round that ended it."""

    stage: int
    model_id: str
    images: int
    human_masks: int
    given_up: int
    clicks: int
    brushed: int
    human_seconds_s: float
    seconds_per_mask: float
    clicks_per_mask: float
    masks_per_image: float
    mean_iou: float
    proposals: int
    proposals_kept: int
    wall_s: float
    round: Json | None = None


@dataclass(kw_only=True)
class Report:
    """Everything that `maskloom simulate` measured."""

    dataset_id: str
    images: int
    person: Json
    plan: Json
    batches: list[Batch] = field(default_factory=list)
    generation: Json | None = None
    generation_before: Json | None = None
    drawing: Batch | None = None
    drawing_before: Batch | None = None
    export: Json | None = None
    wall_s: float = 0.0
    about: Json = field(default_factory=dict)

    def to_dict(self) -> Json:
        return asdict(self)


class Loop:
    """One run of the loop against one platform, as an admin and simulated annotators."""

    def __init__(self, platform: Platform, truth: Truth, plan: Plan, person: Person, say: Say) -> None:
        self._platform = platform
        self._truth = truth
        self._plan = plan
        self._person = person
        self._say = say
        self._dataset_id = ""
        self._touched: set[str] = set()
        self.report = Report(dataset_id="", images=len(truth), person=asdict(person), plan=asdict(plan))

    def run(self, name: str) -> Report:
        """Play it through; raises PlatformError with the platform's sentence when a step is refused. What was measured
        until then is in `report`.
        """
        started, report = time.monotonic(), self.report
        report.dataset_id = self._dataset_id = self._prepare(name)
        stage = 1
        for batch_stage, num_images in self._plan.batches(len(self._truth)):
            if batch_stage != stage:
                self._switch(batch_stage)
                stage = batch_stage
            batch = self._annotate(stage, num_images)
            batch.round = self._round()
            report.batches.append(batch)
        self._switch(3)
        report.generation = self._generation()
        report.export = self._export()
        first, last = report.batches[0].model_id, self._active_model()
        report.generation_before = self._generation_of(first)
        report.drawing_before, report.drawing = self._drawing_with(first), self._drawing_with(last)
        report.wall_s = time.monotonic() - started
        return report

    # -- steps --------------------------------------------------------------------------------------------------------

    def _prepare(self, name: str) -> str:
        """A dataset whose rounds and stages only this loop turns, with the images in it."""
        policy = {"auto_rounds": False, "auto_stages": False}
        dataset = self._platform.post("/api/datasets", {"name": name, "review_mode": "none", "policy": policy})
        for start in range(0, len(self._truth), 50):
            job = self._platform.import_files(dataset["id"], self._truth.paths[start : start + 50])
            refused = job["result"]["refused"]
            if refused:
                raise PlatformError(f"The platform refused {len(refused)} image(s), first: {refused[0]}")
        self._say(f"{len(self._truth)} images in; embeddings are being computed")
        return str(dataset["id"])

    def _annotate(self, stage: int, num_images: int) -> Batch:
        started = time.monotonic()
        model_id = self._active_model()
        workers = [
            Annotator(self._platform, self._dataset_id, self._truth, self._person, seed=number)
            for number in range(min(self._plan.num_annotators, max(1, num_images)))
        ]
        tallies: list[Tally] = []
        while len(tallies) < num_images:
            tally = workers[len(tallies) % len(workers)].next_task()
            if tally is None:
                break
            self._touched.add(tally.image_id)
            tallies.append(tally)
            self._say(
                f"stage {stage}: image {len(tallies)}/{num_images}, {tally.human_masks} masks, {tally.clicks} clicks, "
                f"{tally.proposals_kept}/{tally.proposals} proposals kept"
            )
        if not tallies:
            raise PlatformError("The queue gave no task although images are left. Look at the dataset's page.")
        first = not self.report.batches
        if first and not any(tally.human_masks for tally in tallies):
            left = sum(tally.given_up for tally in tallies)
            why = (
                f"{left} objects would each have taken more than --give-up-s {self._person.give_up_s:g}. "
                if left
                else ""
            )
            raise PlatformError(
                f"Nobody drew a mask on the first {len(tallies)} images, so there is nothing to train on. {why}"
                "Give people longer (--give-up-s, --budget-s), or images with smaller objects."
            )
        return _summary(stage, model_id, tallies, time.monotonic() - started)

    def _active_model(self) -> str:
        return str(self._platform.get(f"/api/datasets/{self._dataset_id}")["active_model_id"])

    def _untouched(self) -> list[Json]:
        images = self._platform.pages(f"/api/datasets/{self._dataset_id}/images")
        return [image for image in images if image["id"] not in self._touched]

    def _drawing_with(self, model_id: str) -> Batch:
        """What people need for the same objects of the untouched images with this model, which was active once."""
        started = time.monotonic()
        self._say("drawing on untouched images, to compare")
        model = self._platform.get(f"/api/models/{model_id}")
        annotator = Annotator(self._platform, self._dataset_id, self._truth, self._person)
        tallies = [annotator.practise(image, model, COMPARED_OBJECTS) for image in self._untouched()]
        return _summary(1, model_id, tallies, time.monotonic() - started)

    def _round(self) -> Json:
        started = time.monotonic()
        row = self._platform.post("/api/rounds", {"dataset_id": self._dataset_id, "mode": self._plan.mode})
        done = self._platform.wait(
            lambda: self._platform.get(f"/api/rounds/{row['id']}"),
            lambda r: r["state"] in ROUND_ENDED,
            lambda r: self._say(f"round {r['number']}: {r['state']}"),
        )
        if done["state"] in {"failed", "cancelled"}:
            raise PlatformError(f"Round {done['number']} {done['state']}: {done.get('error') or 'no reason given'}")
        keys = ("number", "mode", "state", "snapshot", "before", "after", "gate", "model_id")
        ended = {**{key: done[key] for key in keys}, "wall_s": time.monotonic() - started}
        self._settle()
        return ended

    def _switch(self, stage: int) -> None:
        self._platform.post(f"/api/datasets/{self._dataset_id}/stage", {"stage": stage, "reason": "simulated loop"})
        self._say(f"switched to stage {stage}")
        self._settle()

    def _settle(self) -> None:
        """Wait until the jobs that a switch or a new model caused (embeddings, proposals, generation) have ended."""

        def running() -> Json:
            jobs = list(self._platform.pages("/api/jobs", dataset_id=self._dataset_id))
            return {"left": [job for job in jobs if job["state"] not in FINISHED]}

        def tick(state: Json) -> None:
            for job in state["left"]:
                self._say(f"{job['title']}: {job['done']}/{job['total']}")

        self._platform.wait(running, lambda state: not state["left"], tick)

    def _generation(self) -> Json:
        """Precision and recall of the generated masks on the images that nobody touched."""
        runs = self._platform.get("/api/generations", dataset_id=self._dataset_id)["items"]
        if not runs:
            raise PlatformError("Switching to stage 3 started no generation run.")
        if runs[0]["state"] != "succeeded":
            raise PlatformError(f"The generation run {runs[0]['state']}: {runs[0].get('error') or 'no reason given'}")
        matches = dict.fromkeys(IOU_LEVELS, 0)
        generated = truths = images = 0
        for image in self._untouched():
            rows = self._platform.get(f"/api/images/{image['id']}/masks")["items"]
            found = [rle.decode(row["rle"]) for row in rows if row["source"] == "generated"]
            wanted = self._truth.masks(image["file_name"])
            images, generated, truths = images + 1, generated + len(found), truths + len(wanted)
            for level in IOU_LEVELS:
                matches[level] += matched(found, wanted, level)
        return {
            "images": images,
            "generated": generated,
            "truths": truths,
            "precision": {str(level): matches[level] / max(1, generated) for level in IOU_LEVELS},
            "recall": {str(level): matches[level] / max(1, truths) for level in IOU_LEVELS},
        }

    def _generation_of(self, model_id: str) -> Json:
        """The same of another model, whose masks take the place of the last run's; then the dataset's own is back."""
        own = self._active_model()
        self._activate(model_id)
        self._platform.post("/api/generations", {"dataset_id": self._dataset_id})
        self._say("generating with the first model, to compare")
        self._settle()
        figures = self._generation()
        self._activate(own)
        return figures

    def _activate(self, model_id: str) -> None:
        self._platform.post(f"/api/models/{model_id}/activate", {"dataset_id": self._dataset_id})
        self._settle()

    def _export(self) -> Json:
        export = self._platform.post("/api/exports", {"dataset_id": self._dataset_id, "format": "sa1b"})
        self._platform.wait_job(export["job_id"])
        done = self._platform.get(f"/api/exports/{export['id']}")
        return {key: done[key] for key in ("id", "format", "masks", "images", "bytes", "sha256", "url")}


def matched(found: list[Mask], wanted: list[Mask], level: float) -> int:
    """Number of one-to-one pairs with IoU >= level, best pairs first (greedy)."""
    if not found or not wanted:
        return 0
    ious = metrics.pairwise_iou(np.stack(found), np.stack(wanted))
    count = 0
    for flat in np.argsort(-ious, axis=None):
        i, j = np.unravel_index(flat, ious.shape)
        if ious[i, j] < level:
            break
        count += 1
        ious[i, :] = ious[:, j] = -1
    return count


def _summary(stage: int, model_id: str, tallies: list[Tally], wall_s: float) -> Batch:
    human = sum(t.human_masks for t in tallies)
    kept = sum(t.proposals_kept for t in tallies)
    clicks = sum(t.clicks for t in tallies)
    seconds = sum(t.seconds_s for t in tallies)
    ious = [iou for t in tallies for iou in t.ious]
    return Batch(
        stage=stage,
        model_id=model_id,
        images=len(tallies),
        human_masks=human,
        given_up=sum(t.given_up for t in tallies),
        clicks=clicks,
        brushed=sum(t.brushed for t in tallies),
        human_seconds_s=seconds,
        seconds_per_mask=seconds / max(1, human),
        clicks_per_mask=clicks / max(1, human),
        masks_per_image=(human + kept) / max(1, len(tallies)),
        mean_iou=float(np.mean(ious)) if ious else 0.0,
        proposals=sum(t.proposals for t in tallies),
        proposals_kept=kept,
        wall_s=wall_s,
    )
