"""COCO datasets, read back by pycocotools' own reader."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from engine.errors import FormatError
from engine.export import coco
from engine.masks import rle


def image(number, width=30, height=20):
    return {"image_id": number, "width": width, "height": height, "file_name": f"{number}.jpg"}


def test_pycocotools_reads_the_same_masks(tmp_path, capsys):
    ring = np.zeros((20, 30), dtype=bool)
    ring[2:15, 3:20] = True
    ring[6:9, 8:12] = False
    dot = np.zeros((20, 30), dtype=bool)
    dot[19, 29] = True
    entries = [
        (image(4), [{"segmentation": rle.encode(ring)}, {"segmentation": rle.encode(dot)}]),
        (image(9), [{"segmentation": [[2.0, 2, 12, 2, 12, 9]]}]),
    ]
    coco.write_dataset(tmp_path / "coco.json", entries)
    read = COCO(str(tmp_path / "coco.json"))
    capsys.readouterr()
    assert read.getImgIds() == [4, 9]
    assert read.loadCats(read.getCatIds()) == [{"id": 1, "name": "object", "supercategory": "object"}]
    annotations = read.loadAnns(read.getAnnIds(imgIds=[4]))
    assert np.array_equal(read.annToMask(annotations[0]).astype(bool), ring)
    assert np.array_equal(read.annToMask(annotations[1]).astype(bool), dot)
    for annotation in read.loadAnns(read.getAnnIds()):
        assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()
        assert annotation["area"] == coco_mask.area(annotation["segmentation"])
        assert annotation["iscrowd"] == 0
    assert read.anns[2]["bbox"] == [29, 19, 1, 1]


def test_images_that_share_an_id_or_a_name_are_refused():
    with pytest.raises(FormatError, match="share"):
        coco.dataset([(image(1), []), (image(1), [])])
    with pytest.raises(FormatError, match="share"):
        coco.dataset([(image(1), []), ({**image(1), "image_id": 2}, [])])


def test_empty_and_misfit_masks_are_refused():
    with pytest.raises(FormatError, match="empty"):
        coco.dataset([(image(1), [{"segmentation": rle.encode(np.zeros((20, 30)))}])])
    with pytest.raises(FormatError, match="its image is"):
        coco.dataset([(image(1), [{"segmentation": rle.encode(np.ones((30, 20)))}])])
