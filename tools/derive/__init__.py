"""Derives what is known of frameworks' classes from their published source, which is parsed and never imported."""
