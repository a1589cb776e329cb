"""Text that people do not see and programs do: instructions to language models, and characters without a shape.

Whoever reviews a model with a language model hands it the card. Text in comments, of no size, white on white or made of
invisible characters reaches only the reviewer's program. Sources: OWASP LLM01 (2025); Unicode 16, 23.9 "Tag
characters".
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TAGS_LEAST = 3
"""Tag characters that spell something; flags of countries' parts use them too and are left out."""
RUN_LEAST = 8
"""Characters without a shape in a row that cannot be a mistake of a keyboard or an emoji."""


_REACH = 200
"""Characters around a word that decide: no instruction that is looked for is longer."""


@cache
def _instructions() -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
    """Patterns, each with words of which it has one: a pattern is tried only around them."""
    own = (
        "flag report mention reveal warn scan analyse analyze tell disclose",
        "safe clean benign approved trusted harmless verified",
        "secret token credential password environment conversation",
    )
    told, fine, kept = (tuple(words.split()) for words in own)
    table = (
        (
            ("ignore", "disregard", "forget", "override", "bypass"),
            (
                r"(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|your|any|these"
                r"|system)\b.{0,30}\b(?:instruction|prompt|rule|guideline|direction|message|polic|training|finding|context)"
            ),
        ),
        (
            ("you are now", "you are no longer"),
            (
                r"\byou are (?:now|no longer) (?:an?|the|in|my|bound|restricted|limited|free|allowed|required|subject"
                r"|under|called|dan|root|admin)\b"
            ),
        ),
        (("instruction",), r"\bnew (?:system )?instructions?\s*:"),
        (("system ", "developer "), r"\b(?:system|developer) (?:prompt|message|override)\b"),
        (
            tuple(f"do not {word}" for word in told),
            (
                r"(?:^|[.!?:;,\n>*-]\s*|\b(?:please|and|but|you must|you should)\s+)do not (?:flag|report|mention"
                r"|reveal|warn|scan|analy[sz]e|tell|disclose)\b"
            ),
        ),
        (
            fine,
            (
                r"\b(?:mark|rate|classify|report|label|consider|treat|declare|score)\b.{0,40}\b(?:as|is|it)\b.{0,15}\b(?:safe"
                r"|clean|benign|approved|trusted|harmless|verified)"
            ),
        ),
        (
            ("<|", "inst]", "<<sys>>"),
            r"<\|(?:im_start|im_end|system|user|assistant|start_header_id|endoftext|tool_call)\|?>|\[/?INST\]|<<SYS>>",
        ),
        (
            ("must", "should", "shall", "have to", "need to"),
            (
                r"\b(?:(?:assistant|ai|llm|chatbot|agent|copilot|gpt|claude)s?\b.{0,40}|models?\s)\b(?:must|should|shall"
                r"|have to|need to)\b.{0,60}\b(?:run|execute|install|download|send|approve|respond|reply|answer|output"
                r"|say|include|call|open|fetch)\b"
            ),
        ),
        (
            (*kept, "api key", "chat history"),
            (
                r"\b(?:exfiltrate|send|upload|post|forward)\b.{0,60}\b(?:secrets|(?:your|the|a|any) secret"
                r"|(?:token|credential|password|api key|environment|conversation)s?|chat history)\b"
            ),
        ),
        (("respond ",), r"\brespond (?:only with|with (?:only|exactly|just|the|yes|no|\W))"),
        (("act as",), r"\bact as (?:an?|the)\b.{0,40}\b(?:admin|root|developer|unrestricted|dan)\b"),
    )
    return tuple((words, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for words, pattern in table)


@cache
def _shapeless() -> re.Pattern[str]:
    return re.compile(
        f"(?P<tags>[\U000e0001\U000e0020-\U000e007f]{{{TAGS_LEAST},}})|(?P<selectors>[\U000e0100-\U000e01ef\ufe00-\ufe0e]{{3,}})"
        f"|(?P<run>[\u200b-\u200d\u2060-\u2064\ufeff\u180e\u00ad\u034f\u3164\uffa0\u115f\u1160]{{{RUN_LEAST},}})"
        "|(?P<turn>[\u202d\u202e])"
    )


def instruction(text: str) -> str:
    """The part of a text that tells a language model what to do; empty if none does."""
    lowered = text.lower()
    found = [
        match
        for words, pattern in _instructions()
        if (match := _around(words, pattern, text, lowered if len(lowered) == len(text) else ""))
    ]
    if not found:
        return ""
    first = min(found, key=lambda match: match.start())
    return text[max(0, first.start() - 30) : first.end() + 60].strip()


def _around(words: tuple[str, ...], pattern: re.Pattern[str], text: str, lowered: str) -> re.Match[str] | None:
    """The first match of a pattern near one of its words. Without a lowered text of the same length, anywhere."""
    if not lowered:
        return pattern.search(text)
    found = None
    for word in words:
        place = lowered.find(word)
        while place >= 0:
            match = pattern.search(text, max(0, place - _REACH), place + _REACH)
            if match and (found is None or match.start() < found.start()):
                found = match
            place = lowered.find(word, place + len(word)) if match is None else -1
    return found


def shapeless(text: str) -> Iterator[tuple[str, str, int]]:
    """Characters without a shape that say something: what they are, what they spell, where they stand."""
    if text.isascii():
        return
    for match in _shapeless().finditer(text):
        kind = str(match.lastgroup)
        start = match.start()
        if kind == "tags":
            if text[start - 1 : start] == "\U0001f3f4" and len(match[0]) < 10:
                continue
            spelt = "".join(chr(ord(char) - 0xE0000) for char in match[0] if 0xE0020 <= ord(char) < 0xE007F)
            yield "tag characters", spelt[:120], start
        elif kind == "selectors":
            yield "variation selectors", f"{len(match[0])} in a row", start
        elif kind == "run":
            yield "characters of no width", f"{len(match[0])} in a row", start
        else:
            line = text[text.rfind("\n", 0, start) + 1 : start + 60]
            if not any("\u0590" <= char <= "\u08ff" for char in line):
                yield "a mark that reverses the reading direction", line[-80:], start
