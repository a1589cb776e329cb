"""Walls around a program that is not ours: no network, nothing to read but its input, little of anything else."""
