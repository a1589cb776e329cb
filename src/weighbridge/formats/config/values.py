r"""Values of settings that lead somewhere: absolute paths, paths that climb, addresses of other hosts, deceiving marks.

    "/data/ada/x", "C:\\Users\\ada\\x", "~/x"      of one machine               road `path`
    "../../x", "a/../../x"                          out of the folder            road `climbing-path`
    "\\\\host\\share", "file:///x"                  another machine, a scheme    road `path`
    "https://host/x", "s3://bucket/x"               an address                   road `address`
    marks that turn the reading direction, or that nobody sees                   oddity `value-marks`

Only a value that is nothing else counts, not a sentence that mentions a path. Words are left out: vocabularies,
merges, added tokens, labels, chat texts and templates are made of whatever people write, marks too. Sources: Unicode
16, 23.2 and 9.9 (UAX 9); CVE-2021-42574; Microsoft "Naming Files, Paths, and Namespaces".
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.facts import FileReference, Oddity
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LONGEST = 500
"""Characters of a value that may be a path or an address."""
MOST = 64
"""Paths and addresses of one document that are told."""
WORDY = 256
"""Keys of one object from which on it is a list of words."""
_WORDS = frozenset(
    """vocab merges added_tokens added_tokens_decoder added_tokens_encoder id2label label2id labels label names
    classes chat_template chat_templates messages conversations text texts content prompt prompts description
    examples instruction instructions system response output input special_tokens additional_special_tokens
    bos_token eos_token unk_token pad_token sep_token cls_token mask_token suppress_tokens stop stop_words bad_words
    title summary caption question answer widget model_index tags notes comment comments regex pattern
    normalizer pre_tokenizer decoder post_processor token tokens words dictionary symbols alphabet
    characters charset phonemes""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Keys below which values are what people write, not what programs open."""
_VOCABULARIES = (
    "vocab",
    "tokenizer.json",
    "added_tokens",
    "merges",
    "special_tokens_map",
    "chat_template",
    "tokens",
    "label",
)
_ROOTS = (
    r"home|root|Users|etc|tmp|var|usr|opt|mnt|data\d*|datasets?|workspace|content|kaggle|scratch|proc|sys|dev|gpfs|nfs|srv"
    r"|media|export|lustre|work|cluster|private|Volumes|fsx|dbfs|run|boot|lib|bin|sbin|storage|shared|projects?|raid|ssd"
)


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(
            rf"(?:/(?:{_ROOTS})/[^\s\"'<>|]+|~[\w.-]{{0,40}}/\S+|[A-Za-z]:[\\/][^\"<>|\n]+|\\\\[\w.-]+\\\S+|file:/\S+)"
        ),
        re.compile(r"(?:[\w.@-]+[\\/]){0,20}\.\.[\\/][^\s\"'<>|]*"),
        re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:(?://\S+|:\S.*)"),
    )


@cache
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile("[\u202a-\u202e\u2066-\u2069]"),
        re.compile(
            "[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u061c\u180e\u3164\uffa0\u115f\u1160]|[\U000e0000-\U000e007f]"
        ),
    )


class Values:
    """The values of one document. What is told is told once."""

    def __init__(self, name: str) -> None:
        self._wordy = name.lower().startswith(_VOCABULARIES)
        self._left = MOST
        self._told: set[str] = set()

    def facts(self, path: str, value: str, offset: int = 0) -> Iterator[FileReference | Oddity]:
        """What the value at `path` (keys joined by dots) leads to, and what it hides."""
        if self._wordy or not value or len(value) > LONGEST or self._left <= 0 or value in self._told:
            return
        leads = value[0] in "/\\~.f" or value[1:2] == ":" or ".." in value or ":/" in value[:24] or "::" in value[:24]
        if (not leads and value.isascii()) or not _WORDS.isdisjoint(path.lower().split(".")):
            return
        found = _leads(value) if leads else ""
        if found:
            self._left -= 1
            self._told.add(value)
            yield FileReference(found, value[:300], path[-200:], offset)
        if not value.isascii():
            yield from self._deceives(path, value, "value", offset, acting=bool(found) or _is_name(value))

    def key(self, path: str, key: str, offset: int = 0) -> Iterator[Oddity]:
        """What a key hides; keys are names, and nobody needs a mark in one."""
        if self._wordy or key.isascii() or not _WORDS.isdisjoint(path.lower().split(".")[:-1]):
            return
        yield from self._deceives(path, key, "key", offset, acting=True)

    def _deceives(self, path: str, text: str, what: str, offset: int, *, acting: bool) -> Iterator[Oddity]:
        turning, unseen = _marks()
        found = turning.search(text) or (unseen.search(text) if acting else None)
        if found and self._left > 0:
            self._left -= 1
            mark = f"U+{ord(found[0]):04X}"
            kind = "turns the reading direction" if turning.match(found[0]) else "cannot be seen"
            acts = "acting" if acting else "shown"
            yield Oddity("value-marks", f"{acts} {what} {path[-200:]!r} holds {mark}, which {kind}", offset)


def _leads(value: str) -> str:
    """The road of a value that leads somewhere, or an empty string."""
    path, climbing, address = _patterns()
    if path.fullmatch(value):
        return "climbing-path" if _climbs(value) else "path"
    if climbing.fullmatch(value) and _climbs(value):
        return "climbing-path"
    return "address" if address.fullmatch(value) else ""


def _climbs(value: str) -> bool:
    """Whether a path leads above where it begins."""
    level = 0
    for part in re.split(r"[\\/]", value):
        level += -1 if part == ".." else 0 if part in ("", ".") else 1
        if level < 0:
            return True
    return False


def _is_name(value: str) -> bool:
    """One word of ASCII letters but for its marks: a name that a program looks up."""
    bare = "".join(char for char in value if char.isascii())
    others = sum(1 for char in value if not char.isascii())
    return (
        re.fullmatch(r"[\w.:/@-]{3,}", bare) is not None
        and others <= 3
        and not any(char.isalpha() for char in value if not char.isascii())
    )


def keys_of(tree: Any) -> Iterator[tuple[str, str]]:
    """Every key of a JSON document that is not ASCII, with its path; objects that are lists of words are left out."""
    stack: list[tuple[str, Any]] = [("", tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            if len(node) > WORDY:
                continue
            for key, value in node.items():
                place = f"{path}.{key[:100]}"[-300:] if path else key[:100]
                if not key.isascii() and not isinstance(value, int):
                    yield place, key
                if isinstance(value, dict | list):
                    stack.append((place, value))
        elif isinstance(node, list) and len(node) <= WORDY:
            stack.extend(
                (f"{path}.{index}"[-300:], one) for index, one in enumerate(node) if isinstance(one, dict | list)
            )
