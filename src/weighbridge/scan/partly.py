"""A file of which only parts are fetched: what a parser asks for comes from where the file lies, the rest is unread.

Regions that hold nothing but numbers are left out beforehand: nothing of them is fetched, parsers see zeros there, and
the report says that nobody looked. So whatever a parser makes of the zeros can never lead to a clean verdict.
"""

from __future__ import annotations

import os

from weighbridge.core.artifact import Unread
from weighbridge.core.digests import Digest
from weighbridge.core.errors import NotFetched, SourceError
from weighbridge.core.facts import UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.ledger import Claim, Range, apart, settle
from weighbridge.scan.report import BlobFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from weighbridge.scan.engine import Blob

BLOCK = 16 * 1024
"""Bytes fetched at least once it is known what is left out, if nothing that is left out lies in them."""
MOST_AHEAD = 256 * 1024
"""Bytes fetched at most in advance, if a parser reads on and on."""
MOST_AT_ONCE = 4 * 1024 * 1024
"""Bytes of one request."""
MOST_PER_FILE = 64 * 1024 * 1024
"""Bytes of one file that are fetched: pickles and headers of real models have a tenth of it."""
REGIONS = 200
"""Regions of one file that are reported one by one."""
UNKNOWN = Digest("0" * 64)
"""Stands for the digest of a file that nobody hashed and whose source does not say one."""


class PartlyFetched:
    """A source of bytes for a `Reader`. `fetch` gives exactly the bytes at an offset, or raises SourceError.

    What was fetched is kept in the file at `path`, which has holes for everything else. `claimed` is the digest that
    the source says the whole file has; nothing proves it.
    """

    __slots__ = (
        "_fd",
        "_fetch",
        "_have",
        "_left_out",
        "_next",
        "_window",
        "ahead",
        "claimed",
        "failure",
        "size",
        "spent",
    )

    def __init__(self, path: str, size: int, fetch: Callable[[int, int], bytes], claimed: Digest = UNKNOWN) -> None:
        self.size = size
        self.claimed = claimed
        self.failure: SourceError | None = None
        self.spent = 0
        self.ahead = False
        """Whether more is fetched than what is asked for: not before it is known what is left out."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, size)
        self._fetch = fetch
        self._have: list[Range] = []
        self._left_out: list[Range] = []
        self._next = -1
        self._window = BLOCK

    def leave_out(self, ranges: Iterable[Range]) -> None:
        """Fetch nothing of these ranges from now on."""
        self._left_out = apart([(0, self.size)], apart([(0, self.size)], [*self._left_out, *ranges]))

    def read(self, offset: int, size: int) -> bytes:
        """The bytes, fetched if need be; zeros where they are left out. Raises NotFetched if they cannot be had."""
        for start, end in apart([(offset, offset + size)], [*self._have, *self._left_out]):
            self._bring(start, end)
        return os.pread(self._fd, size, offset)

    def _bring(self, start: int, end: int) -> None:
        """Fetch a range and what is likely to be asked for next, up to what is there or left out."""
        self._window = min(2 * self._window, MOST_AHEAD) if start == self._next else BLOCK
        last = min(max(end, start + self._window), self.size) if self.ahead else end
        place = start
        for begin, stop in apart([(start, last)], [*self._have, *self._left_out]):
            if begin >= end:
                break
            for piece in range(begin, stop, MOST_AT_ONCE):
                self._piece(piece, min(piece + MOST_AT_ONCE, stop))
            place = stop
        self._next = place

    def _piece(self, start: int, end: int) -> None:
        if self.failure is not None:
            raise NotFetched(self.failure.cause, start)
        if self.spent + end - start > MOST_PER_FILE:
            raise NotFetched(f"no more than {MOST_PER_FILE} bytes of one file are fetched by --quick", start)
        try:
            content = self._fetch(start, end - start)
        except SourceError as error:
            self.failure = error
            raise NotFetched(error.cause, start) from error
        self.spent += end - start
        os.pwrite(self._fd, content, start)
        self._have = apart([(0, self.size)], apart([(0, self.size)], [*self._have, (start, end)]))

    def holes(self) -> list[Range]:
        """What was not fetched."""
        return apart([(0, self.size)], self._have)

    def digest(self) -> Digest:
        """The digest of the file if all of it came, else the one that the source says. Raises OSError."""
        if self.holes():
            return self.claimed
        import hashlib

        state = hashlib.sha256()
        for place in range(0, self.size, MOST_AT_ONCE):
            state.update(os.pread(self._fd, MOST_AT_ONCE, place))
        return Digest(state.hexdigest())

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def with_holes(blob: Blob, path: str, partly: PartlyFetched) -> Blob:
    """The blob with everything that was not fetched as unread, whatever a format said of it."""
    holes = partly.holes()
    if not holes:
        return blob
    claims = blob.ledger.claims(0) + [Claim(start, end, "unread") for start, end in holes]
    told = [UnreadSpan(start, end - start, _why(partly)) for start, end in holes[:REGIONS]]
    if len(holes) > REGIONS:
        rest = sum(end - start for start, end in holes[REGIONS:])
        told.append(UnreadSpan(holes[REGIONS][0], rest, f"{len(holes) - REGIONS} more regions: {_why(partly)}"))
    unread = tuple(Unread(f"{path}@{span.offset}", span.size, span.why) for span in told)
    facts = BlobFacts(path, blob.format, 1, tuple(told))
    return blob._replace(ledger=settle(claims, partly.size), facts=(*blob.facts, facts), unread=(*blob.unread, *unread))


def differs(blob: Blob, path: str, partly: PartlyFetched, got: Digest) -> Blob:
    """The blob as unread, because it is not the one that the source names."""
    why = f"it has the digest {got}, and the source says {partly.claimed}"
    facts = BlobFacts(path, blob.format, 1, (UnreadSpan(0, partly.size, why),))
    return blob._replace(
        ledger=settle((), partly.size),
        facts=(*blob.facts, facts),
        unread=(*blob.unread, Unread(path, partly.size, why)),
    )


def _why(partly: PartlyFetched) -> str:
    digest = "its digest is not known" if partly.claimed == UNKNOWN else "its digest is what the source says"
    return f"not fetched by --quick; {digest}"
