"""JSON configuration: config.json, tokenizer files, indexes, and any other JSON document of a model repository.

Every string value is searched for serialized objects. Keys that loaders act upon become `Setting` facts.
Documents larger than `Limits.document` are searched in windows and not read as a tree: a limit, except for
vocabularies, which loaders read for their words alone.
"""

from __future__ import annotations

from itertools import chain

from weighbridge.core.facts import Address, Embedded, Limit, Oddity, Secret, Setting, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.config.code_references import code_references
from weighbridge.formats.config.shard_index import shards
from weighbridge.formats.config.tool_commands import commands
from weighbridge.formats.config.values import Values, keys_of
from weighbridge.formats.grammars.json_tree import parse_json_text, utf8
from weighbridge.formats.keras.config import is_keras, keras_facts
from weighbridge.formats.templates.template import is_template_key, looks_like_template, template_uses
from weighbridge.formats.texts.embedded import SHORTEST, objects_in_text
from weighbridge.formats.texts.plain import search_text
from weighbridge.formats.texts.searched import searched, searched_people

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

SETTINGS = 256
"""Settings of one document that are kept as facts."""
SHALLOW = 3
"""Levels, the document itself the first, whose values may be settings."""

VOCABULARIES = frozenset(("tokenizer.json", "vocab.json", "added_tokens.json", "merges.json", "vocabulary.json"))
"""Files of words that are longer than what is read as a tree; published ones have up to 35 MB."""


class HubConfig:
    """A JSON document."""

    name = "hub-config"
    version = 3
    extensions = frozenset((".json",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE if the first character could begin a document and the name is that of JSON, or it is an object."""
        del data
        head = info.head.lstrip(b" \t\r\n\xef\xbb\xbf")[:64]
        if head[:1] == b"{" and head[1:].lstrip(b" \t\r\n")[:1] in (b'"', b"}"):
            return Match.YES if info.extension == ".json" else Match.MAYBE
        return Match.MAYBE if info.extension == ".json" and head[:1] in (b"[", b'"', b"{") else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield settings (of files with `config` in their name) and what is hidden in strings."""
        if data.size > budget.limits.document:
            yield from search_text(data, budget)
            if info.name not in VOCABULARIES:
                yield Limit("document", budget.limits.document)
            return
        raw = data.read(0, data.size)
        text = utf8(raw)
        mark = len("\ufeff") if text.startswith("\ufeff") else 0
        tree, duplicates = parse_json_text(text[mark:] if mark else text, 3 * mark)
        for key in duplicates:
            yield Oddity("duplicate-key", f"{key!r} stands twice; readers disagree on which counts", 0)
        yield from searched(text, "text", 0, budget)
        yield from searched_people(text, "text", budget)
        yield from shards(tree)
        if is_keras(tree, raw):
            yield from keras_facts(tree, "", 0, budget)
        yield from within_budget(chain(code_references(tree, info.name), commands(tree)), budget)
        leading = Values(info.name)
        for path, key in () if text.isascii() and "\\u" not in text else keys_of(tree):
            yield from leading.key(path, key)
        kept = 0 if "config" in info.name else SETTINGS
        values: list[str] = []
        for path, value in leaves(tree):
            if isinstance(value, str) and "{" in value:
                yield from _templates(value, path, info.name, budget)
            if isinstance(value, str) and len(value) >= SHORTEST:
                values.append(value)
                for found in objects_in_text(value, path, 0, budget):
                    if isinstance(found, Embedded):
                        yield found._replace(offset=found.offset + place_of(raw, value))
                    else:
                        yield found
            if isinstance(value, str):
                yield from leading.facts(path, value)
            if kept < SETTINGS and path.count(".") <= 1:
                kept += 1
                yield Setting(path[:200], str(value)[:200] if not isinstance(value, int) else _number(value), 0)
        if "\\" in text:
            # What is written with escapes is seen only now; what was seen before is told once.
            for told in searched("\n".join(values), "a value", 0, budget):
                if isinstance(told, Address | Secret):
                    yield told._replace(offset=0)
        yield Span(0, data.size, "parsed")


def _templates(value: str, path: str, name: str, budget: Budget) -> Iterator[Fact]:
    """A value that is a template by its key, or that may be one: then it need not be in its syntax."""
    if is_template_key(path) or name.startswith("chat_template"):
        yield from template_uses(value, path, 0, budget)
    elif looks_like_template(value):
        facts = list(template_uses(value, path, 0, budget))
        if not any(isinstance(fact, UnreadSpan) for fact in facts):
            yield from facts


def _number(value: int) -> str:
    return str(value) if abs(value) < 1 << 128 else "a large number"


def leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every value that is no object and no list, with its path; keys count as values of their own path.

    Short texts, numbers and the like deeper than two levels are left out: vocabularies are made of them.
    """
    stack: list[tuple[str, Iterator[tuple[Any, Any]]]] = [("", iter((("", tree),)))]
    while stack:
        path, rest = stack[-1]
        shallow = len(stack) <= SHALLOW
        for name, node in rest:
            if type(node) is int and not shallow:
                continue
            if isinstance(node, dict):
                inner = _joined(path, name)
                for key in [key for key in node if len(key) >= SHORTEST]:
                    yield _joined(inner, key[:40]), key
                if len(stack) < SHALLOW or not _NUMBERS.issuperset(map(type, node.values())):
                    stack.append((inner, iter(node.items())))
                    break
                continue
            if isinstance(node, list):
                inner = _joined(path, name)
                if len(stack) < SHALLOW or not _WORDS.issuperset(map(type, node)):
                    stack.append((inner, iter(enumerate(node))))
                    break
                for index, text in [one for one in enumerate(node) if len(one[1]) >= SHORTEST or "{" in one[1]]:
                    yield _joined(inner, index), text
                continue
            if shallow or (isinstance(node, str) and (len(node) >= SHORTEST or "{" in node)):
                yield _joined(path, name), node
        else:
            stack.pop()


_NUMBERS = frozenset((int,))
_WORDS = frozenset((str,))


def _joined(path: str, name: Any) -> str:
    short = str(name)[:100]
    return f"{path}.{short}" if path else short


def place_of(raw: bytes, value: str) -> int:
    """Where a string stands in the document: its first characters are searched as JSON may have written them."""
    import json

    head = value[:24]
    for text in (json.dumps(head)[1:-1], json.dumps(head, ensure_ascii=False)[1:-1]):
        place = raw.find(text.encode("utf-8", "surrogatepass"))
        if place >= 0:
            return place
    return 0
