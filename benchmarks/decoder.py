"""How fast prompts are answered: one click and a batch of 64, beside the released decoder, natively and in ONNX."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

import engine
from benchmarks import reference
from benchmarks.measure import in_turns, options, photograph, publish
from engine.export import onnx as onnx_export
from engine.model.device import pick_device
from engine.model.sam import Sam

BATCH = 64


def main() -> None:
    args = options(__doc__, repeats=10).parse_args()
    model = engine.load("default", pick_device(args.device))
    with torch.inference_mode():
        embedding = model.embed(model.preprocess([photograph()]))
        features = model.prepare(embedding)
    side = model.config.image_size
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand(BATCH, 1, 2, generator=generator) * side).to(model.device)
    labels = torch.ones(BATCH, 1, device=model.device)
    sides: dict[str, Any] = {}
    answers: dict[str, torch.Tensor] = {}

    def ours(count: int) -> None:
        with torch.inference_mode():
            answers[f"ours {count}"] = model.decode(features, points[:count], labels[:count])[0][:, 1:]

    if args.reference:
        theirs = reference.with_our_weights(reference.load(args.reference), model)

        def released(count: int) -> None:
            with torch.inference_mode():
                sparse, dense = theirs.prompt_encoder(points=(points[:count], labels[:count]), boxes=None, masks=None)
                answers[f"released {count}"] = theirs.mask_decoder(
                    image_embeddings=embedding,
                    image_pe=theirs.prompt_encoder.get_dense_pe(),
                    sparse_prompt_embeddings=sparse,
                    dense_prompt_embeddings=dense,
                    multimask_output=True,
                )[0]

        sides |= {"released, 1 click": lambda: released(1), f"released, {BATCH} clicks": lambda: released(BATCH)}
    sides |= {"ours, 1 click": lambda: ours(1), f"ours, {BATCH} clicks": lambda: ours(BATCH)}
    with tempfile.TemporaryDirectory() as folder:
        sides["ours, 1 click, ONNX on the CPU"] = _onnx(model, embedding, Path(folder))
        seconds = in_turns(sides, args.repeats)
    rows = []
    for name, value in seconds.items():
        base = seconds.get(f"released, {BATCH} clicks" if str(BATCH) in name else "released, 1 click")
        if "ONNX" in name and model.device.type != "cpu":
            base = None  # another processor
        rows.append({"side": name, "milliseconds": 1000 * value, "times as fast": base / value if base else None})
    notes = []
    if args.reference:
        difference = float((answers[f"ours {BATCH}"] - answers[f"released {BATCH}"]).abs().max())
        notes.append(f"Largest difference of {BATCH} prompts' logits: {difference:.2g}")
    publish("decoder", rows, args.out, notes=notes)


def _onnx(model: Sam, embedding: torch.Tensor, folder: Path) -> Any:
    """One click by onnxruntime, the image prepared beforehand."""
    files = onnx_export.export(model, folder)
    prepare, decode = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in (files.prepare, files.decode)
    )
    names = [output.name for output in prepare.get_outputs()]
    feeds = dict(zip(names, prepare.run(names, {"embedding": embedding.cpu().numpy()}), strict=True))
    low_res = model.config.low_res_size
    feeds |= {
        "point_coords": np.array([[[200.0, 150.0], [0.0, 0.0]]], np.float32),
        "point_labels": np.array([[1.0, -1.0]], np.float32),
        "mask_input": np.zeros((1, 1, low_res, low_res), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
    }
    return lambda: decode.run(None, feeds)


if __name__ == "__main__":
    main()
