"""A route: one way by which a file makes its loader run something, or one honest file that looks like it.

Routes are built from code by the fixtures of the tests, with payloads that do nothing (`echo inert`). They are written
and scanned, never loaded.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GROUPS = {
    "callable": "Ways to get at a callable",
    "call": "Ways to call it",
    "gadget": "Callables outside the usual lists",
    "stream": "Streams that readers see differently",
    "container": "What the pickle is packed in",
    "disguise": "Under another name",
    "code": "Code without a pickle",
    "limits": "Behind something large",
    "honest": "Honest files",
}
"""Title by group, in the order of the page. Every group but the last one holds attacks."""


class Route(NamedTuple):
    """`files`: content by file name. One file is scanned as such, several as the folder that holds them.

    `reference`: where the route was published (CVE, GHSA, an issue) or the class of weakness (CWE).
    """

    id: str
    group: str
    about: str
    reference: str
    files: Callable[[], Mapping[str, bytes]]

    @property
    def honest(self) -> bool:
        return self.group == "honest"


def write(route: Route, folder: str) -> str:
    """Write the files of a route into a new folder; gives back the path to scan."""
    files = route.files()
    for name, content in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return os.path.join(folder, next(iter(files))) if len(files) == 1 else folder
