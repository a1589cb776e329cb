"""The index: a database that can be rebuilt from the registry, but for the log of decisions, which proves itself."""
