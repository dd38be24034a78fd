"""Model versions, their ONNX files, and the embeddings of their encoders."""
