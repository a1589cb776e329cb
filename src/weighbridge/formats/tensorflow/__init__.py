"""TensorFlow: SavedModels, graphs, checkpoints."""
