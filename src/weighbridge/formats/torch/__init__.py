"""PyTorch: checkpoints of every age, exported programs, and Torch7."""
