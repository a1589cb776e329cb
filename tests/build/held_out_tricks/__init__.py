"""A second set of loaders, each by a road of its own, and honest source that uses the same road. Nothing is ever run.

They were written at once, before any of them was tried; `docs/source-code.md` says how many were found then. A text has
a case per `###`: its name, the hostile source and, behind `---`, the honest twin.
"""

from __future__ import annotations

from build.held_out_tricks import language, later, libraries, standard_library


def _cases() -> dict[str, tuple[str, str]]:
    found = {}
    for text in (language.TEXT, standard_library.TEXT, libraries.TEXT):
        for case in text.strip("\n").split("\n###\n"):
            name, _, rest = case.partition("\n")
            hostile, _, honest = rest.partition("\n---\n")
            found[name] = (hostile + "\n", honest + "\n")
    return found


TRICKS = _cases()
"""Name → hostile source, honest twin."""
LATER = dict(case.split("\n", 1) for case in later.TEXT.strip("\n").split("\n###\n"))
"""A third set, written when all of the second were found: name → hostile source."""
