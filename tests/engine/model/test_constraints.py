"""Answers keep to their prompts, in torch and in the graph; models without constraints are left as they were."""

import dataclasses
import math

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from engine.export import onnx as onnx_export
from engine.model.config import ModelConfig
from engine.model.constraints import (
    BOX_DEPTH,
    BOX_DISTANCE,
    BOX_SLOPE,
    LEAST_DEVIATION,
    LEAST_REACH,
    LOCAL_REACH,
    MARGIN,
    MOST_DEVIATION,
    NEW_EVERYWHERE,
    constrained,
)
from engine.model.fingerprint import decoder_sha256
from engine.model.sam import build_model

SIDE = 16  # low_res pixels
BACKGROUND, FOREGROUND, TOP_LEFT, BOTTOM_RIGHT, PADDING = 0, 1, 2, 3, -1


def prompt(*points):
    """(x, y, label) each, in model pixels -> points (1, P, 2), labels (1, P)."""
    values = torch.tensor([points], dtype=torch.float32)
    return values[..., :2], values[..., 2]


def centre(index):
    """Where a low_res pixel's centre is in the model frame."""
    return 4 * index + 1.5


def disc(radius=4.0, inside=6.0, outside=-8.0):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = (rows - 8) ** 2 + (columns - 8) ** 2 <= radius**2
    return torch.from_numpy(np.where(mask, inside, outside).astype(np.float32))[None, None]


def pushed_by_hand(logits, clicks):
    """The formula of the module's first lines, pixel by pixel, for a mask (h, w)."""
    up, down = np.zeros_like(logits), np.zeros_like(logits)
    for x, y, label in clicks:
        sign = 1 if label else -1
        column, row = round((x - 1.5) / 4), round((y - 1.5) / 4)
        value = logits[row, column]
        pixels = [(r, c) for r in range(SIDE) for c in range(SIDE)]
        distance = {(r, c): math.hypot(centre(c) - x, centre(r) - y) for r, c in pixels}
        others = [distance[p] for p in pixels if (logits[p] > 0) != (value > 0)]
        halfway = [math.hypot(x - a, y - b) / 2 for a, b, other in clicks if other != label]
        deviation = max(LEAST_DEVIATION, min([*others, *halfway, MOST_DEVIATION * 4 * SIDE]))
        for p in pixels:
            bump = max(0, MARGIN - sign * value) * math.exp(-(distance[p] ** 2) / (2 * deviation**2))
            side = up if label else down
            side[p] = max(side[p], bump)
    return logits + up - down


@pytest.mark.parametrize(("column", "row", "label"), [(2, 3, FOREGROUND), (8, 8, BACKGROUND)])
def test_a_click_is_on_its_side_of_the_mask(column, row, label):
    logits = disc()
    answer = constrained(logits, *prompt((centre(column), centre(row), label)))[0, 0]
    assert answer[row, column] == pytest.approx(MARGIN if label else -MARGIN, abs=1e-4)
    # Far away, little has moved.
    assert answer[15, 15] == pytest.approx(float(logits[0, 0, 15, 15]), abs=1.0)


def test_the_push_is_the_formula_s():
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 6, (SIDE, SIDE)).astype(np.float32)
    clicks = [(13.2, 40.9, 1), (30.0, 22.5, 0), (51.7, 7.3, 1), (33.0, 25.0, 0), (60.0, 60.0, 1)]
    points = prompt(*clicks, (0.0, 0.0, PADDING))
    answer = constrained(torch.from_numpy(logits)[None, None], *points)[0, 0]
    np.testing.assert_allclose(answer.numpy(), pushed_by_hand(logits.astype(np.float64), clicks), atol=1e-3)


def test_what_agrees_already_stays():
    logits = disc(inside=MARGIN + 1, outside=-MARGIN - 1)
    clicks = prompt(
        (centre(8), centre(8), FOREGROUND), (centre(1), centre(1), BACKGROUND), (centre(8), centre(8), PADDING)
    )
    assert torch.equal(constrained(logits, *clicks), logits)


def test_a_mask_that_is_nowhere_is_not_everywhere_after_a_click():
    logits = torch.full((1, 1, SIDE, SIDE), -2.0)
    answer = constrained(logits, *prompt((centre(3), centre(3), FOREGROUND)))[0, 0]
    assert answer[3, 3] > 0 > answer[14, 14]


def test_a_box_holds_the_mask():
    corners = ((centre(4), centre(5), TOP_LEFT), (centre(11), centre(10), BOTTOM_RIGHT))
    answer = constrained(torch.zeros(1, 1, SIDE, SIDE), *prompt(*corners))[0, 0]
    assert answer[5, 4] == 0, "on the edge"
    assert answer[8, 8] == pytest.approx(BOX_SLOPE * BOX_DEPTH)
    # Two low_res pixels left of a box that is seven wide.
    assert answer[8, 2] == pytest.approx(-BOX_SLOPE * 2 / 7, rel=1e-5)
    assert answer[1, 8] == pytest.approx(-BOX_SLOPE * 4 / 5, rel=1e-5)
    wider = constrained(torch.zeros(1, 1, SIDE, SIDE), *prompt(*corners, (centre(14), centre(8), FOREGROUND)))[0, 0]
    assert wider[8, 12] > 0 > answer[8, 12], "a foreground click outside of the box makes it larger"


def local_by_hand(logits, before, x, y):
    """What is left of an answer (h, w) after the one before, whose last click is at (x, y)."""
    column, row = round((x - 1.5) / 4), round((y - 1.5) / 4)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(centre(columns) - x, centre(rows) - y)
    others = distance[(before > 0) != (before[row, column] > 0)]
    deviation = max(LEAST_REACH, LOCAL_REACH * min([*others, MOST_DEVIATION * 4 * SIDE]))
    new = NEW_EVERYWHERE + (1 - NEW_EVERYWHERE) * np.exp(-(distance**2) / (2 * deviation**2))
    return before + new * (logits - before)


def test_from_the_third_click_on_a_correction_is_local():
    rng = np.random.default_rng(6)
    before, answer = rng.normal(0, 30, (2, SIDE, SIDE)).astype(np.float32)
    clicks = [(13.2, 40.9, 1), (30.0, 22.5, 0), (51.7, 7.3, 1)]
    box = [(5.0, 4.0, TOP_LEFT), (58.0, 52.0, BOTTOM_RIGHT)]
    logits, mask = (torch.from_numpy(values)[None, None] for values in (answer, before))
    points, labels = prompt(*clicks, (0.0, 0.0, PADDING))
    expected = pushed_by_hand(local_by_hand(answer, before, *clicks[-1][:2]).astype(np.float64), clicks)
    np.testing.assert_allclose(constrained(logits, points, labels, mask)[0, 0].numpy(), expected, atol=1e-3)
    # Not where nothing was answered before, nor at the second click.
    plain = constrained(logits, points, labels)
    assert torch.equal(constrained(logits, points, labels, mask, torch.zeros(1)), plain)
    early = prompt(*clicks[:2], (0.0, 0.0, PADDING))
    assert torch.equal(constrained(logits, *early, mask), constrained(logits, *early))
    # A box that was drawn first changes nothing of that, one that is the news does: it says what the mask is.
    assert torch.equal(constrained(logits, *prompt(*clicks, *box), mask), constrained(logits, *prompt(*clicks, *box)))
    boxed = constrained(logits, *prompt(*box, *clicks), mask)
    assert (boxed - mask).abs().mean() < (constrained(logits, *prompt(*box, *clicks)) - mask).abs().mean()


def test_clicks_of_two_kinds_leave_each_other_in_place():
    """A click deep inside a large mask does not take the object away from the click beside it."""
    logits = torch.full((1, 1, SIDE, SIDE), -10.0)
    logits[..., 1:15, 1:15] = 10.0
    answer = constrained(logits, *prompt((centre(4), centre(7), FOREGROUND), (centre(8), centre(7), BACKGROUND)))[0, 0]
    assert answer[7, 4] > 0 > answer[7, 8]


@pytest.mark.parametrize("side", [0.5, 2.0, 5.0])
def test_a_box_smaller_than_a_pixel_of_the_mask_still_holds_one(side):
    """Its place among the pixels decides nothing."""
    for start in (20.0, 21.0, 22.5):
        corners = ((start, 30.0, TOP_LEFT), (start + side, 30.0 + side, BOTTOM_RIGHT))
        answer = constrained(torch.full((1, 1, SIDE, SIDE), 3.0), *prompt(*corners))
        assert 1 <= int((answer > 0).sum()) <= 16
        assert answer.min() >= 3 - BOX_SLOPE * BOX_DISTANCE, "nothing that spoils the next prompt"


def test_each_prompt_is_for_itself():
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(3, 4, SIDE, SIDE, generator=generator) * 5
    points = torch.rand(3, 4, 2, generator=generator) * 63
    labels = torch.tensor([[1, 0, 1, -1], [2, 3, 1, 0], [0, 0, 1, 1]])
    masks, has_mask = torch.randn(3, 1, SIDE, SIDE, generator=generator) * 5, torch.tensor([True, True, False])
    together = constrained(logits, points, labels, masks, has_mask)
    one = [slice(i, i + 1) for i in range(3)]
    alone = torch.cat([constrained(logits[i], points[i], labels[i], masks[i], has_mask[i]) for i in one])
    assert together.shape == logits.shape
    torch.testing.assert_close(together, alone)
    moved = (together != logits).flatten(1).any(dim=1)
    assert moved.all()


@pytest.fixture
def keeping(tiny_conv_config):
    return build_model(dataclasses.replace(tiny_conv_config, constrained=True), seed=1)


def test_a_model_answers_as_its_description_says(tiny_conv_model, keeping):
    embedding = torch.randn(1, 32, 4, 4, generator=torch.Generator().manual_seed(1))
    points, labels = prompt((20.0, 30.0, FOREGROUND), (45.0, 12.0, BACKGROUND))
    with torch.inference_mode():
        free, free_iou = tiny_conv_model.decode(embedding, points, labels)
        kept, kept_iou = keeping.decode(embedding, points, labels)
        boxed, _ = keeping.decode(embedding, boxes=torch.tensor([[8.0, 8.0, 40.0, 40.0]]))
        unprompted, _ = keeping.decode(embedding)
    assert torch.equal(free_iou, kept_iou)
    torch.testing.assert_close(kept, constrained(free, points, labels))
    assert not torch.equal(free, kept)
    assert (boxed[:, :, 15, 15] < boxed[:, :, 6, 6]).all()
    assert unprompted.isfinite().all()


def test_descriptions_and_fingerprints_of_before_stay_valid(tiny_conv_model, keeping):
    before = tiny_conv_model.config.to_dict()
    assert "constrained" not in before
    assert ModelConfig.from_dict(before) == tiny_conv_model.config
    assert ModelConfig.from_dict(keeping.config.to_dict()) == keeping.config
    assert decoder_sha256(tiny_conv_model) != decoder_sha256(keeping), "the page must not mix up their decoders"


@pytest.mark.parametrize("num_points", [0, 1, 7])
@pytest.mark.parametrize("has_box", [False, True])
@pytest.mark.parametrize("has_mask", [False, True])
def test_the_graph_keeps_to_prompts_as_torch_does(keeping, tmp_path, num_points, has_box, has_mask):
    files = onnx_export.export(keeping, tmp_path)
    generator = torch.Generator().manual_seed(num_points)
    embedding = torch.randn(1, 32, 4, 4, generator=generator)
    points = torch.rand(1, num_points, 2, generator=generator) * 63
    labels = (torch.arange(num_points) % 2)[None].float()
    box = torch.tensor([[[10.0, 12.0], [50.0, 41.0]]]) if has_box else torch.zeros(1, 1, 2)
    kinds = torch.tensor([[2.0, 3.0]]) if has_box else torch.tensor([[-1.0]])
    points, labels = torch.cat([points, box], dim=1), torch.cat([labels, kinds], dim=1)
    prepare, decode = (onnxruntime.InferenceSession(path) for path in (files.prepare, files.decode))
    names = [value.name for value in prepare.get_outputs()]
    feed = dict(zip(names, prepare.run(None, {"embedding": embedding.numpy()}), strict=True))
    feed |= {"point_coords": points.numpy(), "point_labels": labels.numpy()}
    mask = torch.randn(1, 1, 16, 16, generator=generator) * 8
    feed |= {"mask_input": mask.numpy(), "has_mask_input": np.float32([has_mask])}
    with torch.inference_mode():
        expected, _ = keeping.decode(embedding, points, labels, masks=mask if has_mask else None, pad=False)
    np.testing.assert_allclose(decode.run(["low_res_logits"], feed)[0], expected.numpy(), atol=1e-3)
    graph = onnx.load(files.decode)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 17)], "ONNX's own operators only"
