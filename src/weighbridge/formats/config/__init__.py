"""Configuration: JSON, YAML, TOML, lines, lists of requirements."""
