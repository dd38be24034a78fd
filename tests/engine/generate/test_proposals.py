"""Proposals: confident, no duplicates, nothing that people have drawn already."""

import numpy as np
import pytest
import skimage.data
import torch

from engine.errors import EngineError, FormatError
from engine.generate.proposals import propose
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics, rle

SETTINGS = GeneratorSettings.preset("proposals", points_per_side=6, pred_iou_thresh=0.8)


@pytest.fixture(scope="module")
def embedding(sure):
    with torch.inference_mode():
        return sure.embed(sure.preprocess([skimage.data.coffee()]))[0].numpy()


@pytest.fixture(scope="module")
def proposals(sure, embedding):
    return propose(sure, embedding, (400, 600), SETTINGS)


def test_best_first_without_duplicates(proposals):
    scores = [record["predicted_iou"] for record in proposals]
    masks = [record["segmentation"] for record in proposals]
    assert len(masks) > 2
    assert scores == sorted(scores, reverse=True)
    assert (metrics.pairwise_rle_iou(masks, masks) - np.eye(len(masks))).max() <= 0.5


def test_what_people_drew_is_not_proposed_again(sure, embedding, proposals):
    drawn = proposals[0]["segmentation"]
    rest = propose(sure, embedding, (400, 600), SETTINGS, exclude=[drawn])
    assert rest == proposals[1:]
    dot = np.zeros((400, 600), dtype=bool)
    dot[5, 5] = True
    assert propose(sure, embedding, (400, 600), SETTINGS, exclude=[rle.encode(dot)]) == proposals


def test_a_mask_of_another_image_is_refused(sure, embedding):
    with pytest.raises(FormatError, match="its image is"):
        propose(sure, embedding, (400, 600), SETTINGS, exclude=[rle.encode(np.ones((3, 3)))])
    with pytest.raises(EngineError, match="between 0 and 1"):
        propose(sure, embedding, (400, 600), SETTINGS, exclude_iou_thresh=2)


def test_answers_that_are_no_numbers_name_the_image(sure, embedding):
    with pytest.raises(EngineError, match=r"embedding of dog\.jpg holds NaN"):
        propose(sure, np.where(embedding > 0, np.inf, embedding), (400, 600), SETTINGS, name="dog.jpg")
