"""Keras: its archive, and the configurations that name code."""
