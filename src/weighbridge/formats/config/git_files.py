r"""What Git reads of a folder: attributes that name filters and drivers, addresses of submodules.

    *.bin filter=lfs diff=lfs merge=lfs -text        .gitattributes: `filter=x` runs `filter.x.smudge` of the settings
    [submodule "x"]  path = x  url = https://…       .gitmodules, read by `settings.py`

A filter or driver runs only where somebody's settings give it a command. Sources: Git 2.51 `gitattributes` and
`gitmodules`; CVE-2017-1000117, CVE-2018-11235, CVE-2018-17456, CVE-2025-48384.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Setting, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.python.source import source_marks
from weighbridge.formats.texts.plain import search_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LONGEST = 1024 * 1024
MOST = 256
_DIFFS = frozenset(
    """lfs ada bash bibtex cpp csharp css dts elixir fortran fountain golang html ini java kotlin markdown matlab
    objc pascal perl php python ruby rust scheme tex astextplain jupyternotebook nbdime""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Drivers that come with Git, LFS and the tools for notebooks."""
_BUILT_IN = {
    "filter": frozenset(("lfs",)),
    "merge": frozenset(("lfs", "text", "binary", "union", "ours", "jupyternotebook")),
    "diff": _DIFFS,
}


class GitAttributes:
    """A file of attributes."""

    name = "git-attributes"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text."""
        del data
        return Match.MAYBE if info.name == ".gitattributes" and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield filters and drivers that do not come with Git."""
        del info
        if data.size <= LONGEST:
            text = data.read(0, data.size).decode("utf-8", "replace")
            yield from source_marks(text)
            told: set[str] = set()
            for found in re.finditer(r"[ \t](filter|merge|diff)=([^\s#]{1,200})", text):
                name = f"{found[1]}={found[2]}"
                if found[2] not in _BUILT_IN[found[1]] and name not in told and len(told) < MOST:
                    told.add(name)
                    yield Setting(f"git-attribute:{found[1]}", found[2], len(text[: found.start()].encode()))
        yield from search_text(data, budget)


def submodule(section: str, key: str, value: str, offset: int) -> Iterator[Setting]:
    """What is odd about a submodule: its address, its place or its name."""
    name = section.partition('"')[2].rstrip('"')
    if key == "url" and (
        re.match(r"-|ext::|fd::|file:|http:|git:|ssh://-|[\w+]+::", value)
        or re.search(r"[\n\r`;|$]|--upload-pack|::", value)
    ):
        yield Setting("git-submodule:url", value[:200], offset)
    elif key == "path" and (
        value.startswith("-") or re.search(r"(?:^|/)\.git(?:/|$)|(?:^|/)\.\.(?:/|$)|[\r\n]|^/", value)
    ):
        yield Setting("git-submodule:path", value[:200], offset)
    if re.search(r"(?:^|/)\.\.(?:/|$)", name):
        yield Setting("git-submodule:name", name[:200], offset)
