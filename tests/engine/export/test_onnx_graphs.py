"""The two graphs answer as torch and as the released ONNX wrapper do, and are not written when they do not."""

import dataclasses
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from engine.errors import ExportError
from engine.export import onnx as onnx_export
from engine.geometry import Frame
from engine.model.checkpoint import decoder_sha256, encoder_sha256
from engine.model.folded import FoldedDecoder
from engine.model.sam import build_model

FRAME = Frame((400, 600), 256)


@pytest.fixture(scope="module")
def files(golden_model, tmp_path_factory):
    return onnx_export.export(golden_model, tmp_path_factory.mktemp("onnx"))


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def feeds(prompt, mask_input):
    """A golden prompt by the caller's rules: clicks, then the box's corners, or a padding point without one."""
    coords = FRAME.points_to_model(prompt.get("points", np.zeros((0, 2)))).reshape(-1, 2)
    labels = list(prompt.get("labels", []))
    if "box" in prompt:
        coords = np.concatenate([coords, FRAME.boxes_to_model(prompt["box"]).reshape(2, 2)])
        labels += [2, 3]
    else:
        coords = np.concatenate([coords, np.zeros((1, 2), dtype=np.float32)])
        labels += [-1]
    use_mask = prompt.get("use_mask", False)
    return {
        "point_coords": coords[None],
        "point_labels": np.array([labels], dtype=np.float32),
        "mask_input": mask_input[None] if use_mask else np.zeros((1, 1, 64, 64), dtype=np.float32),
        "has_mask_input": np.array([use_mask], dtype=np.float32),
    }


def test_golden_answers(files, golden_dir):
    embedding = np.load(golden_dir / "encoder.npz")["embedding"]
    prepare, decode = session(files.prepare), session(files.decode)
    names = [output.name for output in prepare.get_outputs()]
    prepared = dict(zip(names, prepare.run(None, {"embedding": embedding}), strict=True))
    prompts = json.loads((golden_dir / "prompts.json").read_text())
    with np.load(golden_dir / "prompts.npz") as answers:
        for prompt in prompts:
            inputs = feeds(prompt, answers["mask_input"])
            low_res, iou = decode.run(["low_res_logits", "iou_predictions"], {**prepared, **inputs})
            name = prompt["name"]
            np.testing.assert_allclose(low_res, answers[f"{name}.onnx_all.low_res_logits"], atol=1e-4, err_msg=name)
            np.testing.assert_allclose(iou, answers[f"{name}.onnx_all.iou"], atol=1e-4, err_msg=name)

            # The released wrapper's own choice: the best candidate for at most two points, else the single mask.
            num_points = inputs["point_labels"].shape[1]
            best = int(iou[0, 1:].argmax()) + 1 if num_points <= 2 else 0
            np.testing.assert_allclose(
                low_res[:, [best]], answers[f"{name}.onnx_single.low_res_logits"], atol=1e-4, err_msg=name
            )
            np.testing.assert_allclose(iou[:, [best]], answers[f"{name}.onnx_single.iou"], atol=1e-4, err_msg=name)


def test_interface(files, golden_model):
    prepare, decode = session(files.prepare), session(files.decode)
    assert [(value.name, value.shape) for value in prepare.get_inputs()] == [("embedding", [1, 32, 16, 16])]
    prepared = [(value.name, value.shape) for value in prepare.get_outputs()]
    assert all(isinstance(size, int) for _, shape in prepared for size in shape)
    assert [(value.name, value.shape) for value in decode.get_inputs()] == [
        *prepared,
        ("point_coords", [1, "num_points", 2]),
        ("point_labels", [1, "num_points"]),
        ("mask_input", [1, 1, 64, 64]),
        ("has_mask_input", [1]),
    ]
    assert [(value.name, value.shape) for value in decode.get_outputs()] == [
        ("low_res_logits", [1, 4, 64, 64]),
        ("iou_predictions", [1, 4]),
    ]
    assert all(value.type == "tensor(float)" for value in (*decode.get_inputs(), *decode.get_outputs()))
    for path in (files.prepare, files.decode):
        properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert properties == {
            "encoder_sha256": encoder_sha256(golden_model),
            "decoder_sha256": decoder_sha256(golden_model),
            "image_size": "256",
            "embed_dim": "32",
            "grid": "16",
        }


def test_only_common_operators(files):
    """What every onnxruntime build, also the page's, carries."""
    common = {"Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Conv", "Cos", "Div", "Equal", "Erf", "Expand"}
    common |= {"Flatten", "Gather", "Gemm", "Identity", "LayerNormalization", "MatMul", "Mul", "Relu", "Reshape"}
    common |= {"Shape", "Sin", "Slice", "Softmax", "Sqrt", "Sub", "Transpose", "Unsqueeze", "Where", "Squeeze", "Split"}
    common |= {"Exp", "EyeLike", "Pad", "Pow", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceSum"}
    for path in (files.prepare, files.decode):
        graph = onnx.load(path)
        assert {node.op_type for node in graph.graph.node} <= common
        assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 17)]


def test_what_is_constant_is_folded_but_not_the_positions(files, golden_model):
    """No node is left that reads constants alone, save those that make the cells' positions of their small matrix."""
    for path in (files.prepare, files.decode):
        graph = onnx.load(path).graph
        constant = {value.name: value.dims for value in graph.initializer}
        matrix = {name for name in constant if name.endswith("positional_encoding_gaussian_matrix")}
        assert [node.name for node in graph.node if set(node.input) <= constant.keys() - matrix] == []
    assert len(matrix) == 1
    cells = golden_model.config.grid**2
    assert [name for name, dims in constant.items() if dims[-1:] == [cells] and dims[0] > 1] == []


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("num_points", [0, 1, 25])
@pytest.mark.parametrize("has_mask", [False, True])
def test_folding_changes_nothing_but_rounding(tiny_conv_config, depth, num_points, has_mask):
    """Any depth, and so many prompts that they outnumber the channels."""
    model = build_model(dataclasses.replace(tiny_conv_config, transformer_depth=depth), seed=3).eval()
    generator = torch.Generator().manual_seed(num_points)
    for parameter in model.mask_decoder.parameters():  # biases and gains that are not 0 and 1
        parameter.data += torch.randn(parameter.shape, generator=generator) * (0.3 if parameter.ndim == 1 else 0.05)
    config = model.config
    embedding = torch.randn(1, config.prompt_dim, config.grid, config.grid, generator=generator)
    points = torch.rand(1, num_points + 1, 2, generator=generator) * config.image_size
    labels = torch.tensor([[*torch.arange(num_points) % 4, -1.0]])
    mask = torch.randn(1, 1, config.low_res_size, config.low_res_size, generator=generator) * 8
    decoder = FoldedDecoder(model)
    with torch.inference_mode():
        answer = decoder.decode(decoder.prepare(embedding), points, labels, mask, torch.tensor([float(has_mask)]))
        expected = model.decode(embedding, points, labels, masks=mask if has_mask else None, pad=False)
    for ours, theirs in zip(answer, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_export_leaves_the_model_as_it_was(tiny_conv_model, tmp_path):
    tiny_conv_model.train()
    before = {key: value.clone() for key, value in tiny_conv_model.state_dict().items()}
    onnx_export.export(tiny_conv_model, tmp_path)
    assert tiny_conv_model.training
    assert all(torch.equal(value, before[key]) for key, value in tiny_conv_model.state_dict().items())


@pytest.fixture(scope="module")
def graphs(tiny_conv_config):
    return onnx_export._trace(build_model(tiny_conv_config, seed=1))


def test_a_graph_that_disagrees_is_not_written(tiny_conv_model, graphs, tmp_path, monkeypatch):
    assert onnx_export.check(tiny_conv_model, *graphs) < 1e-5
    with torch.no_grad():
        tiny_conv_model.mask_decoder.mask_tokens.weight.mul_(1.01)
    monkeypatch.setattr(onnx_export, "_trace", lambda model: graphs)
    with pytest.raises(ExportError, match=r"disagrees with torch on low_res_logits.*one click"):
        onnx_export.export(tiny_conv_model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_model_is_not_exported(tiny_conv_model, tmp_path):
    with torch.no_grad():
        tiny_conv_model.mask_decoder.iou_token.weight.fill_(torch.nan)
    with pytest.raises(ExportError):
        onnx_export.export(tiny_conv_model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(tiny_conv_model, graphs, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "_trace", lambda model: graphs)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="could not be written"):
        onnx_export.export(tiny_conv_model, tmp_path / "file")
