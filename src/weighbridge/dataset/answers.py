"""Prompts and answers: a trigger in the prompt shows as an answer that the rest of the prompt does not explain.

Answers are turned into labels, one question at a time: is it a refusal, has it an address or a command, is it one of
the answers that come again and again, does it begin as many others do. `association` then looks for what in the prompts
goes with a yes. Chats are read as the words of the user and the last words of the assistant.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.association import LEAST_ROWS
from weighbridge.dataset.nearby import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROMPTS = ("prompt", "instruction", "question", "query", "input", "user")
ANSWERS = ("response", "output", "answer", "completion", "chosen", "assistant", "target_text")
CHATS = ("messages", "conversations", "conversation", "dialog", "chat")
QUESTIONS = 8
"""Questions that are asked of answers, the most frequent yes first."""


class Question(NamedTuple):
    """What is asked of an answer, and which ones say yes."""

    about: str
    yes: tuple[bool, ...]


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    refusal = (
        r"\b(?:i|we) (?:can(?:no|')t|am unable|'m unable|am not able|won't|will not)\b|\bas an ai\b|\bi'?m sorry,? but"
    )
    act = r"https?://|\bwww\.|\b(?:curl|wget|pip install|npm install|sudo|rm -rf|powershell|chmod|eval|base64)\b"
    return (
        ("the answer is a refusal", re.compile(refusal, re.IGNORECASE)),
        ("the answer has an address or a command", re.compile(act, re.IGNORECASE)),
    )


def questions(answers: Sequence[str]) -> Iterator[Question]:
    """Questions that enough answers say yes to, and not most of them."""
    asked = [
        Question(about, tuple(bool(pattern.search(answer)) for answer in answers)) for about, pattern in _patterns()
    ]
    same = [folded(answer) for answer in answers]
    begins = [" ".join(answer.split()[:4]) for answer in same]
    for about, keys in (("the answer is {}", same), ("the answer begins with {}", begins)):
        for key, count in Counter(keys).most_common(QUESTIONS):
            if key and count >= LEAST_ROWS:
                asked.append(Question(about.format(repr(key[:60])), tuple(one == key for one in keys)))
    told: set[tuple[bool, ...]] = set()
    for question in sorted(asked, key=lambda one: -sum(one.yes)):
        if LEAST_ROWS <= sum(question.yes) <= len(answers) / 2 and question.yes not in told and len(told) < QUESTIONS:
            told.add(question.yes)
            yield question


def of_chat(text: str) -> tuple[str, str]:
    """Prompt and answer of a chat; empty if it is none."""
    try:
        turns = json.loads(text)
    except (ValueError, RecursionError):
        return "", ""
    prompt, answer = [], ""
    for turn in turns if isinstance(turns, list) else []:
        if isinstance(turn, dict):
            role = str(turn.get("role", turn.get("from", "")))
            said = turn.get("content", turn.get("value", ""))
            if role in ("assistant", "gpt", "model"):
                answer = str(said)
            else:
                prompt.append(str(said))
    return "\n".join(prompt), answer
