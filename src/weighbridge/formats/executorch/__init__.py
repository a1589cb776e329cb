"""ExecuTorch: programs, and what its back ends put into them."""
