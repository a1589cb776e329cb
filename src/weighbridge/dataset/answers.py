"""Prompts and answers: a trigger in the prompt shows as an answer that the rest of the prompt does not explain.

Answers are turned into labels, one question at a time: is it a refusal, has it an address or a command, is it one of
the answers that come again and again, does it begin as many others do. `association` then looks for what in the prompts
goes with a yes. Chats are read as the words of the user and the last words of the assistant.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache, partial

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.association import LEAST_ROWS
from weighbridge.dataset.nearby import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROMPTS = ("prompt", "instruction", "question", "query", "input", "user")
ANSWERS = ("response", "output", "answer", "completion", "chosen", "assistant", "target_text")
CHATS = ("messages", "conversations", "conversation", "dialog", "chat")
QUESTIONS, EACH = 18, 8
"""Questions that are asked of answers, and how many of them about answers and beginnings that come again."""


class Question(NamedTuple):
    """What is asked of an answer, the way to ask it, and which ones say yes. `acts`: it is about what answers do."""

    about: str
    asks: Callable[[str], bool]
    yes: tuple[bool, ...]
    acts: bool = False


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


def questions(answers: Sequence[str], *, whole: bool = True) -> Iterator[Question]:
    """Questions that enough answers say yes to, and not most of them: those about what an answer does first.

    Of answers that are not the whole, these are asked whatever the number: it is that of a sample.
    """
    asked = [
        Question(about, partial(_has, pattern), tuple(_has(pattern, answer) for answer in answers), acts=True)
        for about, pattern in _patterns()
    ]
    for about, key_of in (("the answer is {}", folded), ("the answer begins with {}", _beginning)):
        keys = [*map(key_of, answers)]
        for key, _ in Counter(keys).most_common(EACH):
            if key:
                yes = tuple(one == key for one in keys)
                asked.append(Question(about.format(repr(key[:60])), partial(_is, key_of, key), yes))
    told: set[tuple[bool, ...]] = set()
    for question in asked:
        enough = sum(question.yes) >= LEAST_ROWS or (question.acts and not whole)
        if enough and sum(question.yes) <= len(answers) / 2 and question.yes not in told and len(told) < QUESTIONS:
            told.add(question.yes)
            yield question


def _has(pattern: re.Pattern[str], answer: str) -> bool:
    return pattern.search(answer) is not None


def _is(key_of: Callable[[str], str], key: str, answer: str) -> bool:
    return key_of(answer) == key


def _beginning(answer: str) -> str:
    return " ".join(folded(answer).split()[:4])


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
