"""Masked-image pre-training: what is hidden and counted, learning, resuming, and what `train` makes of the result."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from engine.cli import app
from engine.errors import ImageError, TrainingError
from engine.model.checkpoint import load_model, save_model
from engine.model.config import PRESETS, ModelConfig
from engine.model.sam import Sam, build_model
from engine.train.augment import NO_AUGMENTATION
from engine.train.data import ImageFolder, Sample
from engine.train.masking import MaskedBatches, draw_hidden, hide, masked_loss
from engine.train.pretrain import PretrainSettings, pretrain
from engine.train.start import fresh_model

runner = CliRunner()


@pytest.fixture(scope="module")
def photos() -> list[Sample]:
    """Three photographs, small."""
    pictures = {"coffee": data.coffee(), "chelsea": data.chelsea(), "rocket": data.rocket()}
    return [Sample(name, np.ascontiguousarray(picture[::3, ::3]), ()) for name, picture in pictures.items()]


@pytest.fixture
def folder(photos: list[Sample], tmp_path: Path) -> Path:
    """The photographs as a folder of files, and one that is none."""
    place = tmp_path / "photos"
    place.mkdir()
    for photo in photos:
        Image.fromarray(photo.image).save(place / f"{photo.name}.png")
    (place / "broken.png").write_bytes(b"no picture")
    return place


@pytest.fixture
def tiny_preset(monkeypatch: pytest.MonkeyPatch, tiny_conv_config: ModelConfig) -> str:
    """The tiny model under a name that commands know."""
    monkeypatch.setitem(PRESETS, tiny_conv_config.name, tiny_conv_config)
    return tiny_conv_config.name


def settings(**changes) -> PretrainSettings:
    values = {"size": 64, "images": 3, "patch": 16, "max_steps": 6, "bf16": False, "warmup_steps": 2}
    return PretrainSettings(**(values | {"checkpoint_every_s": 1e9} | changes))


def same_weights(first: Sam, second: Sam) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def batches(photos: list[Sample], **changes) -> MaskedBatches:
    values = {"frame": 128, "cell": 16, "size": 96, "num_images": 4, "patch": 32, "mask_ratio": 0.5}
    return MaskedBatches(photos, **(values | changes))


def test_batches_hide_whole_patches_and_count_what_lies_in_the_image(photos: list[Sample]) -> None:
    # Scaled to a frame of 128, coffee (134 x 200) is 86 x 128: rows 80 to 85 are a part of a cell, those after it none.
    made = batches(photos[:1], augment=NO_AUGMENTATION).batch(0, 7)
    patches = made.hidden.reshape(4, 3, 2, 3, 2).sum(dim=(2, 4))
    assert set(patches.unique().tolist()) == {0, 4}
    assert (patches == 4).sum(dim=(1, 2)).tolist() == [4] * 4  # round(0.5 * 9), to the even one
    assert not made.counted[:, 5].any()
    assert torch.equal(made.counted[:, :5], made.hidden[:, :5])
    assert (made.images[:, :, 86:] == 0).all()
    assert (made.images[:, :, :86] != 0).any(dim=1).all()


def test_a_batch_follows_from_seed_and_step(photos: list[Sample]) -> None:
    first, again, other = (batches(photos).batch(seed, 3) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.hidden, again.hidden)
    assert first.offset == again.offset
    assert not torch.equal(first.images, other.images)
    assert not torch.equal(first.hidden, other.hidden)


def test_only_patches_that_show_the_image_are_hidden() -> None:
    hidden = draw_hidden(np.random.default_rng(0), (40, 128), side=4, patch=32, mask_ratio=0.75)
    assert hidden[:2].sum() == 6
    assert not hidden[2:].any()


def test_the_encoder_sees_the_mean_colour_where_patches_are_hidden(photos: list[Sample]) -> None:
    made = batches(photos).batch(0, 0)
    seen = hide(made.images, made.hidden)
    pixels = torch.from_numpy(np.kron(made.hidden.numpy(), np.ones((1, 16, 16), bool)))
    assert (seen.permute(0, 2, 3, 1)[pixels] == 0).all()
    assert torch.equal(seen.permute(0, 2, 3, 1)[~pixels], made.images.permute(0, 2, 3, 1)[~pixels])


def test_the_loss_is_that_of_a_plain_computation(photos: list[Sample]) -> None:
    made = batches(photos).batch(0, 1)
    painted = torch.randn(4, 6, 6, 3 * 16 * 16)
    errors = []
    for index, row, column in np.argwhere(made.counted.numpy()):
        rows, columns = slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16)
        cell = made.images[index, :, rows, columns].double().numpy().ravel()
        wanted = (cell - cell.mean()) / np.sqrt(cell.var(ddof=1) + 1e-6)
        errors.append(np.mean((painted[index, row, column].double().numpy() - wanted) ** 2))
    assert 0 < len(errors) < made.counted.numel()
    loss = masked_loss(painted, made.images, made.counted)
    assert float(loss) == pytest.approx(np.mean(errors), rel=1e-4)
    elsewhere = torch.where(made.counted[..., None], painted, 99.0)
    assert torch.equal(masked_loss(elsewhere, made.images, made.counted), loss)
    assert float(masked_loss(painted, made.images, torch.zeros_like(made.counted))) == 0


def test_pretraining_lowers_the_loss_and_leaves_the_decoder_alone(
    photos: list[Sample], tiny_conv_model: Sam, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in tiny_conv_model.state_dict().items()}
    losses: list[float] = []
    result = pretrain(
        settings(max_steps=50, images=8, learning_rate=3e-3),
        tiny_conv_model,
        photos,
        tmp_path,
        lambda _done, _total, figures: losses.append(figures["loss"]),
    )
    assert losses[-1] < 0.9  # a flat answer, however wise, gives 1
    assert not result.model.training
    after = result.model.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert "image_encoder.stem.conv.weight" in changed
    assert all(name.startswith("image_encoder.") for name in changed)


def test_frozen_layers_stay_as_they_are(photos: list[Sample], tiny_conv_model: Sam, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in tiny_conv_model.image_encoder.state_dict().items()}
    pretrain(settings(max_steps=2, frozen_layers=2), tiny_conv_model, photos, tmp_path)
    after = tiny_conv_model.image_encoder.state_dict()
    still = [name for name in before if name.startswith(("stem.", "stages.0."))]
    assert still
    assert all(torch.equal(before[name], after[name]) for name in still)
    assert not torch.equal(before["stages.1.0.depthwise.conv.weight"], after["stages.1.0.depthwise.conv.weight"])


def test_a_transformer_learns_too(photos: list[Sample], golden_model: Sam, tmp_path: Path) -> None:
    model = build_model(golden_model.config, seed=3)
    before = model.image_encoder.patch_embed.proj.weight.clone()
    size = model.config.image_size
    result = pretrain(settings(max_steps=2, size=size), model, photos, tmp_path)
    assert np.isfinite(result.figures["loss"])
    assert not torch.equal(before, model.image_encoder.patch_embed.proj.weight)
    with pytest.raises(TrainingError, match="one size"):
        pretrain(settings(size=size // 2), model, photos, tmp_path)


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    photos: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    whole = pretrain(settings(), build_model(tiny_conv_config), photos, tmp_path / "whole")
    steps: list[int] = []

    def note(done: int, _total: int, _figures: dict[str, float]) -> None:
        steps.append(done)

    model = build_model(tiny_conv_config)
    stopped = pretrain(settings(), model, photos, tmp_path / "parts", note, lambda: len(steps) == 3)
    assert (stopped.finished, stopped.steps) == (False, 3)
    # The process is gone; new objects and another global random state.
    torch.manual_seed(99)
    resumed = pretrain(settings(), build_model(tiny_conv_config, seed=0), photos, tmp_path / "parts", note)
    assert steps == [1, 2, 3, 4, 5, 6]
    assert resumed.finished
    assert same_weights(whole.model, resumed.model)
    with pytest.raises(TrainingError, match=r"other settings \(mask_ratio\)"):
        pretrain(settings(mask_ratio=0.5), build_model(tiny_conv_config), photos, tmp_path / "parts")
    checkpoint = tmp_path / "parts" / "last.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="cannot be continued from"):
        pretrain(settings(), build_model(tiny_conv_config), photos, tmp_path / "parts")


def test_a_folder_of_images_tells_what_it_cannot_read(folder: Path, coco_folder: Path, tmp_path: Path) -> None:
    images = ImageFolder(folder)
    assert [images[index].name for index in (1, 2, 3)] == ["chelsea.png", "coffee.png", "rocket.png"]
    assert images[1].image is images[1].image
    assert ImageFolder(folder, keep_bytes=0)[1].image.shape == images[1].image.shape
    with pytest.raises(ImageError):
        images[0]
    assert list(images.problems) == ["broken.png"]
    assert len(ImageFolder(coco_folder)) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="holds no image"):
        ImageFolder(tmp_path / "empty")
    with pytest.raises(TrainingError, match="no folder"):
        ImageFolder(tmp_path / "nowhere")


def test_images_that_cannot_be_read_do_not_stop_a_run_unless_all_are(
    folder: Path, tiny_conv_model: Sam, tmp_path: Path
) -> None:
    source = ImageFolder(folder)
    assert pretrain(settings(max_steps=4), tiny_conv_model, source, tmp_path / "run").steps == 4
    assert list(source.problems) == ["broken.png"]
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(TrainingError, match="cannot be read"):
        pretrain(settings(), tiny_conv_model, ImageFolder(folder), tmp_path / "other")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mask_ratio": 1.0}, "mask ratio"),
        ({"mask_ratio": 0.0}, "mask ratio"),
        ({"max_steps": None}, "needs an end"),
        ({"minutes": 0.0}, "positive"),
        ({"images": 0}, "1 or more"),
        ({"patch": 24}, "whole cells"),
        ({"size": 128}, "at most 64 px"),
        ({"size": 48}, "multiple of 32 px"),
    ],
)
def test_nonsense_is_refused(changes: dict, words: str, tiny_conv_model: Sam, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=words):
        pretrain(settings(**changes), tiny_conv_model, [], tmp_path)


def test_a_loss_that_is_no_number_ends_the_run(photos: list[Sample], tiny_conv_model: Sam, tmp_path: Path) -> None:
    with torch.no_grad():
        tiny_conv_model.image_encoder.stem.conv.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="The loss became nan"):
        pretrain(settings(), tiny_conv_model, photos, tmp_path)
    assert not (tmp_path / "last.pt").exists()


def test_pretrain_then_train(folder: Path, coco_folder: Path, tiny_preset: str, tmp_path: Path) -> None:
    out = tmp_path / "pre"
    arguments = ["pretrain", "--model", tiny_preset, "--out", str(out), "--steps", "3", "--size", "64", "--json"]
    arguments += ["--data", f"{folder}:2", "--data", str(coco_folder), "--images", "4", "--device", "cpu"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["steps"], facts["finished"]) == (3, True)
    assert "broken.png was skipped" in result.stderr
    again = runner.invoke(app, arguments)
    assert again.exit_code == 1
    assert "--resume" in again.stderr
    assert runner.invoke(app, [*arguments, "--resume"]).exit_code == 0

    # The encoder goes over whole, the decoder begins anew.
    path = Path(facts["weights"])
    taught, plain = load_model(path), fresh_model(tiny_preset, seed=4)
    model = fresh_model(tiny_preset, seed=4, encoder=path)
    for name, value in model.state_dict().items():
        source = taught if name.startswith("image_encoder.") else plain
        assert torch.equal(value, source.state_dict()[name]), name
    stem = "image_encoder.stem.conv.weight"
    assert not torch.equal(model.state_dict()[stem], plain.state_dict()[stem])

    train = ["train", "--data", str(coco_folder), "--model", tiny_preset, "--steps", "1", "--images", "1"]
    train += ["--encoder", str(path), "--small-until", "0", "--device", "cpu", "--no-bf16"]
    refused = runner.invoke(app, [*train, "--out", str(tmp_path / "no")])
    assert "add --from-scratch" in refused.stderr
    done = runner.invoke(app, [*train, "--from-scratch", "--out", str(tmp_path / "run"), "--json"])
    assert done.exit_code == 0, done.output
    trained = load_model(json.loads(done.stdout)["weights"]).state_dict()[stem]
    assert (trained - taught.state_dict()[stem]).abs().max() < 1e-3  # one small step from there


def test_an_encoder_of_another_size_is_refused(tiny_preset: str, golden_model: Sam, tmp_path: Path) -> None:
    path = tmp_path / "golden.safetensors"
    save_model(golden_model, path, {})
    options = ["train", "--from-scratch", "--model", tiny_preset, "--data", "x", "--out", str(tmp_path), "--steps", "1"]
    result = runner.invoke(app, [*options, "--encoder", str(path)])
    assert result.exit_code == 1
    assert "another kind or size" in result.stderr
    both = runner.invoke(app, [*options, "--encoder", str(path), "--trunk", str(path)])
    assert "not both" in both.stderr


def test_bad_input_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    options = ["pretrain", "--data", str(folder), "--out", str(tmp_path / "o"), "--steps", "1"]
    assert "mask ratio" in runner.invoke(app, [*options, "--mask-ratio", "1.5"]).stderr
    (tmp_path / "empty").mkdir()
    empty = runner.invoke(app, ["pretrain", "--data", str(tmp_path / "empty"), *options[3:]])
    assert empty.exit_code == 1
    assert "holds no image" in empty.stderr
