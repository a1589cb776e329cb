"""Zip archives whose purpose is to be installed or started: jars, Android and Python packages, browser extensions.

    .jar .war .aar   META-INF/MANIFEST.MF        classes of Java
    .apk .aab        AndroidManifest.xml         dex and native libraries
    .whl             NAME.dist-info/WHEEL        Python code that pip puts where every program imports it
    .egg             EGG-INFO/PKG-INFO
    .xpi .crx .vsix .nupkg                       extensions and packages of other programs

The archive is read as any zip archive and every member is inspected; besides, it is told that it is a package.
Sources: JAR file specification; PyPA "binary distribution format"; Android "application fundamentals".
"""

from __future__ import annotations

from weighbridge.core.facts import Native
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.zip import Zip, find_end_record
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

TAIL = 1024 * 1024
"""Bytes of the central directory that are searched for the marks."""
KINDS = {
    ".jar": "jar", ".war": "jar", ".ear": "jar", ".aar": "jar", ".apk": "android-package", ".aab": "android-package",
    ".whl": "python-wheel", ".egg": "python-egg", ".xpi": "browser-extension", ".crx": "browser-extension",
    ".vsix": "editor-extension", ".nupkg": "nuget-package", ".msix": "windows-package", ".appx": "windows-package",
}  # fmt: skip
_MARKS = (
    (b"META-INF/MANIFEST.MF", "jar"),
    (b"AndroidManifest.xml", "android-package"),
    (b".dist-info/WHEEL", "python-wheel"),
    (b"EGG-INFO/PKG-INFO", "python-egg"),
)


class Package:
    """A zip archive that something installs."""

    name = "package"
    version = 1
    extensions = frozenset(KINDS)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for a zip archive with such a name or such a member."""
        return Match.YES if info.head.startswith(b"PK\x03\x04") and _kind(data, info) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Its kind, and everything that a zip archive says."""
        yield Native(_kind(data, info))
        yield from Zip().parse(data, info, budget)


def _kind(data: Reader, info: BlobInfo) -> str:
    if info.extension in KINDS:
        return KINDS[info.extension]
    record = find_end_record(data)
    tail = data.peek(max(0, record - TAIL), min(record, TAIL)) if record > 0 else b""
    return next((kind for mark, kind in _MARKS if mark in tail), "")
