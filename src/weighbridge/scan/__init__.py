"""walk → formats → facts → rules → report."""
