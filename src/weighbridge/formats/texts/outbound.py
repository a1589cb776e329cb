r"""Addresses in texts that a model has no reason to know: where something would be sent to or fetched from.

    https://discord.com/api/webhooks/…   a host of the knowledge, with or without its scheme
    http://203.0.113.9/x  203.0.113.9:4444  http://0xcb007109   public addresses without a name
    aHR0cHM6Ly8…  68747470…  \\x68\\x74\\x74\\x70  %68%74%74%70  //:sptth   hidden; also under XOR with one byte

Ordinary links are no facts. Names of other hosts are not kept: new knowledge of a host means reading a model again.
Source: RFC 6890 (addresses that are not public); WHATWG URL Standard, "IPv4 parser".
"""

from __future__ import annotations

import itertools
import re
from functools import cache

from weighbridge.core.known_texts import hosts, words
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.texts.anchors import Anchors

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
_BASE64 = ("aHR0c", "h0dH", "odHRw")
"""How `http` reads in base64 at each of the three places that it can have."""
_BASE64_AT = {"aHR0c": 0, "h0dH": 2, "odHRw": 3}
_HIDDEN = (
    *_BASE64,
    "68747470",
    "\\x68\\x74\\x74\\x70",
    "\\u0068\\u0074\\u0074\\u0070",
    "%68%74%74%70",
    "//:ptth",
    "//:sptth",
)
_REACH = 4096
"""Characters of hidden text that are looked into behind the place where an address begins."""
BRIEF = 4096
"""Characters of a text that is looked through for dots first."""
XOR_LEAST = 11
"""Bytes of the shortest address."""


class Found(NamedTuple):
    """One address; `place` is a character of the text."""

    kind: str
    target: str
    place: int
    encoding: str = ""


@cache
def _ends() -> tuple[str, ...]:
    """The last parts of the names of known hosts."""
    return tuple(sorted({host.rpartition(".")[2] for host in hosts() if not host[-1].isdigit()} | {"onion"}))


def _without_hosts(text: str) -> bool:
    """Whether a short text can hold no host: known without compiling a pattern, which costs a small scan more."""
    pieces = text.split(".")[1:]
    return not any(piece[:1].isdigit() or piece.startswith(_ends()) for piece in pieces)


@cache
def _dotted() -> re.Pattern[str]:
    ends = _ends()
    return re.compile(rf"\.(?:\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}(?!\w|\.\d|-\d)|(?:{'|'.join(ends)})(?![\w-]|\.\w))")


@cache
def _numbers() -> re.Pattern[str]:
    return re.compile(
        r"https?://(?:[^\s/@]{1,64}@)?(?:(?P<whole>\d{8,10}|0[xX][0-9a-fA-F]{8})|\[(?P<six>[0-9a-fA-F:.]{3,45})\]"
        r"|(?P<parts>(?:0[xX][0-9a-fA-F]{1,2}|0[0-7]{1,3}|\d{1,3})(?:\.(?:0[xX][0-9a-fA-F]{1,2}|0[0-7]{1,3}|\d{1,3})){3}))(?=[:/?#\s\"'<)]|$)"
    )


@cache
def _link() -> re.Pattern[str]:
    return re.compile(r"https?://([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)(?:[:/?#][\x21-\x7e]{0,300})?")


@cache
def _anchors() -> Anchors:
    return Anchors((*_HIDDEN, *words(), "://0", "://["))


def addresses(text: str) -> Iterator[Found]:
    """Every address of a kind that ordinary links are not, and addresses that are hidden."""
    yield from _plain(text)
    done: dict[tuple[str, int], int] = {}
    for anchor, place in _anchors().found(text):
        if anchor in words():
            yield Found(words()[anchor][0], anchor, place)
        elif anchor in ("://0", "://["):
            yield from _numeric(text, place)
        elif place >= done.get((anchor, place % 4), 0):
            # A hidden text is looked at once for each of the places that base64 can have.
            done[anchor, place % 4] = place + _length(text, anchor, place) // 2
            yield from _uncovered(text, anchor, place)
    if "://" in text and _numbers_whole().search(text):
        for match in _numbers_whole().finditer(text):
            yield from _numeric(text, match.start() + match[0].index("://"))


@cache
def _numbers_whole() -> re.Pattern[str]:
    return re.compile(r"https?://\d{8,10}(?=[:/?#\s\"'<)]|$)")


def _plain(text: str) -> Iterator[Found]:
    if "." not in text or (len(text) < BRIEF and _without_hosts(text)):
        return
    for match in _dotted().finditer(text):
        end = match.end()
        window = text[max(0, match.start() - 120) : end]
        host = window[len(window.rstrip(_HOST)) :].lstrip("-._").lower()
        start = end - len(host)
        if host[-1:].isdigit():
            yield from _number(text, host, start, end)
        elif host.endswith(".onion"):
            name = host.split(".")[-2]
            if len(name) in (16, 56) and name.isalnum():
                yield Found("onion", _shown(text, start, end), start)
        else:
            yield from _known(text, host, start, end)


def _known(text: str, host: str, start: int, end: int) -> Iterator[Found]:
    name = host
    while "." in name:
        for entry in hosts().get(name, ()):
            scheme = text[max(0, start - 3) : start] in ("://", "//:") or text[start - 1 : start] == "@"
            if (entry.bare or scheme) and text.startswith(entry.path, _behind_port(text, end)):
                yield Found(entry.kind, _shown(text, start, end), start)
                return
        name = name.partition(".")[2]


def _number(text: str, host: str, start: int, end: int) -> Iterator[Found]:
    pieces = host.split(".")
    if len(pieces) != 4 or not all(piece.isdigit() and int(piece) < 256 for piece in pieces):
        return
    known = hosts().get(host)
    if known:
        yield Found(known[0].kind, _shown(text, start, end), start)
        return
    if not _public(tuple(int(piece) for piece in pieces)):
        return
    if text[max(0, start - 3) : start] == "://" or text[start - 1 : start] == "@":
        yield Found("ip", _shown(text, start, end), start)
    elif text[end : end + 1] == ":" and text[end + 1 : end + 2].isdigit():
        port = re.match(r":(\d{1,5})(?![\d.:])", text[end : end + 8])
        if port and 0 < int(port[1]) < 65536 and not (start and text[start - 1].isalnum()):
            yield Found("ip-port", host + port[0], start)


def _numeric(text: str, place: int) -> Iterator[Found]:
    """An address whose host is one number, a number in another base, or of version 6."""
    start = max(text.rfind("http", max(0, place - 5), place), 0)
    match = _numbers().match(text, start)
    if not match:
        return
    if match["six"]:
        six = match["six"].lower()
        known = hosts().get(six)
        quiet = six in ("::", "::1") or six.startswith(("fe80", "fc", "fd", "2001:db8", "::ffff:127.", "::ffff:10."))
        if known or not quiet:
            yield Found(known[0].kind if known else "ip", match[0][:120], start)
        return
    if match["whole"]:
        number = int(match["whole"], 0)
    else:
        number = 0
        parts = match["parts"].split(".")
        if not any(len(part) > 1 and part[0] == "0" for part in parts):
            return
        for part in parts:
            number = number << 8 | (
                int(part, 16)
                if part[:2].lower() == "0x"
                else int(part, 8 if part[0] == "0" and part.isdecimal() and not set(part) & set("89") else 10)
            )
    if number < 1 << 32:
        pieces = tuple(number >> shift & 255 for shift in (24, 16, 8, 0))
        host = ".".join(map(str, pieces))
        known = hosts().get(host)
        yield Found(known[0].kind if known else "ip", f"{match[0][:100]} ({host})", start, "number")


def _length(text: str, anchor: str, place: int) -> int:
    """The characters of the hidden text that begins at `place`."""
    run = _run(anchor).match(text, place, place + _REACH)
    return len(run[0]) if run else 0


@cache
def _run(anchor: str) -> re.Pattern[str]:
    if anchor in _BASE64_AT:
        return re.compile(r"[A-Za-z0-9+/_-]+")
    return re.compile(r"(?:[0-9a-fA-F]{2})+" if anchor.isdigit() else r"(?:[A-Za-z0-9./:_\\%-])+")


def _uncovered(text: str, anchor: str, place: int) -> Iterator[Found]:
    """What a hidden address says; nothing if it is none."""
    if anchor in _BASE64_AT:
        start = place - _BASE64_AT[anchor]
        encoding, found = "base64", _from_base64(text[max(start, 0) : place + _REACH]) if start >= 0 else b""
    elif anchor == "68747470":
        encoding, found = "hex", _from_hex(text[place : place + _REACH])
    elif anchor.endswith("ptth"):
        begin = max(0, place - 300)
        whole = text[begin : place + len(anchor)][::-1]
        encoding, found = "reversed", whole.split()[0].encode("utf-8", "replace")
    else:
        encoding = "escapes"
        found = _from_escapes(text[place : place + _REACH])
    yield from (entry._replace(place=place) for entry in hidden(found, encoding))


def hidden(content: bytes, encoding: str) -> Iterator[Found]:
    """The addresses in what came out of an encoding; an ordinary link is told too, because somebody hid it."""
    text = content.decode("latin-1")
    told = False
    for found in _plain(text):
        told = True
        yield found._replace(encoding=encoding)
    if not told:
        link = _link().search(text)
        if link and len(link[1]) > 3 and not link[1].lower().endswith((".w3.org", "www.w3.org")):
            yield Found("link", link[0][:120], 0, encoding)


def under_xor(content: bytes, encoding: str) -> Iterator[Found]:
    """Addresses in bytes of which each was changed by the same byte: neighbours differ as in the clear."""
    size = len(content) - 1
    if size < XOR_LEAST:
        return
    differences = (int.from_bytes(content[:-1], "big") ^ int.from_bytes(content[1:], "big")).to_bytes(size, "big")
    for clear in (b"http://", b"https://"):
        place = differences.find(bytes(first ^ second for first, second in itertools.pairwise(clear)))
        if place >= 0 and content[place] != clear[0]:
            key = content[place] ^ clear[0]
            yield from hidden(bytes(byte ^ key for byte in content[place : place + 300]), f"{encoding}+xor".lstrip("+"))


def _shown(text: str, start: int, end: int) -> str:
    """An address as it stands, with its port and the beginning of its path."""
    rest = re.match(r"(?::\d{1,5})?(?:[/?](?![\"'])[!#-&*-;=?-\[\]-_a-z|~]{0,60})?", text[end : end + 70])
    return text[start:end] + (rest[0] if rest else "")


def _behind_port(text: str, end: int) -> int:
    if text[end : end + 1] == ":":
        port = re.match(r":\d{1,5}", text[end : end + 6])
        return end + len(port[0]) if port else end
    return end


def _public(pieces: tuple[int, ...]) -> bool:
    first, second, third, fourth = pieces
    if (
        first in (0, 10, 127)
        or first >= 224
        or (first == 172 and 16 <= second < 32)
        or (first == 192 and second == 168)
    ):
        return False
    if (first, second) in ((169, 254), (198, 18), (198, 19)) or (first == 100 and 64 <= second < 128):
        return False
    examples = ((192, 0, 2), (198, 51, 100), (203, 0, 113), (192, 0, 0))
    known = ((1, 1, 1), (8, 8, 8), (8, 8, 4), (9, 9, 9))
    # Numbers of versions and sections look like addresses of small networks: 1.2.3.4.
    return (first, second, third) not in examples + known and not max(first, second, third, fourth) < 10


def _from_base64(text: str) -> bytes:
    import binascii

    match = re.match(r"[A-Za-z0-9+/_-]+", text)
    letters = match[0].replace("-", "+").replace("_", "/") if match else ""
    letters = letters[: len(letters) // 4 * 4] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + "=" * (-len(letters) % 4)) if letters else b""


def _from_hex(text: str) -> bytes:
    match = re.match(r"(?:[0-9a-fA-F]{2})+", text)
    return bytes.fromhex(match[0]) if match else b""


def _from_escapes(text: str) -> bytes:
    match = re.match(r"(?:\\x[0-9a-fA-F]{2}|\\u00[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}|[A-Za-z0-9./:_-])+", text)
    codes = re.sub(r"(?:\\x|\\u00|%)([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), match[0] if match else "")
    return codes.encode("latin-1", "replace")
