"""Evidence that can be proved: statements, envelopes, keys, and which key may say what."""
