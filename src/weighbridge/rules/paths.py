"""Whether a path that a document names stays in the folder of the document."""

from __future__ import annotations

import re


def escape(location: str) -> str:
    """Why a location is none inside the folder, or an empty string."""
    parts = re.split(r"[/\\]", location)
    if not location or not location.isprintable():
        return "that is no file name"
    if not parts[0] or parts[0].startswith("~"):
        return "that is an absolute path"
    if ":" in parts[0]:
        return "that names a drive or an address"
    if ".." in parts:
        return "that leads upwards"
    return ""
