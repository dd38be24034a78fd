"""Regions of images without labels: found where they are, the same each time, and written as CocoDataset reads them."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from engine.cli import app
from engine.errors import TrainingError
from engine.train import regions
from engine.train.data import CocoDataset
from engine.train.hierarchy import hierarchy
from engine.train.regions import region_file, region_masks
from engine.train.scenes import make_scene


def flat_shapes() -> tuple[np.ndarray, list[np.ndarray]]:
    """A disc, a box and a triangle, each of one colour, on a plain ground with a little noise."""
    image = np.full((180, 240, 3), (90, 110, 90), np.uint8)
    shapes = []
    for number, colour in enumerate([(220, 60, 50), (40, 60, 200), (240, 220, 90)]):
        canvas = np.zeros(image.shape[:2], np.uint8)
        if number == 0:
            cv2.circle(canvas, (60, 60), 32, 1, -1)
        elif number == 1:
            cv2.rectangle(canvas, (140, 30), (210, 80), 1, -1)
        else:
            cv2.fillPoly(canvas, [np.array([(120, 100), (190, 165), (60, 165)], np.int32)], 1)
        image[canvas > 0] = colour
        shapes.append(canvas > 0)
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), shapes


def iou(one: np.ndarray, two: np.ndarray) -> float:
    return float((one & two).sum() / (one | two).sum())


def test_flat_shapes_are_found_first():
    image, shapes = flat_shapes()
    masks = region_masks(image)
    for shape in shapes:
        assert max(iou(mask, shape) for mask in masks[:5]) > 0.9


def test_the_border_of_the_image_takes_nothing_from_a_region():
    image = np.full((100, 120, 3), 60, np.uint8)
    image[:50, :60] = 200
    corner = np.zeros((100, 120), bool)
    corner[:50, :60] = True
    best = max(region_masks(image), key=lambda mask: iou(mask, corner))
    assert iou(best, corner) > 0.95
    assert best[0, 0]
    assert best[0, 40]
    assert best[40, 0]


def test_a_large_image_is_worked_on_small_and_answered_at_its_own_size():
    image, shapes = flat_shapes()
    size = (1200, 900)
    masks = region_masks(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))
    assert all(mask.shape == (900, 1200) and mask.dtype == bool for mask in masks)
    for shape in shapes:
        large = cv2.resize(shape.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        assert max(iou(mask, large) for mask in masks[:5]) > 0.9


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 96)])
def test_plain_images_have_no_regions(size: tuple[int, int]):
    assert region_masks(np.full((*size, 3), 128, np.uint8)) == []


def test_noise_has_no_regions():
    noise = np.random.default_rng(1).normal(128, 6, (96, 128, 3))
    assert region_masks(np.clip(noise, 0, 255).astype(np.uint8)) == []


def test_the_same_image_gives_the_same_masks():
    image, _ = make_scene(3, (120, 160))
    first, second = region_masks(image), region_masks(image.copy())
    assert len(first) == len(second) > 0
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))


def test_masks_keep_their_bounds():
    image, _ = make_scene(5, (240, 320))
    masks = region_masks(image)
    assert 3 < len(masks) <= regions.LIMIT
    for mask in masks:
        assert regions.MIN_AREA <= mask.sum() <= regions.MAX_SHARE * mask.size
        assert cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] == 2
    assert all(iou(one, two) <= regions.MAX_IOU for one, two in itertools.combinations(masks, 2))
    fewer = region_masks(image, limit=3)
    assert len(fewer) == 3
    assert all(np.array_equal(one, two) for one, two in zip(fewer, masks, strict=False))


def test_the_tree_is_one():
    labels, tree = hierarchy(make_scene(2, (96, 128))[0])
    count = int(labels.max()) + 1
    assert len(tree.area) == 2 * count - 1
    assert tree.members[-1].all()
    assert tree.area[-1] == labels.size
    assert np.array_equal(tree.area[:count], np.bincount(labels.ravel()))
    assert np.isinf(tree.dies).sum() == 1
    assert (tree.dies >= tree.born).all()
    for node in (count, 2 * count - 2):  # outline and contrast are those of the pixels
        inside = tree.members[node][labels]
        sides = (inside[:, 1:] != inside[:, :-1]).sum() + (inside[1:] != inside[:-1]).sum()
        assert tree.outline[node] == sides
    assert ((tree.contrast >= 0) & (tree.contrast <= 1)).all()


def photographs(folder: Path) -> Path:
    images = folder / "images"
    images.mkdir()
    for seed in range(2):
        Image.fromarray(make_scene(seed, (96, 128))[0]).save(images / f"{seed}.png")
    Image.new("RGB", (40, 30)).save(images / "plain.png")
    (images / "broken.jpg").write_bytes(b"no image")
    return images


def test_a_file_is_read_back_by_coco_dataset(tmp_path: Path):
    images, out = photographs(tmp_path), tmp_path / "regions.json"
    told: list[tuple[int, int]] = []
    count, masks, problems = region_file(images, out, limit=6, progress=lambda *where: told.append(where))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(problems) == 1
    assert "broken.jpg" in problems[0]
    dataset = CocoDataset((out, images))
    assert dataset.problems == []
    assert [sample.name for sample in dataset] == ["0.png", "1.png"]
    assert (count, masks) == (2, sum(len(sample.rles) for sample in dataset))
    for sample in dataset:
        assert np.array_equal(sample.masks(), np.stack(region_masks(sample.image, limit=6)))


def test_a_folder_without_regions_is_told(tmp_path: Path):
    Image.new("RGB", (40, 30)).save(tmp_path / "plain.png")
    with pytest.raises(TrainingError, match="gives a region"):
        region_file(tmp_path, tmp_path / "regions.json")
    assert not (tmp_path / "regions.json").exists()


def test_the_command_writes_the_file(tmp_path: Path):
    images, out = photographs(tmp_path), tmp_path / "regions.json"
    result = CliRunner().invoke(app, ["regions", str(images), "--out", str(out), "--limit", "2", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["images"], report["masks"], len(report["problems"])) == (2, 4, 1)
    assert len(json.loads(out.read_text())["annotations"]) == 4
