"""A traced graph with everything computed that can be computed beforehand, so that a page opens it sooner.

onnxruntime does the work, with the rewrites that keep to ONNX's own operators ("basic"): any runtime reads the result,
and opening it finds a third fewer nodes to look at. Whatever is made of `held` initializers is left to the runtime:
the positions of the cells, worked out, would make the file a third larger, and are quickly made of a small matrix.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime

from engine.errors import ExportError

__all__ = ["simplified"]


def simplified(graph: bytes, held: str = "positional_encoding_gaussian_matrix") -> bytes:
    """The graph with its constant parts folded and its needless nodes gone; same inputs, same outputs.

    Args:
        graph: a serialised model of the default operator set only.
        held: end of the names of the initializers whose products stay as they are.

    Raises:
        ExportError: onnxruntime cannot read the graph.
    """
    proto = onnx.load_model_from_string(graph)
    kept = [value for value in proto.graph.initializer if value.name.endswith(held)]
    for value in kept:
        # What comes from outside cannot be folded.
        proto.graph.initializer.remove(value)
        proto.graph.input.append(onnx.helper.make_tensor_value_info(value.name, value.data_type, value.dims))
    result = _optimised(proto.SerializeToString())
    outside = {value.name: value for value in kept}
    for given in [given for given in result.graph.input if given.name in outside]:
        result.graph.input.remove(given)
        result.graph.initializer.append(outside[given.name])
    # onnxruntime names every operator set that it knows.
    own = [entry for entry in result.opset_import if entry.domain == ""]
    del result.opset_import[:]
    result.opset_import.extend(own)
    content: bytes = result.SerializeToString()
    return content


def _optimised(graph: bytes) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exception classes share no base but this
            raise ExportError(f"onnxruntime cannot load the exported graph: {error}") from error
        return onnx.load(path)
