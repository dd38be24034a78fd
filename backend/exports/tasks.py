"""The job that writes an export: into a scratch file, then, whole, to its place in the storage.

Run again, it starts the file anew: a zip is cheap, and half of one is worth nothing.
"""

import importlib.metadata
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from backend.annotation.models import Mask
from backend.core.errors import Invalid
from backend.core.jobs import JobContext, handler, periodic
from backend.core.runtime import runtime_of
from backend.core.storage import Storage, disk_errors
from backend.datasets import service as datasets
from backend.datasets.models import Image
from backend.exports import service
from backend.exports.archive import ArchiveWriter, file_sha256, unique_stems
from backend.exports.content import (
    COCO_NAME,
    MANIFEST_FORMAT,
    MANIFEST_NAME,
    ExportImage,
    ExportMask,
    coco_json,
    records,
    sa1b_json,
    suffix_of,
    to_json,
)
from backend.exports.models import Export, ExportFormat, ExportState
from backend.exports.schemas import ExportSource
from backend.generation import service as generation
from backend.registry import service as registry

IMAGES_AT_ONCE = 100  # whose masks are read together


@dataclass
class Tally:
    """What went into the archive, for the manifest."""

    masks: int = 0
    images: list[dict[str, Any]] = field(default_factory=list)
    by_source: Counter[str] = field(default_factory=Counter)
    by_model: Counter[uuid.UUID] = field(default_factory=Counter)

    def add(self, image: ExportImage, masks: Sequence[Mask]) -> None:
        self.masks += len(masks)
        self.by_source.update(str(mask.source) for mask in masks)
        self.by_model.update(mask.model_id for mask in masks if mask.model_id is not None)
        about = {"image_id": image.number, "file_name": image.file_name, "masks": len(masks), "sha256": image.sha256}
        if image.original_name != image.file_name:
            about["original_name"] = image.original_name
        self.images.append(about)


@periodic("exports.sweep", every_s=3600.0)
def sweep(session: Session) -> None:
    """Files of exports whose dataset was deleted do not stay behind."""
    runtime = runtime_of(session)
    if runtime is not None:
        service.sweep(session, runtime.storage)


@handler(service.WORK.kind, queue="io")
def run_export(ctx: JobContext) -> dict[str, Any]:
    """Writes one export's zip and stores it."""
    export_id = uuid.UUID(ctx.payload["export_id"])
    with ctx.transaction() as session:
        row = service.begin(session, export_id, ctx.job_id)
    if row.state == ExportState.succeeded:
        return {"note": "This export had finished before."}
    path = ctx.workdir / "export.zip"
    try:
        with disk_errors():
            tally = _write(ctx, row, path)
            size, sha256 = path.stat().st_size, file_sha256(path)
            ctx.check()
            ctx.storage.put_file(row.storage_key, path)
    finally:
        path.unlink(missing_ok=True)
    with ctx.transaction() as session:
        service.finish(session, export_id, size=size, sha256=sha256, masks=tally.masks, images=len(tally.images))
    return {"masks": tally.masks, "images": len(tally.images), "bytes": size, "sha256": sha256}


def _write(ctx: JobContext, row: Export, path: Path) -> Tally:
    sources = [ExportSource(source) for source in row.sources]
    with ctx.transaction() as session:
        dataset = datasets.get_dataset(session, row.dataset_id)
        images = service.images(session, row.dataset_id, sources)
    tally = Tally()
    with ArchiveWriter(path) as archive:
        entries: list[tuple[ExportImage, list[dict[str, Any]]]] = []
        read: dict[uuid.UUID, list[Mask]] = {}
        for image, about in zip(images, _described(images, row), strict=True):
            ctx.check()
            ctx.progress(about.number - 1, len(images), f"{image.file_name} ({tally.masks} masks so far)")
            if image.id not in read:
                start = about.number - 1
                ahead = [following.id for following in images[start : start + IMAGES_AT_ONCE]]
                with ctx.transaction() as session:
                    read = service.masks_by_image(session, row.dataset_id, ahead, sources)
            masks = read[image.id]
            if not masks:  # deleted or rejected since the export began
                continue
            items = records(about, [_export_mask(mask) for mask in masks])
            if row.format == ExportFormat.sa1b:
                archive.add_bytes(f"{about.stem}.json", sa1b_json(about, items, tally.masks + 1))
            else:
                entries.append((about, items))
            if row.include_images:
                folder = "" if row.format == ExportFormat.sa1b else "images/"
                _add_image(archive, ctx.storage, f"{folder}{about.file_name}", image)
            tally.add(about, masks)
        if not tally.masks:
            raise Invalid("Every mask of this export was deleted or rejected while it was written. Export again.")
        if row.format == ExportFormat.coco:
            archive.add_bytes(COCO_NAME, coco_json(entries, dataset.name))
        archive.add_bytes(MANIFEST_NAME, to_json(_manifest(ctx, row, dataset.name, tally, archive)))
    ctx.progress(len(images), len(images), f"{tally.masks} masks on {len(tally.images)} images")
    return tally


def _described(images: Sequence[Image], row: Export) -> Iterator[ExportImage]:
    # In the SA-1B layout the images' JSON files lie beside the manifest, whose name they must not take.
    taken = {"manifest"} if row.format == ExportFormat.sa1b else set()
    stems = unique_stems([image.file_name for image in images], reserved=taken)
    for number, (image, stem) in enumerate(zip(images, stems, strict=True), start=1):
        yield ExportImage(
            number=number,
            stem=stem,
            original_name=image.file_name,
            suffix=suffix_of(image.file_name, image.content_type),
            height=image.height,
            width=image.width,
            sha256=image.sha256,
        )


def _export_mask(mask: Mask) -> ExportMask:
    points = [(p["x"], p["y"]) for p in mask.prompts if p.get("type") == "point" and p.get("label") == 1]
    return ExportMask(
        mask_id=str(mask.id),
        rle=mask.rle,
        predicted_iou=mask.predicted_iou,
        stability_score=mask.stability_score,
        crop_box=mask.crop_box,
        points=points,
    )


def _add_image(archive: ArchiveWriter, storage: Storage, name: str, image: Image) -> None:
    with storage.open(image.storage_key) as source:
        archive.add_stream(name, source, storage.size(image.storage_key))


def _manifest(ctx: JobContext, row: Export, name: str, tally: Tally, archive: ArchiveWriter) -> dict[str, Any]:
    """What this export is and how to check it. Holds no time and no id of the export: same content, same bytes."""
    with ctx.transaction() as session:
        models = [registry.get_model(session, model_id) for model_id in sorted(tally.by_model)]
        runs = generation.list_generations(session, row.dataset_id) if "generated" in tally.by_source else []
    return {
        "format": MANIFEST_FORMAT,
        "made_by": f"maskloom {importlib.metadata.version('maskloom')}",
        "dataset": {"id": str(row.dataset_id), "name": name},
        "settings": {"format": row.format, "include_images": row.include_images, "sources": row.sources},
        "counts": {
            "images": len(tally.images),
            "masks": tally.masks,
            "masks_by_source": dict(sorted(tally.by_source.items())),
        },
        "models": [
            {
                "id": str(model.id),
                "name": model.name,
                "encoder_sha256": model.encoder_sha256,
                "decoder_sha256": model.decoder_sha256,
                "masks": tally.by_model[model.id],
            }
            for model in models
        ],
        "generation_runs": [
            {"id": str(run.id), "model_id": str(run.model_id), "preset": run.preset, "settings": run.settings}
            for run in sorted(runs, key=lambda run: run.id)
            if run.state == "succeeded"
        ],
        "images": tally.images,
        "files": [
            {"name": entry.name, "bytes": entry.size, "sha256": entry.sha256}
            for entry in sorted(archive.entries, key=lambda entry: entry.name)
        ],
    }
