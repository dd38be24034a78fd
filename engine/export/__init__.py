"""What leaves the engine: SA-1B and COCO files, ONNX graphs."""
