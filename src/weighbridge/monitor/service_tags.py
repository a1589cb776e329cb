"""The cloud's published service tags: which networks a service of Azure has.

    {"cloud": "Public", "values": [{"name": "AzureMonitor", "properties": {"addressPrefixes": ["13.65.96.175/32", …]}}]}

Source: learn.microsoft.com/azure/virtual-network/service-tags-overview, "Discover service tags by using downloadable
JSON files". The file is a few megabytes; it is read whole.
"""

from __future__ import annotations

import json

from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES = 64 * 1024 * 1024


def networks_of(path: str, names: Sequence[str]) -> list[str]:
    """The networks of these tags. Raises UsageError if the file cannot be read or has no such tag."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise UsageError(f"{path!r} is larger than any list of service tags", "name the downloaded JSON file")
        rows = json.loads(raw)["values"]
        tags = {str(row["name"]).lower(): list(row["properties"]["addressPrefixes"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path!r} has no service tags that can be read: {type(error).__name__}", "name the downloaded JSON file"
        ) from error
    if not names:
        raise UsageError("no service tag is named", "give --service-tag NAME, as in AzureMonitor")
    found: list[str] = []
    for name in names:
        if name.lower() not in tags:
            mend = did_you_mean(name.lower(), tags, "look into the file for its name")
            raise UsageError(f"{name!r} is no service tag of {path!r}", mend)
        found += tags[name.lower()]
    return found
