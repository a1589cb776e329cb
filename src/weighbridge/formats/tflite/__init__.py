"""TensorFlow Lite, nowadays LiteRT."""
