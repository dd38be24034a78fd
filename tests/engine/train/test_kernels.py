"""Crops, simulated prompts and losses on small arrays."""

import math

import numpy as np
import pytest
import torch

from engine.masks.clicks import centre_click
from engine.train.augment import NO_AUGMENTATION, AugmentSettings, plan_crop
from engine.train.batches import Batch, BatchSize, ImageBatches
from engine.train.clicks import (
    Script,
    first_region,
    interior_points,
    next_click_training,
    noisy_boxes,
    random_points,
    sample_prompt,
    tight_boxes,
)
from engine.train.data import Sample, sample_from_masks
from engine.train.losses import interaction_loss, mask_iou, mask_loss
from engine.train.rendering import PIXEL_MEAN, Crop, low_res_target, render
from engine.train.scenes import make_scene


def chance(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))


def make_crop(
    sample: Sample, rng: np.random.Generator, *, size: int, frame: int, num_masks: int, settings: AugmentSettings
) -> Crop:
    plan = plan_crop(sample, rng, size=size, frame=frame, num_masks=num_masks, settings=settings)
    return render(plan, settings)


def square_sample() -> Sample:
    image = np.full((40, 64, 3), 255, np.uint8)
    mask = np.zeros((40, 64), bool)
    mask[8:24, 16:48] = True
    return sample_from_masks("square", image, [mask])


def test_a_crop_without_augmentation_is_the_models_input() -> None:
    crop = make_crop(
        square_sample(), np.random.default_rng(0), size=128, frame=128, num_masks=2, settings=NO_AUGMENTATION
    )
    assert crop.image.shape == (128, 128, 3)
    assert (crop.image[80:] == 0).all()
    assert (crop.image[:80] > 0).all()
    expected = np.zeros((32, 32), np.float32)
    expected[4:12, 8:24] = 1
    np.testing.assert_allclose(crop.targets[0], expected, atol=0.13)  # enlarging softens the edge


def test_crops_follow_the_generator_and_keep_image_and_mask_together() -> None:
    settings = AugmentSettings(colour=0, grey=0, invert=0)
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:70] = True
    image = np.where(mask, 255, 0)[..., None].repeat(3, axis=2).astype(np.uint8)
    sample = sample_from_masks("two-tone", image, [mask])
    for seed in range(10):
        crop, again = (
            make_crop(sample, np.random.default_rng(seed), size=64, frame=128, num_masks=1, settings=settings)
            for _ in range(2)
        )
        np.testing.assert_array_equal(crop.image, again.image)
        if len(crop.targets):
            bright = (crop.image[..., 0] > 1.0).reshape(16, 4, 16, 4).mean(axis=(1, 3))
            assert np.abs(bright - crop.targets[0]).max() < 0.6
            assert np.abs(bright - crop.targets[0]).mean() < 0.03


def test_masks_too_small_or_too_large_are_dropped() -> None:
    whole, dot = np.ones((40, 64), bool), np.zeros((40, 64), bool)
    dot[3, 3] = True
    sample = sample_from_masks("extremes", np.zeros((40, 64, 3), np.uint8), [whole, dot])
    crop = make_crop(sample, np.random.default_rng(0), size=32, frame=64, num_masks=4, settings=NO_AUGMENTATION)
    assert len(crop.targets) == 0


def test_low_res_targets_hold_the_covered_fraction() -> None:
    mask = np.zeros((16, 16), bool)
    mask[:, :6] = True
    target = low_res_target(mask, (16, 16), 32)
    np.testing.assert_allclose(target[0, :3], [1.0, 0.5, 0.0], atol=0.01)
    assert (target[4:] == 0).all()


def test_pixel_mean_becomes_zero() -> None:
    image = np.tile(PIXEL_MEAN.round().astype(np.uint8), (40, 64, 1))
    sample = sample_from_masks("mean", image, [np.eye(40, 64) > 0])
    crop = make_crop(sample, np.random.default_rng(0), size=64, frame=64, num_masks=1, settings=NO_AUGMENTATION)
    assert np.abs(crop.image).max() < 0.02


def test_random_points_lie_inside_their_region() -> None:
    region = torch.zeros(50, 8, 8, dtype=torch.bool)
    region[:, 2:4, 5:7] = True
    points = random_points(region, chance(50))
    cells = (points + 0.5) / 4
    assert ((cells[:, 0] >= 5) & (cells[:, 0] <= 7)).all()
    assert ((cells[:, 1] >= 2) & (cells[:, 1] <= 4)).all()
    assert len(torch.unique(cells.floor(), dim=0)) == 4


def test_interior_points_lie_about_as_deep_as_an_annotators_click() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        region = np.zeros((48, 48), bool)
        for _ in range(3):
            y, x, h, w = rng.integers(2, 30, 4)
            region[y : y + h, x : x + w] = True
        (point,) = interior_points(torch.from_numpy(region)[None], chance(1))
        x, y = ((point + 0.5) / 4).int().tolist()
        deepest = centre_click(region)[2]
        padded = np.pad(region, 1)
        reach = next(
            r for r in range(1, 50) if not padded[max(0, y + 1 - r) : y + 2 + r, max(0, x + 1 - r) : x + 2 + r].all()
        )
        assert region[y, x]
        assert reach >= 0.6 * deepest - 1.5


def test_interior_points_of_equal_depth_differ_and_an_empty_region_gives_a_point() -> None:
    bar = torch.zeros(60, 16, 64, dtype=torch.bool)
    bar[:, 4:9] = True
    points = interior_points(bar, chance(60))
    assert len(torch.unique((points[:, 0] / 4).floor())) > 10
    assert (((points[:, 1] + 0.5) / 4).floor() == 6).all()
    assert torch.isfinite(interior_points(torch.zeros(1, 8, 8, dtype=torch.bool), chance(1))).all()


def test_the_first_click_of_a_tiny_mask_hits_its_most_covered_cell() -> None:
    target = torch.zeros(1, 4, 4)
    target[0, 1, 2], target[0, 1, 3] = 0.3, 0.1
    assert first_region(target).nonzero().tolist() == [[0, 1, 2]]


def test_boxes_are_tight_and_noise_is_bounded() -> None:
    target = torch.zeros(200, 32, 32)
    target[:, 8:16, 4:28] = 1
    target[:, 8:16, 28] = 0.5
    torch.testing.assert_close(tight_boxes(target)[0], torch.tensor([15.5, 31.5, 113.5, 63.5]))
    moved = (
        noisy_boxes(target, torch.from_numpy(np.random.default_rng(0).standard_normal((200, 4), np.float32)))
        - tight_boxes(target)
    ).abs()
    assert moved.max() <= 20
    assert 4 < moved[:, 0].std() < 12
    assert moved[:, 1].mean() < moved[:, 0].mean()


def test_corrective_clicks_fall_on_errors_with_the_right_label() -> None:
    target = torch.zeros(2, 8, 8)
    target[:, :4] = 1
    logits = torch.full((2, 8, 8), -1.0)
    logits[0, :2] = 1  # misses rows 2 and 3
    logits[1, :6] = 1  # adds rows 4 and 5
    points, labels = next_click_training(logits, target, chance(2))
    assert labels.tolist() == [1, 0]
    rows = ((points[:, 1] + 0.5) / 4).floor()
    assert 2 <= rows[0] <= 3
    assert 4 <= rows[1] <= 5


def test_no_error_gives_a_foreground_click() -> None:
    target = torch.zeros(1, 8, 8)
    target[:, 3] = 1
    _, labels = next_click_training(target * 2 - 1, target, chance(1))
    assert labels.tolist() == [1]


def test_first_prompts_are_half_boxes() -> None:
    target = torch.zeros(400, 8, 8)
    target[:, 2:6, 2:6] = 1
    batch = Batch(
        inputs=torch.zeros(1, 1),
        embedded=True,
        targets=target,
        image_index=torch.zeros(400).long(),
        nothing=torch.zeros(400).bool(),
        clicks=torch.full((400, 2), torch.nan),
        offset=(0, 0),
    )
    script = Script.write(0, 0, batch, (1.0,))
    _, labels, _, is_box = sample_prompt(target, script)
    assert 150 < int(is_box.sum()) < 250
    assert (labels[is_box] == -1).all()
    assert (labels[~is_box] == 1).all()
    _, labels, _, is_box = sample_prompt(target, script, nothing=torch.ones(400).bool())
    assert not is_box.any()
    assert (labels == 1).all()


def test_points_are_where_people_clicked_half_of_the_time_if_that_hits_the_mask() -> None:
    target = torch.zeros(400, 8, 8)
    target[:, 2:6, 2:6] = 1
    clicks = torch.full((400, 2), torch.nan)
    clicks[:200] = torch.tensor([10.25, 12.0])
    clicks[200:300] = torch.tensor([2.0, 40.0])  # misses the mask, even the image
    batch = Batch(
        inputs=torch.zeros(1, 1),
        embedded=True,
        targets=target,
        image_index=torch.zeros(400).long(),
        nothing=torch.zeros(400).bool(),
        clicks=clicks,
        offset=(0, 0),
    )
    points, _, _, is_box = sample_prompt(target, Script.write(0, 0, batch, (1.0,)), clicks=clicks)
    replayed = (points == torch.tensor([10.25, 12.0])).all(dim=1)
    assert not replayed[200:].any()
    assert 0.35 < float(replayed[:200][~is_box[:200]].float().mean()) < 0.65
    assert bool(((points > 7.4) & (points < 23.6)).all())


def plain_mask_loss(logits: torch.Tensor, targets: torch.Tensor, focal_weight: float) -> torch.Tensor:
    """Focal and dice loss as the papers write them."""
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p = logits.sigmoid()
    weight = 0.25 * targets + 0.75 * (1 - targets)
    focal = (weight * (p * (1 - targets) + (1 - p) * targets).square() * cross_entropy).mean(dim=(-2, -1))
    overlap = (p * targets).sum(dim=(-2, -1))
    return focal_weight * focal + 1 - (2 * overlap + 1) / ((p + targets).sum(dim=(-2, -1)) + 1)


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 4, 16, 16)])
def test_the_loss_and_its_slope_are_the_plain_ones(shape: tuple[int, ...]) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = (torch.randn(shape, generator=rng, dtype=torch.float64) * 8).requires_grad_()
    targets = torch.rand(3, 16, 16, generator=rng, dtype=torch.float64)
    targets = torch.where(targets > 0.5, (targets > 0.8).double(), targets)  # zeros, ones and fractions
    wanted = targets if len(shape) == 3 else targets[:, None].expand(shape)
    weights = torch.rand(shape[:-2], generator=rng, dtype=torch.float64)
    (expected,) = torch.autograd.grad((plain_mask_loss(logits, wanted, 7.0) * weights).sum(), logits)
    loss = mask_loss(logits, targets if len(shape) == 3 else targets[:, None], focal_weight=7.0)
    (slope,) = torch.autograd.grad((loss * weights).sum(), logits)
    torch.testing.assert_close(loss, plain_mask_loss(logits, wanted, 7.0))
    torch.testing.assert_close(slope, expected)
    assert torch.equal(mask_loss(logits.detach(), wanted, focal_weight=7.0), loss.detach())


def test_losses_by_hand() -> None:
    logits, target = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 0.0]]])
    positive, negative = 0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)
    dice = 1 - (2 * 0.5 + 1) / (1 + 1 + 1)
    assert mask_loss(logits, target, focal_weight=0.0).item() == pytest.approx(dice)
    assert mask_loss(logits, target).item() == pytest.approx(20 * (positive + negative) / 2 + dice)
    assert mask_iou(torch.tensor([[[2.0, 2.0]]]), target).item() == 0.5
    assert mask_iou(-torch.ones(1, 2, 2), torch.zeros(1, 2, 2)).item() == 1.0


def test_a_half_covered_cell_is_best_answered_by_zero() -> None:
    target = torch.full((5, 1, 1), 0.5)
    values = torch.tensor([-1.0, -0.3, 0.0, 0.3, 1.0]).view(5, 1, 1)
    focal = mask_loss(values, target) - mask_loss(values, target, focal_weight=0.0)
    assert focal.argmin() == 2


def test_only_the_best_candidate_learns_from_a_point_and_only_token_0_later() -> None:
    target = torch.zeros(1, 4, 4)
    target[0, :2] = 1
    logits = torch.zeros(1, 4, 4, 4)
    logits[0, 2] = (target[0] * 2 - 1) * 3
    logits.requires_grad_()
    scores = torch.zeros(1, 4, requires_grad=True)
    masks, ious, reached = interaction_loss(logits, scores, target, candidates=True)
    (masks + ious).sum().backward()
    assert logits.grad is not None
    assert scores.grad is not None
    assert [bool(logits.grad[0, token].any()) for token in range(4)] == [True, False, True, False]
    torch.testing.assert_close(reached, torch.tensor([[0.0, 0.0, 1.0, 0.0]]))
    torch.testing.assert_close(masks, mask_loss(logits[:, 0], target) + mask_loss(logits[:, 2], target))
    torch.testing.assert_close(ious, torch.tensor([1 / 3]))
    assert scores.grad[0, 2] != 0
    logits.grad = scores.grad = None
    masks, ious, _ = interaction_loss(logits, scores, target, candidates=False)
    (masks + ious).sum().backward()
    assert [bool(logits.grad[0, token].any()) for token in range(4)] == [True, False, False, False]


def test_a_prompt_about_nothing_teaches_a_predicted_iou_of_zero_from_its_first_answer_and_no_mask() -> None:
    logits = torch.randn(2, 4, 4, 4, requires_grad=True)
    scores = torch.full((2, 4), 0.5, requires_grad=True)
    region = torch.ones(2, 4, 4)
    nothing = torch.tensor([True, False])
    masks, ious, reached = interaction_loss(logits, scores, region, candidates=True, nothing=nothing)
    assert masks[0] == 0
    assert not reached[0].any()
    assert ious[0].item() == pytest.approx(0.25 + 0.25)
    masks.sum().backward(retain_graph=True)
    assert logits.grad is not None
    assert not logits.grad[0].any()
    assert logits.grad[1].any()
    masks, ious, _ = interaction_loss(logits, scores, region, candidates=False, nothing=nothing)
    assert masks[0] == ious[0] == 0


def test_bare_cells_keep_away_from_masks_and_padding() -> None:
    image = np.zeros((64, 48, 3), np.uint8)
    mask = np.zeros((64, 48), bool)
    mask[20:40, 20:40] = True
    sample = sample_from_masks("one", image, [mask], complete=True)
    crop = make_crop(sample, np.random.default_rng(0), size=64, frame=64, num_masks=4, settings=NO_AUGMENTATION)
    assert crop.bare is not None
    expected = np.zeros((16, 16), np.float32)
    expected[1:15, 1:11] = 1
    expected[4:11, 4:11] = 0
    np.testing.assert_array_equal(crop.bare, expected)
    unknown = sample_from_masks("one", image, [mask])
    assert (
        make_crop(unknown, np.random.default_rng(0), size=64, frame=64, num_masks=4, settings=NO_AUGMENTATION).bare
        is None
    )


def test_a_complete_image_asks_once_about_nothing() -> None:
    samples = [
        sample_from_masks(f"scene-{seed}", *make_scene(seed, (96, 128)), complete=seed == 0) for seed in range(2)
    ]
    source = ImageBatches(samples, frame=128, patch_size=16, augment=NO_AUGMENTATION)
    batch = source.batch(0, 0, BatchSize(128, 8, 2))
    per_image = torch.bincount(batch.image_index[batch.nothing], minlength=8).tolist()
    assert set(per_image) == {0, 1}
    parts = batch.split(3)
    assert torch.equal(torch.cat([part.nothing for part in parts]), batch.nothing)


def test_a_point_is_drawn_by_rank_among_the_cells_of_its_region() -> None:
    region = torch.zeros(4, 3, 5, dtype=torch.bool)
    region[:, 0, 4] = region[:, 1, 1] = region[:, 2, 0] = True
    last = 1 - 2**-24
    points = random_points(region, torch.tensor([[0.0, 0, 0], [0.4, 0, 0], [0.67, 0, 0], [last, last, last]]))
    assert ((points + 0.5) / 4).floor().tolist() == [[4, 0], [1, 1], [0, 2], [0, 2]]
    anywhere = random_points(torch.zeros(2, 3, 5, dtype=torch.bool), torch.tensor([[0.0, 0, 0], [last, 0, 0]]))
    assert ((anywhere + 0.5) / 4).floor().tolist() == [[0, 0], [4, 2]]


def test_a_mask_meets_the_same_annotator_in_a_part_of_its_batch() -> None:
    batch = Batch(
        inputs=torch.zeros(3, 1),
        embedded=True,
        targets=torch.zeros(6, 4, 4),
        image_index=torch.tensor([0, 0, 0, 1, 2, 2]),
        nothing=torch.zeros(6).bool(),
        clicks=torch.full((6, 2), torch.nan),
        offset=(0, 0),
    )
    whole = Script.write(3, 7, batch, (1.0, 1.0, 1.0))
    parts = [Script.write(3, 7, part, (1.0, 1.0, 1.0)) for part in batch.split(2)]
    assert [len(part.first) for part in parts] == [3, 3]
    for name in ("first", "corners", "points"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
    shared = [(part.num_calls, part.asked, part.fed) for part in (whole, *parts)]
    assert shared[0] == shared[1] == shared[2]
    assert len(torch.unique(whole.points)) == whole.points.numel() == 6 * 3 * 3
    other = Script.write(3, 8, batch, (1.0, 1.0, 1.0))
    assert not torch.equal(other.points, whole.points)
    assert {Script.write(0, step, batch, (0.0, 1.0, 1.0)).num_calls for step in range(20)} == {2, 3}
