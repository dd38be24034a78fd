"""Single rows, written without jobs: for tests that need many of them, or need them in a certain state."""

import hashlib
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from backend.accounts.models import Role, User
from backend.core.runtime import Runtime
from backend.core.storage import Storage
from backend.datasets.files import image_key, thumbnail_key
from backend.datasets.models import Dataset, Image
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from engine.masks import rle
from tests.factories import images

SIZE = (48, 64)
"""(h, w) of images that nobody asked another size for."""


def make_user(session: Session, role: str = "annotator", email: str | None = None) -> User:
    """A user without a usable password."""
    address = email or f"{uuid.uuid4().hex[:8]}@example.org"
    user = User(email=address, name=address.split("@")[0], role=Role(role), password_hash="!")
    session.add(user)
    session.flush()
    return user


def make_dataset(session: Session, **values: Any) -> Dataset:
    """A dataset with the given columns."""
    dataset = Dataset(**{"name": f"dataset {uuid.uuid4().hex[:8]}", **values})
    session.add(dataset)
    session.flush()
    return dataset


def make_image(
    session: Session, dataset: Dataset, *, storage: Storage | None = None, seed: int | None = None, **values: Any
) -> Image:
    """An image of the dataset; its file is stored where a storage is given."""
    seed = int(uuid.uuid4().int % 2**32) if seed is None else seed
    size = (values.pop("height", SIZE[0]), values.pop("width", SIZE[1]))
    data = images.png(seed, size)
    sha256 = hashlib.sha256(data).hexdigest()
    if storage is not None:
        storage.put_bytes(image_key(sha256), data)
    columns = {
        "dataset_id": dataset.id,
        "file_name": f"{seed}.png",
        "height": size[0],
        "width": size[1],
        "sha256": sha256,
        "source_sha256": sha256,
        "bytes": len(data),
        "content_type": "image/png",
        "storage_key": image_key(sha256),
        "thumbnail_key": thumbnail_key(sha256),
    }
    image = Image(**{**columns, **values})
    session.add(image)
    session.flush()
    return image


def make_model(session: Session, storage: Storage, **values: Any) -> ModelVersion:
    """A registered model version whose files are placeholders: for tests that run no model."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("weights", "prepare", "decode")]
        for path in paths:
            path.write_bytes(path.name.encode())
        files = registry.ModelFiles(
            weights=paths[0],
            prepare=paths[1],
            decode=paths[2],
            encoder_sha256=values.pop("encoder_sha256", "e" * 64),
            decoder_sha256=values.pop("decoder_sha256", "d" * 64),
            image_size=512,
            embed_dim=128,
            grid=32,
        )
        defaults = {"name": "model", "model_id": uuid.uuid4()}
        return registry.register_model(session, storage, files, **{**defaults, **values})


def fill(runtime: Runtime, num_images: int) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """A dataset with stored images, each of another height: (dataset id, image ids)."""
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
        images = [
            make_image(session, dataset, storage=runtime.storage, seed=seed, height=40 + seed).id
            for seed in range(num_images)
        ]
        return dataset.id, images


def box_rle(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = SIZE) -> dict[str, Any]:
    """The RLE of the pixels x0..x1-1, y0..y1-1."""
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return dict(rle.encode(mask))
