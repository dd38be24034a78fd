"""Models as ONNX graphs, masks as SA-1B and COCO files."""
