"""Generating masks for a folder of images, one file each: what is to be done, and doing it image by image.

Knows neither the output format nor the terminal: both come in as functions.
"""

import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from engine.errors import EngineError
from engine.generate.candidate import MaskRecord
from engine.generate.generator import MaskGenerator, Progress
from engine.generate.images import find_images, read_image

# (output path, image path, (h, w), records): writes one image's file, whole or not at all.
Writer = Callable[[Path, Path, tuple[int, int], Sequence[MaskRecord]], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one image: `masks` were written in `seconds_s`, or `error` says why not."""

    path: Path
    masks: int = 0
    seconds_s: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class Plan:
    """The work in a folder: images to do, images whose output is there already, images that cannot be done."""

    todo: list[Path] = field(default_factory=list)
    present: list[Path] = field(default_factory=list)
    refused: list[Outcome] = field(default_factory=list)


def make_plan(folder: Path, out: Path, *, overwrite: bool) -> Plan:
    """Look through a folder. EngineError when there is no image in it.

    Images that share a stem would share an output file: none of them is done, since either could be the one meant.
    """
    images = find_images(folder)
    if not images:
        raise EngineError(
            f"There are no images in {folder} (subfolders are not searched). Put JPEG, PNG, WebP or TIFF files there."
        )
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in images:
        by_stem[path.stem].append(path)
    plan = Plan()
    for stem, paths in by_stem.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            error = f"{names} would both become {stem}.json; rename all but one"
            plan.refused.extend(Outcome(path, error=error) for path in paths)
        elif not overwrite and output_path(out, paths[0]).exists():
            plan.present.append(paths[0])
        else:
            plan.todo.append(paths[0])
    return plan


def output_path(out: Path, image: Path) -> Path:
    """Where the masks of an image go: named after its stem."""
    return out / f"{image.stem}.json"


def image_id(path: Path) -> int:
    """SA-1B's number for sa_<number>; else one made from the name, the same in every run (40 bits)."""
    numbered = re.fullmatch(r"sa_(\d{1,15})", path.stem)
    if numbered:
        return int(numbered[1])
    return int(hashlib.sha256(path.name.encode("utf-8", "surrogateescape")).hexdigest()[:10], 16)


def run(
    generator: MaskGenerator, paths: Sequence[Path], out: Path, write: Writer, progress: Progress | None = None
) -> Iterator[Outcome]:
    """Do the images one after another; a broken one becomes an outcome with an error, and the rest go on.

    `progress(points_done, points_total)` is about the image at hand. OSError while writing ends the run: the next
    image would meet the same full disk.
    """
    for path in paths:
        start = time.perf_counter()
        try:
            image = read_image(path)
            records = generator.generate(image, progress, name=path.name)
        except EngineError as error:
            yield Outcome(path, error=str(error))
            continue
        except (MemoryError, torch.OutOfMemoryError):
            yield Outcome(path, error="there is not enough memory for it; scale it down, or use --device cpu")
            continue
        write(output_path(out, path), path, (image.shape[0], image.shape[1]), records)
        yield Outcome(path, masks=len(records), seconds_s=time.perf_counter() - start)
