"""ONNX, and the form in which ONNX Runtime stores it."""
