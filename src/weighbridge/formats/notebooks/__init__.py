"""Notebooks: cells, magics, outputs."""
