"""Where models come from, and the quarantine that they land in first."""
