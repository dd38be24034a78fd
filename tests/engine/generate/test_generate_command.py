"""`maskloom generate` on folders as they are: broken files, turned photographs, names that collide, stopped runs."""

import json
import subprocess
import sys

import pytest
import skimage.data
import typer
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from engine.commands.generate import generate
from engine.export import sa1b
from engine.generate import folder
from engine.generate.generator import MaskGenerator
from engine.model.sam import Sam

app = typer.Typer()
app.command()(generate)


@pytest.fixture
def run(tmp_path, sure_path):
    def run(*options, model=sure_path):
        out = ("--out", str(tmp_path / "out"), "--model", str(model), "--points-per-side", "3", "--device", "cpu")
        return CliRunner().invoke(app, [str(tmp_path / "in"), *out, *options])

    return run


@pytest.fixture
def photographs(tmp_path):
    """One good image, one lying on its side (EXIF 6), and a file that is none of our business."""
    source = tmp_path / "in"
    source.mkdir()
    coffee = Image.fromarray(skimage.data.coffee())
    coffee.save(source / "sa_12.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    coffee.resize((300, 200)).save(source / "turned.JPG", exif=exif)
    (source / "notes.txt").write_text("nothing to see")
    return source


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def test_one_sa_1b_file_per_image(run, photographs, tmp_path):
    result = run("--json")
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == ["sa_12.json", "turned.json"]
    document = json.loads((tmp_path / "out" / "sa_12.json").read_text())
    assert document["image"] == {"image_id": 12, "width": 600, "height": 400, "file_name": "sa_12.jpg"}
    assert document["annotations"]
    for annotation in document["annotations"]:
        assert coco_mask.decode(annotation["segmentation"]).sum() == annotation["area"]
        assert annotation["crop_box"] == [0, 0, 600, 400]
        assert len(annotation["point_coords"][0]) == 2
    turned = json.loads((tmp_path / "out" / "turned.json").read_text())
    assert turned["image"]["file_name"] == "turned.JPG"
    assert (turned["image"]["width"], turned["image"]["height"]) == (200, 300)
    assert all(annotation["segmentation"]["size"] == [300, 200] for annotation in turned["annotations"])
    ids = [annotation["id"] for each in (document, turned) for annotation in each["annotations"]]
    assert len(ids) == len(set(ids))
    assert max(ids) < 2**53
    report = json.loads(result.stdout)
    assert [entry["file"] for entry in report["written"]] == ["sa_12.jpg", "turned.JPG"]
    assert report["settings"]["points_per_side"] == 3
    assert report["failed"] == report["skipped"] == []


def test_broken_images_are_reported_and_the_rest_go_on(run, photographs, tmp_path):
    whole = (photographs / "sa_12.jpg").read_bytes()
    (photographs / "aaa.jpg").write_bytes(whole[: len(whole) // 2])
    (photographs / "bbb.png").write_text("not an image at all")
    (photographs / "ccc.png").write_bytes(b"")
    result = run("--json")
    assert result.exit_code == 1
    assert names(tmp_path / "out") == ["sa_12.json", "turned.json"]
    failed = {entry["file"]: entry["error"] for entry in json.loads(result.stdout)["failed"]}
    assert sorted(failed) == ["aaa.jpg", "bbb.png", "ccc.png"]
    assert "cut off" in failed["aaa.jpg"]
    assert "not an image" in failed["bbb.png"]
    for name in failed:
        assert name in result.stderr


def test_an_image_whose_answers_are_no_numbers_is_reported_and_the_rest_go_on(run, photographs, tmp_path, monkeypatch):
    real = Sam.embed

    def embed(self, batch):
        # What a half precision overflow of one image looks like; the photograph lying on its side is the one.
        return real(self, batch) * (float("inf") if batch[0, :, -1, 0].any() else 1)

    monkeypatch.setattr(Sam, "embed", embed)
    result = run("--json")
    assert result.exit_code == 1
    assert names(tmp_path / "out") == ["sa_12.json"]
    (failed,) = json.loads(result.stdout)["failed"]
    assert failed["file"] == "turned.JPG"
    assert "answers for turned.JPG are not finite" in failed["error"]


def test_names_that_collide_are_refused_both(run, photographs, tmp_path):
    Image.new("RGB", (40, 30)).save(photographs / "sa_12.png")
    result = run()
    assert result.exit_code == 1
    assert "sa_12.jpg and sa_12.png would both become sa_12.json" in result.stderr
    assert names(tmp_path / "out") == ["turned.json"]


def test_what_is_there_is_left_alone_unless_told(run, photographs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sa_12.json").write_text("mine")
    result = run("--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["skipped"] == ["sa_12.jpg"]
    assert (tmp_path / "out" / "sa_12.json").read_text() == "mine"
    assert run("--overwrite").exit_code == 0
    assert sa1b.read_image_json(tmp_path / "out" / "sa_12.json")["annotations"]
    # With nothing left to do, no model is needed.
    assert run(model=tmp_path / "gone.safetensors").exit_code == 0


def test_a_stopped_run_leaves_whole_files_and_goes_on(run, photographs, tmp_path, monkeypatch):
    real = MaskGenerator.generate

    def interrupted(self, image, progress=None, *, name):
        if name == "turned.JPG":
            raise KeyboardInterrupt
        return real(self, image, progress, name=name)

    with monkeypatch.context() as patched:
        patched.setattr(MaskGenerator, "generate", interrupted)
        result = run()
    assert result.exit_code == 130
    assert "Run the same command again" in result.stderr
    assert names(tmp_path / "out") == ["sa_12.json"]
    assert run().exit_code == 0
    assert names(tmp_path / "out") == ["sa_12.json", "turned.json"]


def test_a_full_disk_ends_the_run_with_a_sentence(run, photographs, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sa1b.os, "fsync", full)
    result = run()
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--preset", "best"), "Choose one of default"),
        (("--points-per-side", "0"), "between 1 and"),
        (("--model", "no-such-model"), "no-such-model"),
        (("--device", "quantum"), "--device cpu"),
    ],
)
def test_options_that_cannot_do_are_said_in_a_sentence(run, photographs, tmp_path, options, reason):
    result = run(*options)
    assert result.exit_code == 1
    assert reason in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_an_empty_folder_and_none(run, tmp_path):
    assert run().exit_code == 2
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "sub").mkdir()
    result = run()
    assert result.exit_code == 1
    assert "no images in" in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_an_out_that_is_a_file(run, photographs, tmp_path):
    (tmp_path / "out").write_text("in the way")
    result = run()
    assert result.exit_code == 1
    assert "Choose another folder with --out" in " ".join(result.stderr.split())


def test_image_ids_stay_the_same(tmp_path):
    assert folder.image_id(tmp_path / "sa_000223.jpg") == 223
    assert folder.image_id(tmp_path / "cat.jpg") == folder.image_id(tmp_path.parent / "cat.jpg") < 2**40


def test_the_command_is_there_without_torch():
    code = "import sys, engine.commands.generate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
