"""Python source, and the files that make an interpreter start something."""
