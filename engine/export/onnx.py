"""The decoder as two ONNX graphs, for the page and for programs without torch.

prepare.onnx, once per image:
    in   embedding      float32 [1, C, G, G]
    out  the image as each layer will look at it, and what the layer norms need of it: some twenty float32 tensors,
         named and described in `engine.model.folded`; feed them to decode as they are

decode.onnx, once per prompt: the outputs above, and
    in   point_coords     float32 [1, N, 2]        model frame, pixels; only N is dynamic
         point_labels     float32 [1, N]           1 foreground, 0 background, 2 and 3 box corners, -1 padding
         mask_input       float32 [1, 1, 4G, 4G]   logits of an earlier answer, or zeros
         has_mask_input   float32 [1]              1 or 0
    out  low_res_logits   float32 [1, 4, 4G, 4G]   single mask, then candidates 1..3
         iou_predictions  float32 [1, 4]

Points come in the order they were made; a box is two of them, labelled 2 and 3. Where there is none the caller appends
one padding point (0, 0, -1). Upsampling to the image happens outside (`engine.geometry`). Both files carry
`encoder_sha256`, `decoder_sha256`, `image_size`, `embed_dim` and `grid` as metadata, so that a decoder is never fed a
foreign embedding.

The graphs are traced from `FoldedDecoder`, which needs a third of the multiplications that `Sam.decode` does for one
prompt, simplified (`engine.export.simplify`), then compared with `Sam.decode` in onnxruntime.
"""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from engine.errors import ExportError
from engine.export.simplify import simplified
from engine.model.fingerprint import decoder_sha256, encoder_sha256
from engine.model.folded import FoldedDecoder

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.model.config import ModelConfig
    from engine.model.sam import Sam

__all__ = ["OnnxFiles", "export"]

OPSET = 17  # the first with LayerNormalization
TOLERANCE = 1e-4  # largest difference from torch, relative to the size of the answer once that exceeds 1
PROMPT_INPUTS = ("point_coords", "point_labels", "mask_input", "has_mask_input")
OUTPUTS = ("low_res_logits", "iou_predictions")


@dataclass(frozen=True, kw_only=True)
class OnnxFiles:
    """Where the two graphs were written."""

    prepare: Path
    decode: Path


class _PrepareGraph(nn.Module):
    """`FoldedDecoder.prepare` with a flat list of outputs."""

    def __init__(self, decoder: FoldedDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, embedding: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.decoder.prepare(embedding).values())


class _DecodeGraph(nn.Module):
    """`FoldedDecoder.decode` with a flat list of inputs: the features `names`, then `PROMPT_INPUTS`."""

    def __init__(self, decoder: FoldedDecoder, names: Sequence[str]) -> None:
        super().__init__()
        self.decoder = decoder
        self.names = names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = dict(zip(self.names, inputs[: len(self.names)], strict=True))
        return self.decoder.decode(features, *inputs[len(self.names) :])


def export(model: Sam, out_dir: str | os.PathLike[str]) -> OnnxFiles:
    """Write prepare.onnx and decode.onnx into a folder, both or neither.

    Raises:
        ExportError: the model is not finite, torch could not trace it, the graphs answer otherwise than torch, or the
            folder cannot be written.
    """
    was_training, device = model.training, model.device
    model.eval().cpu()
    try:
        prepare, decode = _trace(model)
        check(model, prepare, decode)
    finally:
        model.train(was_training).to(device)
    return _write(Path(out_dir), prepare, decode)


def check(model: Sam, prepare: bytes, decode: bytes) -> float:
    """Run both graphs in onnxruntime beside torch on prompts of every kind.

    Returns:
        The largest difference seen, relative to the size of the answer once that exceeds 1.

    Raises:
        ExportError: it is above `TOLERANCE`, or an answer is not finite.
    """
    sessions = [_session(graph) for graph in (prepare, decode)]
    names = [output.name for output in sessions[0].get_outputs()]
    generator = torch.Generator().manual_seed(0)
    config = model.config
    embedding = torch.randn(1, config.prompt_dim, config.grid, config.grid, generator=generator)
    prepared = dict(zip(names, sessions[0].run(names, {"embedding": embedding.numpy()}), strict=True))
    worst = 0.0
    for title, prompt in _check_prompts(config, generator).items():
        feeds = {key: value.numpy() for key, value in prompt.items()}
        answers = sessions[1].run(list(OUTPUTS), {**prepared, **feeds})
        with torch.inference_mode():
            expected = model.decode(
                embedding,
                prompt["point_coords"],
                prompt["point_labels"],
                masks=prompt["mask_input"] if prompt["has_mask_input"].item() else None,
                pad=False,
            )
        for name, answer, truth in zip(OUTPUTS, answers, expected, strict=True):
            difference = _difference(answer, truth.numpy())
            if not difference <= TOLERANCE:
                raise ExportError(
                    f"The exported decoder disagrees with torch on {name} for the prompt {title!r}: off by "
                    f"{difference:.2e}, allowed {TOLERANCE:.0e}. The files were not written; check the model for NaN "
                    "and the installed torch and onnxruntime versions."
                )
            worst = max(worst, difference)
    return worst


def _trace(model: Sam) -> tuple[bytes, bytes]:
    config = model.config
    side = config.low_res_size
    embedding = torch.zeros(1, config.prompt_dim, config.grid, config.grid)
    prompt = (torch.zeros(1, 2, 2), torch.tensor([[1.0, -1.0]]), torch.zeros(1, 1, side, side), torch.zeros(1))
    decoder = FoldedDecoder(model)
    with torch.no_grad():
        features = decoder.prepare(embedding)
        answers = decoder.decode(features, *prompt)
    names, values = list(features), tuple(features.values())
    dynamic = {"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}}
    prepare = _onnx_bytes(_PrepareGraph(decoder), (embedding,), ["embedding"], names, {})
    decode_graph = _DecodeGraph(decoder, names)
    decode = _onnx_bytes(decode_graph, (*values, *prompt), [*names, *PROMPT_INPUTS], list(OUTPUTS), dynamic)
    properties = {
        "encoder_sha256": encoder_sha256(model),
        "decoder_sha256": decoder_sha256(model),
        "image_size": str(config.image_size),
        "embed_dim": str(config.prompt_dim),
        "grid": str(config.grid),
    }
    return (
        _finish(prepare, properties, _shapes(names, values)),
        _finish(decode, properties, _shapes(OUTPUTS, answers)),
    )


def _onnx_bytes(
    graph: nn.Module,
    example: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    dynamic: dict[str, dict[int, str]],
) -> bytes:
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # The tracing exporter is the one that needs no further packages; torch announces its successor each time.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph.eval(),
                example,
                buffer,  # type: ignore[arg-type] # accepted by the tracing exporter
                input_names=inputs,
                output_names=outputs,
                dynamic_axes=dynamic,
                opset_version=OPSET,
                dynamo=False,
            )
    except (RuntimeError, ValueError, TypeError, torch.onnx.errors.OnnxExporterError) as error:
        raise ExportError(f"torch could not trace the decoder: {error}. Check the installed torch version.") from error
    return buffer.getvalue()


def _shapes(names: Sequence[str], tensors: Sequence[Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in zip(names, tensors, strict=True)}


def _finish(graph: bytes, properties: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> bytes:
    """Fold what is constant, add the metadata, and state the output shapes, which are fixed though tracing forgets."""
    proto = onnx.load_model_from_string(simplified(graph))
    for output in proto.graph.output:
        for dimension, size in zip(output.type.tensor_type.shape.dim, shapes[output.name], strict=True):
            dimension.dim_value = size
    for key, value in properties.items():
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def _session(graph: bytes) -> Any:
    try:
        return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exception classes share no base but this
        raise ExportError(f"onnxruntime cannot load the exported graph: {error}") from error


def _check_prompts(config: ModelConfig, generator: torch.Generator) -> dict[str, dict[str, Tensor]]:
    """Points of every label and number, boxes, and mask prompts."""
    side = config.low_res_size

    def prompt(labels: list[int], *, mask: bool = False) -> dict[str, Tensor]:
        logits = torch.randn(1, 1, side, side, generator=generator) * 8
        return {
            "point_coords": torch.rand(1, len(labels), 2, generator=generator) * config.image_size,
            "point_labels": torch.tensor([labels], dtype=torch.float32),
            "mask_input": logits if mask else torch.zeros_like(logits),
            "has_mask_input": torch.tensor([1.0 if mask else 0.0]),
        }

    return {
        "one click": prompt([1, -1]),
        "two clicks": prompt([1, 0, -1]),
        "nine clicks": prompt([1, 0, 1, 1, 0, 0, 1, 0, 1, -1]),
        "box": prompt([2, 3]),
        "clicks, then box": prompt([0, 1, 2, 3]),
        "click and mask": prompt([1, -1], mask=True),
        "mask alone": prompt([-1], mask=True),
        "four clicks and mask": prompt([1, 0, 1, 0, -1], mask=True),
        "box, then clicks, and mask": prompt([2, 3, 1, 0, 1], mask=True),
    }


def _difference(answer: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    if answer.shape != truth.shape or not np.isfinite(answer).all():
        return float("inf")
    return float(np.abs(answer - truth).max() / max(1.0, float(np.abs(truth).max())))


def _write(out_dir: Path, prepare: bytes, decode: bytes) -> OnnxFiles:
    files = OnnxFiles(prepare=out_dir / "prepare.onnx", decode=out_dir / "decode.onnx")
    pairs = [(files.prepare, prepare), (files.decode, decode)]
    temporaries = [path.with_suffix(".onnx.tmp") for path, _ in pairs]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for temporary, (_, content) in zip(temporaries, pairs, strict=True):
            temporary.write_bytes(content)
        for temporary, (path, _) in zip(temporaries, pairs, strict=True):
            temporary.replace(path)
    except OSError as error:
        raise ExportError(
            f"The graphs could not be written to {out_dir}: {error}. Check space and permissions."
        ) from error
    finally:
        for temporary in temporaries:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return files
