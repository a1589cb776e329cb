"""Jinja templates, parsed and never rendered."""
