"""COCO folders and generated scenes as training samples."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import TrainingError
from engine.train.data import CocoDataset
from engine.train.scenes import SceneDataset, make_scene


def rewrite(folder: Path, change) -> None:
    path = folder / "instances.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_reads_polygons_and_rle_and_leaves_crowds_out(coco_folder: Path) -> None:
    dataset = CocoDataset(coco_folder)
    assert [len(sample.rles) for sample in dataset] == [2, 1]
    assert dataset.problems == []
    polygon, rle = dataset[0].masks()
    assert polygon.shape == (20, 30)
    assert polygon[5, 5]
    assert not polygon[15, 5]
    assert rle.sum() == 40
    assert dataset[0].areas.tolist() == [polygon.sum(), 40]
    np.testing.assert_allclose(dataset[0].boxes[0], [2, 2, 12, 10])


def test_reads_a_json_with_its_own_images_folder(coco_folder: Path) -> None:
    assert len(CocoDataset((coco_folder / "instances.json", coco_folder / "images"))) == 2


def test_broken_annotations_are_told_and_skipped(coco_folder: Path) -> None:
    def spoil(document) -> None:
        document["annotations"][0]["segmentation"] = [[2, 2, 12]]
        document["annotations"][1]["segmentation"]["counts"] = [100, 40, 10]
        document["annotations"].append({"id": 9, "image_id": 77, "segmentation": [[0, 0, 5, 0, 5, 5]]})

    rewrite(coco_folder, spoil)
    dataset = CocoDataset(coco_folder)
    assert [sample.name for sample in dataset] == ["b.png"]
    assert len(dataset.problems) == 3
    assert any("Annotation 1 of a.png" in problem for problem in dataset.problems)
    assert any("belongs to no image" in problem for problem in dataset.problems)


def test_missing_corrupt_and_wrongly_sized_images_are_told_and_skipped(coco_folder: Path) -> None:
    (coco_folder / "images" / "a.png").write_bytes(b"not an image")
    dataset = CocoDataset(coco_folder)
    assert [sample.name for sample in dataset] == ["b.png"]
    assert "a.png cannot be decoded" in dataset.problems[0]

    (coco_folder / "images" / "a.png").unlink()
    assert "a.png is missing" in CocoDataset(coco_folder).problems[0]


@pytest.mark.parametrize("content", ["{", "[]", '{"images": []}'])
def test_a_file_that_is_not_coco_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "instances.json").write_text(content)
    with pytest.raises(TrainingError, match=r"instances\.json"):
        CocoDataset(tmp_path)


def test_a_missing_file_and_an_empty_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="No COCO file"):
        CocoDataset(tmp_path)
    (tmp_path / "instances.json").write_text('{"images": [], "annotations": []}')
    with pytest.raises(TrainingError, match="no image with a usable mask"):
        CocoDataset(tmp_path)


def test_scenes_follow_their_seed() -> None:
    image, masks = make_scene(3, (96, 128))
    again, masks_again = make_scene(3, (96, 128))
    other, _ = make_scene(4, (96, 128))
    assert image.shape == (96, 128, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, again)
    assert len(masks) == len(masks_again) > 0
    assert (image != other).any()


def test_scene_masks_are_visible_parts() -> None:
    for seed in range(5):
        _, masks = make_scene(seed, (96, 128))
        cover = np.sum(masks, axis=0) if masks else np.zeros((96, 128))
        assert cover.max(initial=0) <= 1
        assert all(mask.sum() >= 60 for mask in masks)


def test_scene_dataset_draws_each_scene_once() -> None:
    dataset = SceneDataset(2, seed=3, size=(96, 128))
    assert dataset[0] is dataset[0]
    assert dataset[-1] is dataset[1]
    assert [dataset[i].name for i in range(len(dataset))] == ["scene-3", "scene-4"]


@pytest.mark.parametrize(
    ("json_name", "images"),
    [
        ("instances.json", "images"),
        ("annotations/instances.json", "annotations/images"),
        ("_annotations.coco.json", "."),
        ("annotations/instances.json", "images"),
        ("annotations/instances_default.json", "images/default"),
        ("annotations/instances_val2017.json", "val2017"),
    ],
)
def test_masks_are_found_where_the_usual_tools_put_them(
    coco_folder: Path, tmp_path_factory: pytest.TempPathFactory, json_name: str, images: str
) -> None:
    folder = tmp_path_factory.mktemp("export")
    for target in (folder / json_name, folder / images / "x"):
        target.parent.mkdir(parents=True, exist_ok=True)
    (folder / json_name).write_bytes((coco_folder / "instances.json").read_bytes())
    for path in (coco_folder / "images").iterdir():
        (folder / images / path.name).write_bytes(path.read_bytes())
    assert len(CocoDataset(folder)) == 2
    assert len(CocoDataset(folder / json_name)) == 2, "given by the file itself"


def test_of_several_files_one_must_be_named(coco_folder: Path) -> None:
    (coco_folder / "annotations").mkdir()
    document = (coco_folder / "instances.json").read_bytes()
    (coco_folder / "instances.json").unlink()
    for part in ("train", "val"):
        (coco_folder / "annotations" / f"instances_{part}.json").write_bytes(document)
    with pytest.raises(TrainingError, match=r"several COCO files \(instances_train\.json, instances_val\.json\)"):
        CocoDataset(coco_folder)
    assert len(CocoDataset(coco_folder / "annotations" / "instances_val.json")) == 2


def test_the_folder_in_which_most_images_are_is_theirs(coco_folder: Path) -> None:
    (coco_folder / "annotations").mkdir()
    (coco_folder / "instances.json").rename(coco_folder / "annotations" / "instances_val.json")
    (coco_folder / "images").rename(coco_folder / "val")
    (coco_folder / "images").mkdir()
    (coco_folder / "images" / "a.png").write_bytes(b"another picture of that name")
    dataset = CocoDataset(coco_folder)
    assert (len(dataset), dataset.problems) == (2, [])


def test_rows_that_nothing_can_be_made_of_are_told(coco_folder: Path) -> None:
    def spoil(document) -> None:
        document["images"].append({"id": 3, "file_name": "x" * 400, "width": 30, "height": 20})
        document["annotations"].append({"id": 8, "image_id": 3, "segmentation": [[0, 0, 5, 0, 5, 5]]})
        document["annotations"].append({"id": 9, "image_id": [1], "segmentation": [[0, 0, 5, 0, 5, 5]]})

    rewrite(coco_folder, spoil)
    dataset = CocoDataset(coco_folder)
    assert len(dataset) == 2
    assert [problem[:12] for problem in dataset.problems] == ["Annotation 5", "Image xxxxxx"]
