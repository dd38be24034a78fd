"""Taking one decoded image into a dataset: deduplicated, stored, its split settled. Never commits."""

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from backend.core.errors import NotFound
from backend.core.storage import Storage
from backend.datasets.decode import Decoded
from backend.datasets.files import image_key, thumbnail_key
from backend.datasets.models import Dataset, Image
from backend.datasets.quarantine import clean_name

HELDOUT_ONE_IN = 5


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A decoded image whose files are in the storage."""

    decoded: Decoded
    sha256: str
    source_sha256: str


def store_files(storage: Storage, source: bytes, decoded: Decoded) -> Stored:
    """Puts the image and its thumbnail into the storage, unless they are there: keys are hashes of the content."""
    sha256 = hashlib.sha256(decoded.data).hexdigest()
    if not storage.exists(image_key(sha256)):
        storage.put_bytes(image_key(sha256), decoded.data)
    if not storage.exists(thumbnail_key(sha256)):
        storage.put_bytes(thumbnail_key(sha256), decoded.thumbnail)
    return Stored(decoded=decoded, sha256=sha256, source_sha256=hashlib.sha256(source).hexdigest())


def take_files(session: Session, storage: Storage, source: bytes, decoded: Decoded) -> Stored:
    """`store_files` for an image that this transaction will add: until its end nobody removes the files again."""
    lock_files(session, hashlib.sha256(decoded.data).hexdigest())
    return store_files(storage, source, decoded)


def lock_files(session: Session, sha256: str) -> None:
    """Makes those who need an image's files and those who remove them go one after the other."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"files:{sha256}", 0))))


def find_duplicate(session: Session, dataset_id: uuid.UUID, source_sha256: str, sha256: str) -> Image | None:
    """The image of the dataset with the same content, as it was sent or as it is stored."""
    same = or_(Image.source_sha256 == source_sha256, Image.sha256 == sha256)
    return session.scalar(select(Image).where(Image.dataset_id == dataset_id, same).limit(1))


def add_image(
    session: Session, dataset_id: uuid.UUID, file_name: str, stored: Stored, job_id: uuid.UUID | None
) -> tuple[Image, bool]:
    """The image of this content in the dataset, and whether it is new there."""
    # One at a time in a dataset: the split of an image depends on those before it.
    if session.scalar(select(Dataset.id).where(Dataset.id == dataset_id).with_for_update()) is None:
        raise NotFound("The dataset was deleted.")
    known = find_duplicate(session, dataset_id, stored.source_sha256, stored.sha256)
    if known is not None:
        return known, False
    decoded = stored.decoded
    image = Image(
        dataset_id=dataset_id,
        file_name=file_name,
        width=decoded.width,
        height=decoded.height,
        sha256=stored.sha256,
        source_sha256=stored.source_sha256,
        bytes=len(decoded.data),
        content_type=decoded.content_type,
        storage_key=image_key(stored.sha256),
        thumbnail_key=thumbnail_key(stored.sha256),
        split=choose_split(session, dataset_id, stored.sha256),
        import_job_id=job_id,
    )
    session.add(image)
    session.flush()
    return image, True


def choose_split(session: Session, dataset_id: uuid.UUID, sha256: str) -> str:
    """One image in five is held out, by its hash, for the dataset's life.

    Small datasets get their first held-out image at the fifth one at the latest, so that a round can be judged.
    """
    if int(sha256[:8], 16) % HELDOUT_ONE_IN == 0:
        return "heldout"
    images, heldout = session.execute(
        select(func.count(), func.count().filter(Image.split == "heldout")).where(Image.dataset_id == dataset_id)
    ).one()
    return "heldout" if images + 1 >= HELDOUT_ONE_IN and heldout == 0 else "train"


def find_by_file_name(session: Session, dataset_id: uuid.UUID, file_name: str) -> list[Image]:
    """Images that a COCO file may mean: those of exactly this name, else those of this bare file name."""
    wanted = clean_name(file_name)
    for name in dict.fromkeys((wanted, PurePosixPath(wanted).name)):
        found = session.scalars(
            select(Image).where(Image.dataset_id == dataset_id, Image.file_name == name).order_by(Image.id)
        ).all()
        if found:
            return list(found)
    return []
