"""Who made a model, from what, and whether it changed since: claims, each with what stands behind it."""
