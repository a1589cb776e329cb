"""Addresses of links and pictures: what their scheme does, whose they look like, and whether they watch the reader.

Source: WHATWG URL Standard (tabs and newlines in an address are nothing, a backslash is a slash).
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import NamedTuple

RUNS = frozenset(["javascript", "vbscript", "livescript", "jscript", "mocha", "wysiwyg"])
REACHES = frozenset(
    [
        "file",
        "blob",
        "filesystem",
        "jar",
        "view-source",
        "intent",
        "ms-msdt",
        "search-ms",
        "ms-appinstaller",
        "ms-officecmd",
        "ms-settings",
        "shell",
        "res",
        "mk",
        "mhtml",
        "smb",
    ]
)
ORDINARY = frozenset(
    [
        "http",
        "https",
        "mailto",
        "ftp",
        "ftps",
        "tel",
        "irc",
        "ircs",
        "xmpp",
        "news",
        "magnet",
        "doi",
        "hf",
        "git",
        "ssh",
        "sms",
        "geo",
        "matrix",
    ]
)
PICTURES = (
    "data:image/png",
    "data:image/jpeg",
    "data:image/jpg",
    "data:image/gif",
    "data:image/webp",
    "data:image/avif",
)
OTHER_NAMES = {"hf.co": "huggingface.co", "youtu.be": "youtube.com", "g.co": "google.com", "git.io": "github.com"}
KEEPERS = frozenset(
    [
        "doi.org",
        "arxiv.org",
        "github.com",
        "huggingface.co",
        "handle.net",
        "kaggle.com",
        "zenodo.org",
        "pypi.org",
        "wikipedia.org",
        "githubusercontent.com",
        "github.io",
        "archive.org",
        "linkedin.com",
    ]
)
"""Where a link leads that shows another address and is none the worse: keepers of documents."""
IMITATED = (
    "huggingface",
    "github",
    "pytorch",
    "tensorflow",
    "microsoft",
    "openai",
    "anthropic",
    "googleapis",
    "kaggle",
)
BADGES = [
    "shields.io",
    "badge.fury.io",
    "badgen.net",
    "codecov.io",
    "coveralls.io",
    "colab.research.google.com",
    "githubusercontent.com",
    "github.com",
    "huggingface.co",
    "hf.co",
    "readthedocs.org",
    "zenodo.org",
    "travis-ci.org",
    "travis-ci.com",
    "circleci.com",
    "pepy.tech",
    "kaggle.com",
    "mybinder.org",
    "star-history.com",
    "contrib.rocks",
    "deepwiki.com",
    "pre-commit.ci",
    "azure.com",
]
_TOP = frozenset(
    [
        "com",
        "org",
        "net",
        "io",
        "ai",
        "co",
        "edu",
        "gov",
        "dev",
        "app",
        "info",
        "biz",
        "uk",
        "de",
        "fr",
        "eu",
        "us",
        "ru",
        "cn",
        "jp",
    ]
)
_SHARED = frozenset(["co", "com", "org", "ac", "gov", "edu", "net", "or", "ne"])


class Parts(NamedTuple):
    """An address taken apart; `host` in lower case and without a port, empty if it has none."""

    scheme: str
    user: str
    host: str
    rest: str


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):"),
        re.compile(r"(?:https?://|www\.)?((?:[\w-]{1,63}\.)+[^\W\d_]{2,24})(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE),
        re.compile(r"(?:[?&/=])([A-Za-z0-9_-]{20,}|[0-9a-f]{8}-[0-9a-f-]{27})(?:[&./]|$)"),
        re.compile(r"\{\{|%7B%7B|\$\{|\{[a-z_]+\}", re.IGNORECASE),
        re.compile(r"(?:pixel|track|beacon|open|collect|analytics|hits?)\b", re.IGNORECASE),
    )


def parts(address: str) -> Parts:
    """Take an address apart as a browser does."""
    cleaned = "".join(char for char in address if ord(char) > 0x20 and ord(char) != 0x7F)
    match = _patterns()[0].match(cleaned)
    scheme = match[1].lower() if match else ""
    rest = (cleaned[match.end() :] if match else cleaned).replace("\\", "/")
    if scheme not in ("http", "https", "ftp", "") or (not scheme and not rest.startswith("//")):
        return Parts(scheme, "", "", rest)
    authority = re.split(r"[/?#]", rest.lstrip("/"), maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    return Parts(scheme, user if at else "", re.sub(r":\d*$", "", host).lower().rstrip("."), rest)


def effect(address: str, *, picture: bool = False) -> tuple[str, str]:
    """What following an address does besides opening a page: a kind and why; both empty if nothing."""
    found = parts(address)
    if found.scheme in RUNS:
        return "script-address", "the address is a script"
    if found.scheme == "data":
        if ("data:" + found.rest.lower()).startswith(PICTURES):
            return "", ""
        svg = found.rest.lower().startswith("image/svg") and picture
        return (
            ("data-picture", "a drawing inside the address") if svg else ("script-address", "the address is a document")
        )
    if found.scheme in REACHES or address.strip().startswith("\\\\"):
        return "local-address", "the address reaches into the reader's machine or network"
    if found.scheme and found.scheme not in ORDINARY and not re.fullmatch(r"[a-z]", found.scheme):
        return ("odd-address", "a scheme that cards do not use") if "." not in found.scheme else ("", "")
    if found.user and found.host and "." in found.host:
        return "lookalike", f"what stands before the @ is no host: it leads to {found.host}"
    alike = imitates(found.host)
    return ("lookalike", alike) if alike else ("", "")


def registrable(host: str) -> str:
    """The part of a host that somebody registers: its last two labels, or three below a shared one."""
    labels = host.lower().split(".")
    three = len(labels) > 2 and labels[-2] in _SHARED and len(labels[-1]) == 2
    found = ".".join(labels[-3:] if three else labels[-2:])
    return OTHER_NAMES.get(found, found)


def shown_host(text: str) -> str:
    """The host that a link shows as its text; empty if the text is no address."""
    match = _patterns()[1].fullmatch(text.strip())
    if not match or len(text) > 300:
        return ""
    told = text.strip().lower().startswith(("http", "www."))
    host = match[1].lower()
    return host if told or host.rpartition(".")[2] in _TOP - {"co", "ai", "io"} else ""


def disagrees(text: str, address: str) -> str:
    """Where a link leads that shows another host; empty if it does as it says."""
    shown, host = shown_host(text), parts(address).host
    if not shown or not host or "." not in host:
        return ""
    leads = registrable(host)
    return "" if leads == registrable(shown) or leads in KEEPERS else f"it shows {shown} and leads to {host}"


def imitates(host: str) -> str:
    """Why a host may be taken for another one; empty if it may not."""
    if not host or host.replace(".", "").isdigit():
        return ""
    spelt = []
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                label = label[4:].encode().decode("punycode")  # noqa: PLW2901 -- the label as people see it
            except (UnicodeError, ValueError):
                return f"{host}: a name that cannot be spelt"
        spelt.append(label)
    for label in spelt:
        letters = [char for char in label if char.isalpha()]
        if any(not char.isascii() for char in letters):
            foreign = [char for char in letters if not char.isascii()]
            if all(char in _ALIKE for char in foreign):
                return f"{host}: letters of another script that look like Latin ones"
    label = registrable(".".join(spelt)).partition(".")[0]
    folded = _folded(label)
    for known in IMITATED:
        if label != known and (folded == _folded(known) or _one_edit(label, known)):
            return f"{host}: it looks like {known}"
    return ""


_ALIKE = frozenset("асԁеһіјӏорԛѕԝхуғАВЕКМНОРСТУХαικνορυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡɑıⅼⅰօսոցհɩʟʀ")


def _folded(label: str) -> str:
    for of, by in (("rn", "m"), ("vv", "w"), ("1", "l"), ("0", "o"), ("i", "l"), ("5", "s"), ("-", "")):
        label = label.replace(of, by)
    return label


def _one_edit(label: str, known: str) -> bool:
    if len(known) < 7 or abs(len(label) - len(known)) > 1 or label[:1] != known[:1]:
        return False
    start = 0
    while start < min(len(label), len(known)) and label[start] == known[start]:
        start += 1
    tail = 0
    while tail < min(len(label), len(known)) - start and label[-1 - tail] == known[-1 - tail]:
        tail += 1
    first, second = label[start : len(label) - tail], known[start : len(known) - tail]
    return (len(first) <= 1 and len(second) <= 1) or (len(first) == 2 and first == second[::-1])


def watches(attributes: dict[str, str], *, hidden: bool) -> str:
    """Why a picture tells its host who reads the document; empty if it need not."""
    address = attributes.get("src", "")
    host = parts(address).host
    if not host or any(host == badge or host.endswith("." + badge) for badge in BADGES):
        return ""
    sizes = [attributes[name].strip().removesuffix("px") for name in ("width", "height") if name in attributes]
    if hidden or (sizes and all(size in ("0", "1") for size in sizes)):
        return "a picture that cannot be seen"
    _, _, unique, templated, words = _patterns()
    _, _, query = address.partition("?")
    if templated.search(address):
        return "an address that somebody fills in for each reader"
    if query and words.search(address) and unique.search("?" + query):
        return "an address that names this document"
    return ""
