"""The model bill of materials: one internal record, several renderings."""
