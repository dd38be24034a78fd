"""How fast images become embeddings: our encoders, float32 and bfloat16, beside the released ViT."""

from __future__ import annotations

import copy
from typing import Any

import torch

import engine
from benchmarks import reference
from benchmarks.measure import in_turns, options, photograph, publish
from engine.model.config import PRESETS
from engine.model.device import pick_device
from engine.model.sam import Sam, build_model


def main() -> None:
    parser = options(__doc__, repeats=3)
    parser.add_argument("--compile", action="store_true", help="also measure our encoder compiled, in bfloat16")
    parser.add_argument("--model", default="vit_b", help="vit_b, vit_l, vit_h (random weights), or a checkpoint")
    args = parser.parse_args()
    device = pick_device(args.device)
    model = build_model(PRESETS[args.model]) if args.model in ("vit_b", "vit_l", "vit_h") else engine.load(args.model)
    model = model.to(device)
    small = engine.load("default", device)
    compiled = copy.deepcopy(model)
    if args.compile:
        compiled.compile_encoder()
    inputs = {id(sam): sam.preprocess([photograph()]) for sam in (model, compiled, small)}

    def embed(sam: Sam, *, bf16: bool) -> torch.Tensor:
        """The photograph's embedding, float32; it was made the model's input before."""
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            return sam.embed(inputs[id(sam)]).float()

    sides: dict[str, Any] = {
        f"ours, {args.model}, float32": lambda: embed(model, bf16=False),
        f"ours, {args.model}, bfloat16": lambda: embed(model, bf16=True),
        "ours, default, float32": lambda: embed(small, bf16=False),
        "ours, default, bfloat16": lambda: embed(small, bf16=True),
    }
    if args.compile:
        sides[f"ours, {args.model}, bfloat16, compiled"] = lambda: embed(compiled, bf16=True)
    rows = []
    exact = embed(model, bf16=False)
    if args.reference:
        theirs = reference.official_encoder(reference.load(args.reference), model)
        batch = inputs[id(model)]

        def released() -> torch.Tensor:
            with torch.inference_mode():
                return theirs(batch)  # type: ignore[no-any-return]

        sides = {f"released, {args.model}, float32": released, **sides}
        exact = released()
    seconds = in_turns(sides, args.repeats)
    base = next(iter(seconds.values())) if args.reference else None
    for name, value in seconds.items():
        error = None
        if args.model in name and "released" not in name:
            answer = embed(compiled if "compiled" in name else model, bf16="bfloat16" in name)
            error = float((answer - exact).abs().max() / exact.abs().max())
        rows.append(
            {
                "side": name,
                "seconds": value,
                "times as fast": base / value if base and args.model in name else None,
                "largest relative error": error,
            }
        )
    publish("encoder", rows, args.out)


if __name__ == "__main__":
    main()
