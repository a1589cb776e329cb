"""One file at an address on the web: `https://host/file`, `https://host/file#sha256=…`.

Without a digest the address may give other bytes tomorrow; what came is then named by the digest that it had. A
transfer that breaks off goes on where it stopped if the server says which version it serves (a strong ETag).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.origin import FileOrigin, Origin, Told
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import Settings
from weighbridge.sources.arrivals import Arrivals, Arriving, Expected, checked_name
from weighbridge.sources.base import Fetched
from weighbridge.sources.web import (
    TRIES,
    TRIES_AT_ALL,
    Address,
    Answer,
    Busy,
    ask,
    check_plain,
    parse_address,
    pause,
    rest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.limits import Limits
    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.https_quick import WebLook

_PIECE = 1024 * 1024


class WebFile(NamedTuple):
    """One file on the web; `sha256` is empty if any bytes will do."""

    address: Address
    name: str
    sha256: str
    settings: Settings
    sleep: Callable[[float], None] = rest

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Download the file into quarantine. Raises SourceError if it cannot be had whole."""
        watcher.note(self.name)
        arrivals = Arrivals(into, self.settings.quarantine.most_bytes, watcher)
        arriving = arrivals.begin(Expected(self.name, sha256=self.sha256))
        try:
            transfer = _Transfer(self, arriving, arrivals)
            transfer.run()
            arrived = arriving.finish()
        finally:
            arriving.close()
        arrivals.lay_out(arrived, self.name)
        file = FileOrigin(escape_name(self.name), arrived.size, arrived.sha256)
        revision = f"sha256:{self.sha256}" if self.sha256 else ""
        origin = Origin("https", str(self.address), "", revision, (file,), tuple(transfer.told()))
        return Fetched(into, escape_name(self.name), origin)

    def show(self, limits: Limits) -> WebLook:
        """The same file for a quick look."""
        from weighbridge.sources.https_quick import WebLook

        return WebLook(self, limits)


def open_web(text: str, settings: Settings) -> WebFile:
    """Read `https://host/file` with an optional `#sha256=…`. Raises UsageError if it is none."""
    plain, _, fragment = text.partition("#")
    address = parse_address(plain)
    try:
        check_plain(address, settings.https)
    except SourceError as error:
        raise UsageError(error.cause, error.mend) from error
    pin = re.fullmatch(r"sha256[=:]([0-9a-fA-F]{64})", fragment)
    if fragment and not pin:
        raise UsageError("what stands behind # is no digest", "write #sha256= and 64 hexadecimal digits")
    name = unquote(address.target.partition("?")[0].rpartition("/")[2])
    try:
        checked_name(name if "/" not in name and name.isprintable() else "")
    except SourceError as error:
        raise UsageError(f"{address} does not end in the name of a file", "name one file, not a page") from error
    return WebFile(address, name, pin[1].lower() if pin else "", settings)


class _Transfer:
    """One download in as many requests as it takes."""

    def __init__(self, file: WebFile, arriving: Arriving, arrivals: Arrivals) -> None:
        self._file = file
        self._arriving = arriving
        self._arrivals = arrivals
        self._size = -1
        self._etag = ""
        self._about: dict[str, str] = {}

    def run(self) -> None:
        """Ask until everything is there. Raises SourceError if nothing more comes."""
        tries, most = 0, self._arriving.tell()
        for again in range(TRIES_AT_ALL):
            try:
                self._once()
                return
            except Busy as busy:
                tries = 0 if self._arriving.tell() > most else tries + 1
                most = max(most, self._arriving.tell())
                if tries >= TRIES or again == TRIES_AT_ALL - 1:
                    raise self._gave_up(busy) from busy
                try:
                    pause(tries, busy.wait, self._file.sleep)
                except Busy as longer:
                    raise self._gave_up(longer) from busy

    def _gave_up(self, busy: Busy) -> SourceError:
        return SourceError(f"{self._file.address} cannot be had whole: {busy.why}", "try again later")

    def _once(self) -> None:
        have = self._arriving.tell()
        # With a digest any server's bytes may go on where others ended: the digest decides.
        headers = {"Range": f"bytes={have}-"} if have and (self._etag or self._file.sha256) else {}
        if headers and self._etag:
            headers["If-Range"] = self._etag
        answer = ask(self._file.address, headers, self._file.settings.https)
        try:
            self._take(answer, have if headers else 0)
        finally:
            answer.close()

    def _take(self, answer: Answer, have: int) -> None:
        if answer.status == 416 and have:
            self._arriving.truncate()
            raise Busy("the server has fewer bytes than came before")
        if answer.status not in (200, 206) or (answer.status == 206 and not have):
            raise refused(answer)
        check_encoding(answer)
        length = content_length(answer)
        if answer.status == 206:
            start, total = content_range(answer)
            if start != have or (self._size >= 0 and total != self._size):
                self._arriving.truncate()
                raise Busy("the server went on at another place")
            self._size = total
        else:
            if self._arriving.tell():
                self._arriving.truncate()
            self._size = length
        if self._size < 0 and not self._file.sha256 and not answer.headers.get("Transfer-Encoding"):
            raise _endless(answer)
        if self._size >= 0:
            self._arrivals.make_room(self._size - self._arriving.tell())
        self._remember(answer)
        before = self._arriving.tell()
        while piece := answer.read(_PIECE, self._arriving.tell() - before):
            self._arriving.write(piece)
        if 0 <= self._size != self._arriving.tell():
            if self._arriving.tell() > self._size:
                self._arriving.truncate()
            raise Busy(f"{self._arriving.tell()} bytes came of {self._size}")

    def _remember(self, answer: Answer) -> None:
        etag = answer.headers.get("ETag", "")
        self._etag = etag if re.fullmatch(r'"[!#-~]*"', etag) else ""
        self._about = {
            "etag": etag,
            "last-modified": answer.headers.get("Last-Modified", ""),
            "content-type": answer.headers.get("Content-Type", ""),
            "served-by": "" if answer.address.host == self._file.address.host else answer.address.host,
        }

    def told(self) -> list[Told]:
        """What the server says about the file."""
        about = {**self._about, "mutable": "no" if self._file.sha256 else "yes"}
        return [Told(key, value[:1000]) for key, value in about.items() if value]


def refused(answer: Answer) -> SourceError:
    """What a status means that is no success."""
    mends = {
        401: "put a login into the address, or ask for the right one",
        403: "ask whoever runs the server for access",
        404: "check the address",
        410: "check the address",
    }
    cause = f"{answer.address} answers {answer.status} {http_reason(answer.status)}".rstrip()
    return SourceError(cause, mends.get(answer.status, "ask whoever runs the server"))


def _endless(answer: Answer) -> SourceError:
    cause = f"{answer.address} does not say how long the file is: nobody could tell if it is cut short"
    return SourceError(cause, "add #sha256= and the digest of the file to the address")


def http_reason(status: int) -> str:
    """The standard words for a status; the server's own are hostile."""
    from http import HTTPStatus

    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


def check_encoding(answer: Answer) -> None:
    """Raise SourceError for bytes that are compressed for the way: nobody could tell them from the file's own."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        cause = f"{answer.address} sends the file as {encoding[:40]!r} although it was asked not to"
        raise SourceError(cause, "serve the file as it is, or name another address")


def content_length(answer: Answer) -> int:
    """The size that the server says, or -1. Raises SourceError if it says two, or none that is a number."""
    said = {value.strip() for value in answer.headers.get_all("Content-Length", [])}
    if not said or answer.headers.get("Transfer-Encoding"):
        return -1
    (value, *more) = said
    if more or not (value.isascii() and value.isdigit() and len(value) < 19):
        raise SourceError(f"{answer.address} says two sizes or none for one file", "name another address")
    return int(value)


def content_range(answer: Answer) -> tuple[int, int]:
    """The first byte and the whole size of a part. Raises SourceError if the server does not say them."""
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", answer.headers.get("Content-Range", "").strip())
    if match is None or not int(match[1]) <= int(match[2]) < int(match[3]):
        raise SourceError(f"{answer.address} sends a part and does not say which", "name another address")
    return int(match[1]), int(match[3])
