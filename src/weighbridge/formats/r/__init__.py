"""Values that R serializes."""
