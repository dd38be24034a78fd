"""Proposals of stage 2: the detector's boxes beside grids of points, on recall and seconds at equal precision.

As in use: a model is given some annotated images of a domain, one decoder round with its detector follows, and it then
proposes on other images of that domain. `--images 0` measures the model as it is. For each precision that is asked for,
every source gets the lowest bar on predicted IoU at which its proposals are that precise; recall and seconds are those
of proposals with that bar. A proposal is right if it has an IoU of 0.5 with a true mask that no better proposal has
taken. Where images are not annotated completely, all precisions are too low by what is missing.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

import engine
from benchmarks.measure import in_turns, options, publish
from engine.generate.proposals import propose
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics
from engine.model.device import pick_device
from engine.train.data import CocoDataset, Sample
from engine.train.embedding_batches import embedded
from engine.train.rounds import RoundSettings, train_decoder_round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.generate.candidate import MaskRecord
    from engine.model.sam import Sam

RIGHT = 0.5  # IoU
OPEN = 0.2  # the bar on predicted IoU while bars are looked for
GRIDS: dict[str, dict[str, Any]] = {
    "grid 16 x 16": {},
    "grid 32 x 32, coarse first": {"points_per_side": 32, "coarse_first": True},
    "grid 32 x 32": {"points_per_side": 32},
}


class Domain(NamedTuple):
    """Images to propose on, their embeddings (1, C, G, G), and the smallest masks that count, in pixels."""

    samples: Sequence[Sample]
    embeddings: list[torch.Tensor]
    min_area: int

    @property
    def num_wanted(self) -> int:
        """True masks that count."""
        return sum(int((sample.areas >= self.min_area).sum()) for sample in self.samples)


class Bar(NamedTuple):
    """The lowest bar on predicted IoU of a precision, and what lies above it."""

    pred_iou: float
    precision: float
    recall: float
    proposals: int


def main() -> None:
    parser = options(__doc__, repeats=1, reference=False)
    parser.add_argument("--data", type=Path, required=True, help="COCO folder: instances.json and images/")
    parser.add_argument("--model", default="default", help="model name or path")
    parser.add_argument("--images", type=int, default=16, help="images of the round; 0 for no round")
    parser.add_argument("--others", type=int, default=12, help="images to propose on")
    parser.add_argument("--precision", type=float, nargs="+", default=[0.85, 0.75], help="precisions to compare at")
    parser.add_argument("--min-area", type=int, default=100, help="smaller masks are neither proposed nor missed")
    parser.add_argument("--seed", type=int, default=0, help="which images")
    args = parser.parse_args()
    model = engine.load(args.model, pick_device(args.device))
    dataset = CocoDataset(args.data)
    order = np.random.default_rng(args.seed).permutation(len(dataset))
    samples = [dataset[int(index)] for index in order[: args.images + args.others]]
    learnt, others = samples[: args.images], samples[args.images :]
    notes = []
    if learnt:
        with TemporaryDirectory() as folder:
            settings = RoundSettings(seed=args.seed, minutes=None)
            model = train_decoder_round(model, embedded(model, learnt), settings, Path(folder))
        notes.append(f"After a round on {len(learnt)} images, {sum(len(sample.rles) for sample in learnt)} masks.")
    domain = Domain(others, _embeddings(model, others), args.min_area)
    notes.insert(0, f"{len(others)} images of {args.data}, {domain.num_wanted} masks of {args.min_area} px or more.")
    sources = {name: partial(_settings, model, "proposals", domain, **values) for name, values in GRIDS.items()}
    if model.detector is None:
        notes.append("The model has no detector.")
    else:
        sources = {"detector": partial(_settings, model, "detector", domain), **sources}
    rows = _compare(model, domain, sources, args.precision, args.repeats)
    publish("proposals", rows, args.out, notes=notes)


def _settings(model: Sam, preset: str, domain: Domain, **changes: Any) -> GeneratorSettings:
    changes = {"min_mask_region_area": domain.min_area, **changes}
    return GeneratorSettings.for_model(model.config, preset, **changes)


def _compare(
    model: Sam, domain: Domain, sources: dict[str, partial[GeneratorSettings]], precisions: list[float], repeats: int
) -> list[dict[str, Any]]:
    """A row for each source and precision."""
    ranked = {
        name: judge(domain, _propose(model, domain, made(pred_iou_thresh=OPEN))) for name, made in sources.items()
    }
    rows: list[dict[str, Any]] = []
    for precision in precisions:
        bars = {name: lowest_bar(*ranked[name], domain.num_wanted, precision) for name in sources}
        runs = {
            name: partial(_propose, model, domain, sources[name](pred_iou_thresh=bar.pred_iou))
            for name, bar in bars.items()
            if bar is not None
        }
        seconds = in_turns(runs, repeats, warmup=0) if runs else {}
        for name, bar in bars.items():
            row: dict[str, Any] = {"precision": precision, "source": name}
            if bar is not None:
                row |= {"bar": bar.pred_iou, "reached": bar.precision, "recall": bar.recall}
                row |= {"proposals an image": bar.proposals / len(domain.samples)}
                row |= {"s an image": seconds[name] / len(domain.samples)}
            rows.append(row)
    return rows


def _embeddings(model: Sam, samples: Sequence[Sample]) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [model.embed(model.preprocess([sample.image])) for sample in samples]


def _propose(model: Sam, domain: Domain, settings: GeneratorSettings) -> list[list[MaskRecord]]:
    return [
        propose(model, embedding, sample.size, settings, name=sample.name)
        for sample, embedding in zip(domain.samples, domain.embeddings, strict=True)
    ]


def judge(domain: Domain, proposed: list[list[MaskRecord]]) -> tuple[list[float], list[bool]]:
    """(predicted IoU, right or not) of all proposals; those of true masks too small to count are left out."""
    scores, right = [], []
    for sample, records in zip(domain.samples, proposed, strict=True):
        overlaps = metrics.pairwise_rle_iou([record["segmentation"] for record in records], sample.rles)
        free = np.ones(len(sample.rles), dtype=bool)
        for record, row in zip(records, overlaps, strict=True):
            best = int(np.argmax(row * free)) if len(row) else 0
            hit = bool(len(row)) and bool(free[best]) and row[best] >= RIGHT
            if hit:
                free[best] = False
                if sample.areas[best] < domain.min_area:
                    continue
            scores.append(record["predicted_iou"])
            right.append(hit)
    return scores, right


def lowest_bar(scores: list[float], right: list[bool], num_wanted: int, precision: float) -> Bar | None:
    """The lowest bar at which the proposals above it are so precise; None if there is none."""
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(right, dtype=np.int64)[order])
    reached = hits / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(reached >= precision)
    if not len(enough):
        return None
    last = int(enough[-1])
    # Bars are exclusive: a hair below the last proposal that is to pass.
    bar = float(np.nextafter(np.float32(scores[order[last]]), np.float32(0)))
    return Bar(bar, float(reached[last]), float(hits[last] / max(1, num_wanted)), last + 1)


if __name__ == "__main__":
    main()
