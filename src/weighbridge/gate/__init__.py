"""Requirements and decisions: judges verified evidence, reads nothing itself."""
