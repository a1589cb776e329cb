"""Training data: which version it is, what is in it, and what in it could make a model do what nobody asked for."""
