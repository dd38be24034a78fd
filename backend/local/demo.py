"""Sample data for `maskloom demo`: real photographs that come with scikit-image, and generated scenes."""

import io
import logging

import numpy as np
import numpy.typing as npt
from PIL import Image as Pixels
from sqlalchemy import select

from backend.core.runtime import Runtime
from backend.datasets import quarantine
from backend.datasets import service as datasets
from backend.datasets.models import Dataset
from backend.datasets.schemas import DatasetCreate

logger = logging.getLogger(__name__)

NAME = "Sample photographs"
PHOTOGRAPHS = (
    "coffee",
    "chelsea",
    "astronaut",
    "rocket",
    "immunohistochemistry",
    "coins",
    "camera",
    "hubble_deep_field",
)
SCENES = 8
SCENE_SIZE = (384, 512)


def add_demo(runtime: Runtime) -> None:
    """Makes the sample dataset and queues its import, once: a database that ever had it is left alone."""
    with runtime.database.transaction() as session:
        if session.scalar(select(Dataset.id).limit(1)) is not None:
            return
    upload = quarantine.store(runtime.settings, _files())
    with runtime.database.transaction() as session:
        description = "Photographs from scikit-image and generated scenes, to try everything on."
        dataset = datasets.create_dataset(session, DatasetCreate(name=NAME, description=description))
        datasets.request_import(session, dataset.id, {"upload": upload}, title="Import samples", user_id=None)


def _files() -> dict[str, bytes]:
    from skimage import data

    from engine.train.scenes import make_scene

    files: dict[str, bytes] = {}
    for name in PHOTOGRAPHS:
        try:
            files[f"{name}.png"] = _png(np.asarray(getattr(data, name)()))
        except (AttributeError, OSError, ModuleNotFoundError) as error:
            # Some versions of scikit-image fetch some photographs from the network.
            logger.info("the sample photograph %s is not installed: %s", name, error)
    for seed in range(SCENES):
        picture, _ = make_scene(seed, SCENE_SIZE)
        files[f"scene-{seed + 1:02d}.png"] = _png(picture)
    return files


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Pixels.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()
