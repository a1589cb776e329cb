"""HDF5, as far as models use it."""
