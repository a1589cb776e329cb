"""Lists of packages for pip: from where they come is what counts.

    name==1.0 --hash=sha256:…       from the index                       nothing to say
    name @ https://host/x.whl       from an address                      road `requirement`
    git+https://host/x@commit       from a repository                    road `requirement`
    ./folder, -e .                  from the files beside the list       road `requirement-file`
    -i, --extra-index-url, --find-links, --trusted-host                  road `package-index`
    -r other.txt, -c other.txt      another list                         road `requirement-list`

`name` may have extras, versions and conditions (PEP 508). Lines go on after a backslash; `#` begins a comment.
Sources: pip 25, "Requirements File Format"; PEP 440, 508, 610.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.python.source import source_marks
from weighbridge.formats.texts.embedded import embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LONGEST = 1024 * 1024
"""Bytes of a list that is read; those of large projects with all hashes have 300,000."""
NAME = re.compile(r"(?:[\w.-]*[-_.])?(?:requirements?|constraints?)(?:[-_.][\w.-]*)?\.(?:txt|in)", re.IGNORECASE)
_INDEX = re.compile(
    r"(?:-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host|--proxy|--cert|--client-cert)"
    r"(?:[ =]\s*|(?<=-[if]))(\S*)"
)
_OTHER_LIST = re.compile(r"(?:-r|--requirement|-c|--constraint)[ =]?\s*(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[ =]?\s*(\S.*)")
_OPTION = re.compile(r"--?[a-z][\w-]*(?:[ =]\S.*)?")
_PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[[\w.,\s-]*\])?\s*(?:\(?[<>=!~]=?=?[^;@#]*\)?)?\s*(?:;.*)?")
_ADDRESS = re.compile(
    r"(?:[A-Za-z0-9][\w.-]*\s*(?:\[[\w.,\s-]*\])?\s*@\s*)?((?:(?:git|hg|svn|bzr)\+)?[a-z][a-z0-9+.-]*:(?://)?\S+|git@\S+)(.*)"
)


class Requirements:
    """A list of packages for pip."""

    name = "requirements"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text."""
        del data
        return Match.MAYBE if NAME.fullmatch(info.name) and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield from where packages come, if it is not the index."""
        del info
        if data.size > LONGEST:
            yield Limit("requirements", LONGEST)
            return
        raw = data.read(0, data.size)
        try:
            text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise FormatError("the text is not UTF-8", error.start) from None
        yield from source_marks(text)
        yield from embedded_in_text(text, "text", 0, budget)
        for number, offset, line in _lines(text):
            if not (yield from within_budget(requirement_facts(line, f"line {number}", offset), budget)):
                return
        yield Span(0, data.size, "parsed")


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Number, place and text of each line that says something, those that go on joined."""
    offset = 0
    held, first, place = "", 0, 0
    for number, line in enumerate(text.split("\n"), 1):
        if not held:
            first, place = number, offset
        offset += len(line.encode("utf-8", "surrogatepass")) + 1
        stripped = line.rstrip("\r")
        if stripped.endswith("\\"):
            held += stripped[:-1] + " "
            continue
        whole = re.sub(r"(?:^|\s)#.*$", "", held + stripped).strip()
        held = ""
        if whole:
            yield first, place, whole
    if held.strip():
        yield first, place, held.strip()


def requirement_facts(line: str, key: str, offset: int) -> Iterator[Fact]:
    """From where one requirement or option takes what it names."""
    found = _INDEX.fullmatch(line)
    if found:
        option = line.split("=", maxsplit=1)[0].split(maxsplit=1)[0]
        yield FileReference("package-index", f"{option} {found[1]}"[:500], key, offset)
        return
    found = _OTHER_LIST.fullmatch(line)
    if found:
        yield FileReference("requirement-list", found[1][:500], key, offset)
        return
    editable = _EDITABLE.fullmatch(line)
    wanted = editable[1] if editable else line
    address = _ADDRESS.fullmatch(wanted)
    if address:
        yield FileReference("requirement", address[1][:500], key, offset)
    elif wanted.startswith((".", "/", "~")) or re.match(r"[A-Za-z]:[\\/]|[\w.-]+[/\\]", wanted):
        yield FileReference("requirement-file", wanted[:500], key, offset)
    elif not editable and not _PACKAGE.fullmatch(_without_options(wanted)) and not _OPTION.fullmatch(wanted):
        yield Oddity("requirement-line", f"{key} is no requirement: {wanted[:100]!r}", offset)


def _without_options(line: str) -> str:
    return re.split(r"\s--(?:hash|config-settings?|global-option|install-option)\b", line, maxsplit=1)[0]
