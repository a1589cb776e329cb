"""Models of libraries that came before, or beside, deep learning."""
