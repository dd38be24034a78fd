"""What tests of several features share: a real, tiny model, packaged once a session, and a dataset that uses it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from backend.annotation import intake
from backend.annotation.models import Mask
from backend.core.runtime import Runtime
from backend.registry import service as registry
from backend.registry.service import ModelFiles
from engine.masks import rle
from tests.factories import images as pictures
from tests.factories.models import package_tiny_model, register_tiny_model
from tests.factories.records import SIZE, make_dataset, make_image


@dataclass(frozen=True)
class Scene:
    """A dataset whose active model is the tiny one; images with one bright disc each, in order of making."""

    dataset_id: uuid.UUID
    model_id: uuid.UUID
    image_ids: list[uuid.UUID]


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    """The packaged tiny model."""
    import torch

    torch.set_num_threads(1)  # more threads only wait for each other on something this small
    folder: Path = tmp_path_factory.mktemp("tiny")
    return package_tiny_model(folder)


@pytest.fixture
def make_scene(runtime: Runtime, tiny_files: ModelFiles) -> Callable[..., Scene]:
    """`make_scene(train=4, heldout=2, masks=True, **dataset columns)`; with masks, each disc is an imported mask."""

    def make(train: int = 4, heldout: int = 2, *, masks: bool = True, **values: Any) -> Scene:
        with runtime.database.transaction() as session:
            model = register_tiny_model(session, runtime.storage, tiny_files)
            dataset = make_dataset(session, **values)
            registry.activate(session, dataset.id, model.id)
            made = []
            for seed in range(train + heldout):
                split = "train" if seed < train else "heldout"
                image = make_image(session, dataset, storage=runtime.storage, seed=seed, split=split)
                made.append(image.id)
                if masks:
                    add_disc(session, image.id, seed)
            return Scene(dataset.id, model.id, made)

    return make


def disc(seed: int) -> npt.NDArray[np.bool_]:
    """The pixels (h, w) of the bright disc in the image of this seed."""
    inside: npt.NDArray[np.bool_] = pictures.rgb(seed, SIZE).min(axis=2) > 120
    inside[0] = False
    return inside


def add_disc(session: Any, image_id: uuid.UUID, seed: int = 0, *, smaller: int = 0) -> uuid.UUID:
    """The image's true mask, imported; `smaller` cuts that many pixels from its top, for another mask."""
    inside = disc(seed)
    inside[: int(np.flatnonzero(inside.any(axis=1))[0]) + smaller] = False
    before = set(session.query(Mask.id).filter(Mask.image_id == image_id))
    intake.import_masks(session, image_id, [{"segmentation": rle.encode(inside)}])
    (made,) = set(session.query(Mask.id).filter(Mask.image_id == image_id)) - before
    return uuid.UUID(str(made[0]))
