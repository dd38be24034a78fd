"""Crops as numpy and as torch make them, and objects laid over them."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch

from engine.train.augment import NO_AUGMENTATION, AugmentSettings, CropPlan, plan_crop
from engine.train.batches import BatchSize, ImageBatches
from engine.train.data import Sample, sample_from_masks
from engine.train.device_rendering import DeviceRenderer
from engine.train.rendering import render
from engine.train.scenes import make_scene

CALM = AugmentSettings(scale_range=(0.5, 2.0), colour=0.0, grey=0.5, invert=0.5)


def photograph() -> Sample:
    image = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    disc = (ys - 120) ** 2 + (xs - 220) ** 2 < 80**2
    return sample_from_masks("astronaut", image, [disc, (ys > 300) & (xs < 250), (ys < 60) & (xs > 400)])


def scene(seed: int = 3) -> Sample:
    return sample_from_masks("scene", *make_scene(seed, (160, 200)), complete=True)


def plan(sample: Sample, seed: int, settings: AugmentSettings, donors: list[Sample] | None = None) -> CropPlan:
    return plan_crop(
        sample,
        np.random.default_rng(seed),
        size=128,
        frame=256,
        num_masks=5,
        settings=settings,
        donors=donors or [],
    )


@pytest.mark.parametrize("seed", range(8))
def test_torch_makes_the_crops_that_numpy_makes(seed: int) -> None:
    renderer = DeviceRenderer(torch.device("cpu"))
    sample = photograph() if seed % 2 else scene()
    planned = plan(sample, seed, CALM, [photograph()] * (seed % 3))
    ours, theirs = render(planned, CALM), renderer(planned, CALM)
    # The two average pixels by slightly different windows where a crop gets smaller.
    assert np.abs(ours.image - theirs.image.permute(1, 2, 0).numpy()).mean() < 0.06
    assert (ours.image == 0).all(axis=-1).sum() == (theirs.image == 0).all(dim=0).sum()
    assert ours.targets.shape == tuple(theirs.targets.shape)
    assert ours.masks == theirs.masks
    assert len(ours.masks) == len(ours.targets)
    for mine, other in zip(ours.targets, theirs.targets.numpy(), strict=True):
        assert np.abs(mine - other).mean() < 0.01
    assert (ours.bare is None) == (theirs.bare is None)
    if ours.bare is not None and theirs.bare is not None:
        assert np.abs(ours.bare - theirs.bare.numpy()).mean() < 0.02


def test_a_pasted_object_hides_what_it_covers_and_is_a_target_itself() -> None:
    white, mask = np.full((64, 64, 3), 255, np.uint8), np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    donor = sample_from_masks("donor", white, [mask])
    under = np.zeros((64, 64), bool)
    under[2:62, 2:62] = True
    sample = sample_from_masks("under", np.zeros((64, 64, 3), np.uint8), [under], complete=True)
    planned = plan_crop(
        sample,
        np.random.default_rng(1),
        size=64,
        frame=64,
        num_masks=4,
        settings=NO_AUGMENTATION,
        donors=[donor],
    )
    paste = replace(planned.pastes[0], target=(8, 8, 24, 24))
    crop = render(replace(planned, pastes=(paste,)), NO_AUGMENTATION)
    pasted, left = crop.targets
    assert pasted.sum() == pytest.approx(16, abs=0.5)
    assert (pasted[2:6, 2:6] > 0.99).all()
    np.testing.assert_allclose(pasted * left, 0, atol=0.01)
    assert (crop.image[9:23, 9:23] > 1).all()
    assert (crop.image[30:60, 30:60] < -1).all()


def test_a_persons_click_moves_with_the_crop() -> None:
    # A ring's click lies in its hole, where nothing but the right transformation finds it.
    ys, xs = np.mgrid[:300, :400]
    rings, centres = [], [(90, 80), (300, 90), (200, 210)]
    for x, y in centres:
        distance = np.hypot(xs - x, ys - y)
        rings.append((distance > 20) & (distance < 50))
    image = np.full((300, 400, 3), 120, np.uint8)
    sample = replace(sample_from_masks("rings", image, rings), clicks=(centres[0], None, centres[2]))
    known = 0
    for seed in range(30):
        planned = plan(sample, seed, AugmentSettings(scale_range=(0.5, 1.5)))
        crop = render(planned, AugmentSettings(min_cells=20.0))
        for index, click, target in zip(crop.masks, planned.clicks(crop.masks), crop.targets, strict=True):
            if index == 1:
                assert np.isnan(click).all()
                continue
            column, row = ((click + 0.5) // 4).astype(int)
            if 1 <= row < 31 and 1 <= column < 31:
                known += 1
                assert target[row, column] < 0.3, "its own hole"
                reach = target[max(0, row - 12) : row + 13, max(0, column - 12) : column + 13]
                assert reach.max() > 0.7, "with its own ring around it"
    assert known > 10


def test_a_batch_replays_what_is_known_of_clicks() -> None:
    sample = photograph()
    clicked = replace(sample, clicks=((220.0, 120.0), None, None))
    source = ImageBatches([clicked], frame=256, patch_size=16, augment=NO_AUGMENTATION)
    batch = source.batch(0, 0, BatchSize(256, 2, 3))
    assert batch.clicks.shape == (len(batch.targets), 2)
    told = torch.isfinite(batch.clicks).all(dim=1)
    assert int(told.sum()) == 2, "one of each image's masks"
    for (x, y), target in zip(batch.clicks[told].tolist(), batch.targets[told], strict=True):
        assert (x, y) == (110.0, 60.0)
        assert target[int(y) // 4, int(x) // 4] == 1


def test_what_lies_on_top_is_whole_and_what_lies_under_it_is_not() -> None:
    planned = plan(photograph(), 0, NO_AUGMENTATION, [photograph(), photograph()])
    first, second = planned.pastes
    planned = replace(
        planned, pastes=(replace(first, target=(10, 10, 60, 60)), replace(second, target=(30, 30, 80, 80)))
    )
    top, below = render(planned, NO_AUGMENTATION).targets[:2]
    assert (np.minimum(top, below) <= 0.5).all()
    assert top.sum() > below.sum()


def test_batches_on_a_device_are_repeatable_and_have_pastes() -> None:
    settings = AugmentSettings(paste=1.0)
    batches = ImageBatches(
        [photograph(), scene()],  # type: ignore[arg-type]  # a list is a source
        frame=128,
        patch_size=16,
        augment=settings,
        renderer=DeviceRenderer(torch.device("cpu")),
    )
    one, again = (batches.batch(0, 7, BatchSize(128, 3, 4)) for _ in range(2))
    assert torch.equal(one.inputs, again.inputs)
    assert torch.equal(one.targets, again.targets)
    assert one.inputs.shape == (3, 3, 128, 128)
    assert not torch.equal(one.inputs, batches.batch(0, 8, BatchSize(128, 3, 4)).inputs)


def test_a_device_with_little_room_holds_the_samples_used_last() -> None:
    samples = [scene(seed) for seed in range(4)]
    renderer = DeviceRenderer(torch.device("cpu"), room_bytes=250_000)
    for sample in samples:
        renderer(plan(sample, 0, NO_AUGMENTATION), NO_AUGMENTATION)
    held = [sent.sample for sent in renderer._sent.values()]
    assert 0 < len(held) < 4
    assert held[-1] is samples[-1]
    assert renderer._held_bytes == sum(sent.nbytes for sent in renderer._sent.values()) <= 250_000
    whole = DeviceRenderer(torch.device("cpu"))
    for sample in samples:
        planned = plan(sample, 1, CALM)
        assert torch.equal(renderer(planned, CALM).targets, whole(planned, CALM).targets)
