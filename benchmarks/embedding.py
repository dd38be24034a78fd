"""What an embedding in fewer bits costs: mIoU from boxes and clicks with float32, float16 and int8 files, and with an
encoder that computes in bfloat16. Bytes are those of the file, and of the file as the page gets it, compressed.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

import engine
from backend.core.download import GZIP_LEVEL
from benchmarks.measure import options, publish
from engine.evaluate.clicks import ClickReport, EmbeddedSample, evaluate
from engine.model.device import pick_device
from engine.model.fingerprint import encoder_sha256
from engine.model.sam import Sam
from engine.predict import embedding as embedding_file
from engine.predict.embedding import EmbeddingMeta
from engine.train.data import CocoDataset, Sample

STORAGES: tuple[Literal["float32", "float16", "int8"], ...] = ("float32", "float16", "int8")


def main() -> None:
    parser = options(__doc__, reference=False)
    parser.add_argument("--data", type=Path, required=True, help="COCO folder: instances.json and images/")
    parser.add_argument("--limit", type=int, help="use only the first images")
    args = parser.parse_args()
    model = engine.load("default", pick_device(args.device))
    encoder = encoder_sha256(model)
    samples = CocoDataset(args.data).samples[: args.limit]
    exact, rough = (_embed(model, samples, bf16=bf16) for bf16 in (False, True))
    rows: list[dict[str, Any]] = []
    for storage in STORAGES:
        sizes, sent, embedded = [], [], []
        for sample, values in zip(samples, exact, strict=True):
            kept, content = values, values.tobytes()
            if storage != "float32":
                meta = EmbeddingMeta(
                    encoder_sha256=encoder, image_sha256="0" * 64, image_size=model.config.image_size,
                    original_size=sample.size,
                )  # fmt: skip
                content = embedding_file.encode(values, meta, storage)
                kept = embedding_file.decode(content)[0]
            sizes.append(len(content))
            sent.append(len(gzip.compress(content, GZIP_LEVEL)))
            embedded.append(EmbeddedSample(sample.name, kept, sample.masks()))
        figures = _figures(evaluate(model, embedded, (1, 5), noc=()))
        bytes_ = {"bytes": float(np.median(sizes)), "bytes sent": float(np.median(sent))}
        rows.append({"storage": storage, **bytes_, **figures})
    embedded = [
        EmbeddedSample(sample.name, values, sample.masks()) for sample, values in zip(samples, rough, strict=True)
    ]
    rows.append({**_figures(evaluate(model, embedded, (1, 5), noc=())), "storage": "float32, bfloat16 encoder"})
    for row in rows:
        row["sent, part of float32"] = row["bytes sent"] / rows[0]["bytes"] if "bytes" in row else None
    publish("embedding", rows, args.out, notes=[f"{len(samples)} images of {args.data}"])


def _embed(model: Sam, samples: list[Sample], *, bf16: bool) -> list[NDArray[np.float32]]:
    with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
        return [model.embed(model.preprocess([sample.image])).float().cpu().numpy()[0] for sample in samples]


def _figures(report: ClickReport) -> dict[str, Any]:
    after = {f"mIoU after {clicks}": report.miou(clicks) for clicks in report.clicks}
    return {"box mIoU": report.box_miou, **after}


if __name__ == "__main__":
    main()
