"""Other scanners, asked for by name: run behind walls, their answers read as what a stranger says."""
