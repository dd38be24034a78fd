"""`maskloom calibrate` on files, and what model files tell of the folders they learnt from."""

import json
from pathlib import Path

import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

import engine
from engine.cli import app
from engine.commands.running import data_names
from engine.model.checkpoint import model_metadata, save_model
from engine.train.scenes import SceneDataset


def coco_folder(folder: Path) -> Path:
    """Three scenes as a COCO folder."""
    (folder / "images").mkdir(parents=True)
    scenes = SceneDataset(3, seed=9100, size=(160, 224))
    images, annotations = [], []
    for number in range(3):
        scene = scenes[number]
        Image.fromarray(scene.image).save(folder / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": 160, "width": 224})
        for rle in scene.rles:
            counts = rle["counts"].decode() if isinstance(rle["counts"], bytes) else rle["counts"]
            segmentation = {"size": list(rle["size"]), "counts": counts}
            box = [float(value) for value in coco_mask.toBbox(rle)]
            row = {"id": len(annotations), "image_id": number, "iscrowd": 0, "category_id": 1, "bbox": box}
            annotations.append({**row, "segmentation": segmentation})
    (folder / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_calibrating_keeps_the_precision_and_what_the_file_told(tmp_path: Path, dtype: str) -> None:
    before = tmp_path / "model.safetensors"
    save_model(engine.load("default"), before, {"steps": 7}, dtype)  # type: ignore[arg-type]
    data, out = coco_folder(tmp_path / "held-out"), tmp_path / "calibrated.safetensors"
    result = CliRunner().invoke(app, ["calibrate", "--model", str(before), "--data", str(data), "--out", str(out)])
    assert result.exit_code == 0, result.output
    facts = model_metadata(out)
    assert facts["dtype"] == dtype
    assert facts["metadata"] == {"steps": 7, "calibrated_on": ["held-out"]}
    assert engine.load(str(out)).detector is not None


def test_model_files_tell_folders_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "regions.json").write_text("{}")
    names = data_names(["/home/alice/photos", "coco/train:0.5", ".", str(tmp_path / "regions.json")])
    assert names == ["photos", "train:0.5", tmp_path.name, "regions.json"]
