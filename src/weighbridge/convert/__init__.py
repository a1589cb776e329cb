"""Checkpoints that can run code turned into files that cannot, without running any of it."""
