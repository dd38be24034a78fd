"""SA-1B files: the exact fields, readable by pycocotools, whole or absent."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from engine.errors import FormatError
from engine.export import sa1b
from engine.masks import rle

IMAGE: sa1b.ImageMeta = {"image_id": 7, "width": 30, "height": 20, "file_name": "sa_7.jpg"}


def square(x=3, y=4, side=9):
    mask = np.zeros((20, 30), dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


def record(**extra):
    return {
        "segmentation": rle.encode(square()),
        "predicted_iou": 0.91,
        "stability_score": 0.97,
        "crop_box": [0, 0, 30, 20],
        "point_coords": [[7.5, 8.0]],
        **extra,
    }


def test_the_file_has_exactly_the_fields_of_sa_1b(tmp_path):
    sa1b.write_image_json(tmp_path / "sa_7.json", IMAGE, [record()])
    assert json.loads((tmp_path / "sa_7.json").read_text()) == {
        "image": IMAGE,
        "annotations": [
            {
                "id": 1,
                "segmentation": rle.encode(square()),
                "bbox": [3, 4, 8, 8],
                "area": 81,
                "predicted_iou": 0.91,
                "stability_score": 0.97,
                "crop_box": [0, 0, 30, 20],
                "point_coords": [[7.5, 8.0]],
            }
        ],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["sa_7.json"]


def test_masks_decode_with_pycocotools(tmp_path):
    sa1b.write_image_json(tmp_path / "a.json", IMAGE, [record(), record()], first_id=40)
    read = sa1b.read_image_json(tmp_path / "a.json")
    assert [annotation["id"] for annotation in read["annotations"]] == [40, 41]
    assert np.array_equal(coco_mask.decode(read["annotations"][0]["segmentation"]).astype(bool), square())


def test_a_mask_by_hand_gets_what_it_lacks():
    annotation = sa1b.image_record(rle.encode(square()), annotation_id=5, width=30, height=20)
    assert annotation["predicted_iou"] == annotation["stability_score"] == 1.0
    assert annotation["crop_box"] == [0, 0, 30, 20]
    assert annotation["point_coords"] == [[7.0, 8.0]]


@pytest.mark.parametrize("bad", [np.zeros((20, 30), dtype=bool), np.ones((30, 20), dtype=bool)])
def test_a_mask_that_is_empty_or_does_not_fit_writes_nothing(tmp_path, bad):
    with pytest.raises(FormatError):
        sa1b.write_image_json(tmp_path / "a.json", IMAGE, [record(), record(segmentation=rle.encode(bad))])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    sa1b.write_image_json(path, IMAGE, [record()])
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sa1b.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        sa1b.write_image_json(path, IMAGE, [])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(FormatError, match="JSON cannot say"):
        sa1b.write_image_json(path, IMAGE, [record(predicted_iou=float("nan"))])


def test_a_mask_that_does_not_fit_is_named(tmp_path):
    annotation = {"id": 12, "segmentation": rle.encode(np.ones((4, 4)))}
    (tmp_path / "a.json").write_text(json.dumps({"image": IMAGE, "annotations": [annotation]}))
    with pytest.raises(FormatError, match=r"a\.json, annotation 12: .*its image is"):
        sa1b.read_image_json(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"image": {"height": 1}, "annotations": [{}]}'])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError, match="not an SA-1B file"):
        sa1b.read_image_json(tmp_path / "a.json")
