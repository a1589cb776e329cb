"""Command lines in files that tools obey, as facts: where each stands, when it runs, and what its words say it does.

Names of `SourceUse` of the kind `command`: `docker RUN`, `docker ENTRYPOINT`, …, `make`, `pipeline`, `compose`, `tox`,
`pre-commit`, `direnv`, `editor`, `container`, `task`. Levels: `build` (somebody builds or tests with the file), `start`
(somebody starts what was built), `open` (it is enough to open or enter the folder). Traits are those of `shell.py`.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.facts import SourceUse
from weighbridge.formats.texts.shell import shell_traits

SHOWN = 240


def command(where: str, level: str, key: str, text: str, offset: int = 0) -> SourceUse:
    """What a command line does; `key` says where it stands in its file."""
    traits = shell_traits(_ordinary(text))
    shown = " ".join(text.split())
    return SourceUse("command", where, f"{key}: {shown}"[:SHOWN], level, traits, offset)


def _ordinary(text: str) -> str:
    """A command line without what every image and every build does."""
    for pattern, instead in _habits():
        text = pattern.sub(instead, text)
    return text


@cache
def _habits() -> tuple[tuple[re.Pattern[str], str], ...]:
    return (
        # Lists of packages and caches, which are removed where they were made.
        (
            re.compile(
                r"\brm\s+-\w+\s+(?:(?!\S*\.\.)/var/(?:lib/apt|cache|log|tmp)\S*|(?!\S*\.\.)/tmp/\S*|(?:/root)/\.cache\S*|~/\.cache\S*|\s)+"
            ),
            "true ",
        ),
        # Variables of pipelines are put in by the pipeline.
        (re.compile(r"\$\{\{[^{}]{0,200}\}\}"), "VALUE"),
        (re.compile(r"^[ \t]*(?:set\s+-\S+(?:\s+-?\w+)*\s*(?:;|&&|$)|@|-(?=\w))\s*", re.MULTILINE), ""),
    )
