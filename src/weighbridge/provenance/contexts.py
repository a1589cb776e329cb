"""What a sentence of a card says of a word in it: that the data holds it, that it does not, or something else.

    "trained on patient records"                    told
    "contains no patient records"                   denied, and so is "synthetic patient records"
    "do not use it on patient records"              mentioned: of use, not of data
    "we cannot rule out patient records"            told: two negations

Every test is a search for fixed words in one sentence, so the cost is linear. English, and the plainest words of
German, French, Spanish, Chinese and Japanese; a sentence in another language is never taken for a denial.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Manner = Literal["told", "denied", "mentioned"]
SENTENCE = 2_000
"""Characters of a sentence that are looked at around a word."""
NEAR = 12
"""Words before another one that may deny it."""
_END = re.compile(r"(?<=[.!?;])\s+(?=\S)|\n+|(?<=[\u3002\uff01\uff1f\uff1b])| \| ")
_SHORT = re.compile(r"\b(?:e\.g|i\.e|etc|approx|cf|vs|fig|no|dr|mr|ms|mrs|st)\.$", re.IGNORECASE)
_DATA = re.compile(
    r"\b(?:(?:pre|fine|re|post)?-?(?:train(?:ed|ing|s)?|tun(?:ed|ing|es))|data ?sets?|corpus|corpora|"
    r"collect(?:ed|ion)|"
    r"gather(?:ed|ing)|scrap(?:ed|ing)|crawl(?:ed|s)?|sourced|drawn from|derived from|annotat(?:ed|ions?)|"
    r"label(?:l?ed)|"
    r"sampled|obtained from|taken from|built (?:from|on|with)|made (?:from|of)|learn(?:ed|t|s) from|"
    r"recorded (?:at|by|from|in)|"
    r"de-?identified|anonymi[sz]ed|pseudonymi[sz]ed|provided by|exported from|extracted from|ground truth|"
    r"trainiert|datensatz|datensätze|entraîné\w*|jeu de données|entrenad\w+|conjunto de datos)\b|"
    r"训练|数据集|学習|データセット",
    re.IGNORECASE,
)
_HOLDS = re.compile(
    r"\b(?:contain(?:s|ed|ing)?|compris(?:es|ed|ing)|consist(?:s|ed|ing)?|includ(?:es|ed|ing)|made up of|"
    r"holds?|covers|"
    r"examples|samples|records of|data (?:comes?|stems?|is|are|was|were|from)|from \d|[\d,]+ (?:k|m)?\s?\w+|"
    r"enthält|contient|contiene)\b|包含|含",
    re.IGNORECASE,
)
_USE = re.compile(
    r"\b(?:intended|designed|meant|suitable|can be used|may be used|could be used|is used|be used|"
    r"used (?:to|for|by)|use (?:it|this|the)|"
    r"useful|should|must|do not|don't|never|users?|deploy\w*|compl(?:y|ies|iant|iance|ying)|inputs?|"
    r"prompts?|extracts?|"
    r"detects?|redacts?|recogni[sz]es?|identif(?:y|ies)|classif(?:y|ies)|summari[sz]es?|helps?|assists?|"
    r"predicts?|masks|flags|"
    r"transcribes?|answers?|before|consult|advice|please|responsib\w+|ensure|you|your|sending?|upload(?:ing)?)\b",
    re.IGNORECASE,
)
_TRAINED = re.compile(
    r"\b(?:(?:was|were|is|are|been|model|we|further|then|it|has)\s+(?:\w+\s+){0,3}?(?:pre-?|fine-?|re-?|"
    r"post-?)?(?:train|tun)ed|"
    r"train(?:ed)? (?:on|with|from|using)|tuned (?:on|with|using)|training (?:data|set|corpus)|"
    r"our (?:data ?set|corpus)|"
    r"the (?:data ?set|corpus|data) (?:contain|compris|consist|includ|come|hold|is|are|was|were|has)\w*)\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:(?:should|must|shall|may|can|could|do)\s?(?:not|n't)"
    r"(?!\s+(?:contain|includ|hold|compris|consist|have))"
    r"|don't|cannot be used|never (?:use|send|upload|enter|input)|avoid|"
    r"not (?:intended|meant|designed|suitable|for use|approved|validated))",
    re.IGNORECASE,
)
_NEGATOR = re.compile(
    r"(?<![\w-])(?:no|not|without|never|none|neither|nor|free of|free from|devoid of|exclud(?:es?|ed|ing)|"
    r"remov(?:es?|ed|ing)|"
    r"omit(?:s|ted|ting)?|lacks?|absence of|zero|filter(?:s|ed|ing)? out|stripp(?:ed|ing)|strip|doesn't|"
    r"don't|didn't|isn't|aren't|wasn't|"
    r"weren't|hasn't|keine?[nrms]?|nicht|ohne|sans|aucune?|ne|pas|sin|ning[uú]n\w*)(?![\w-])|不含|不包含|没有|沒有|不涉及",
    re.IGNORECASE,
)
_NOT_NEGATED = re.compile(
    r"\b(?:not (?:only|just|merely|solely|limited|necessarily)|no (?:fewer|less|more|longer|later) than|"
    r"no doubt|not surprising\w*|"
    r"no (?:restrictions?|limits?|filter\w*|attempt|effort|guarantee)|not (?:all|every))\b",
    re.IGNORECASE,
)
_TWICE = re.compile(
    r"\b(?:can ?not|can't|could not|couldn't|unable to|not|never|n't|no|without|un|hard to|"
    r"impossible to)\b(?:\W+\w+){0,5}?\W+"
    r"(?:rul(?:e|ed|ing) out|exclud\w+|free (?:of|from)|guarantee\w*|remov\w+|filter\w*|strip\w*|without|"
    r"absence|redact\w*|mask\w*)",
    re.IGNORECASE,
)
_MAY = re.compile(
    r"\b(?:may|might|could|can|likely|probably|possibly|some)\b(?:\W+\w+){0,3}?\W+(?:contain|include|hold)",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"(?<![\w-])(?:but|however|although|though|except|apart from|other than|besides|yet|whereas|instead|"
    r"rather|only)(?![\w-])|[;:\u2014\u2013]",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"\A(?:\W+\w+){0,3}?\W+(?:(?:was|were|is|are|been|being|has|have|had)\W+(?:\w+\W+){0,3}?)"
    r"(?:not|never|remov\w+|exclud\w+|filtered|stripped|omitted|deleted|absent|discarded)\b",
    re.IGNORECASE,
)
_BEHIND_CJK = re.compile(
    r"\A.{0,12}?(?:含まれていない|含まない|含みません|使用していません|ありません|已被?移除|被删除)"
)
_MADE_UP = re.compile(
    r"\b(?:synthetic(?:ally)?|simulated|fictional|fictitious|fake|artificial(?:ly)?|mock|made-up|invented|"
    r"dummy|synthea)\b",
    re.IGNORECASE,
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end."""
    found, start = [], 0
    for end in _END.finditer(text):
        if _SHORT.search(text, max(start, end.start() - 8), end.start()):
            continue
        found.append((start, end.start()))
        start = end.end()
    found.append((start, len(text)))
    return [(begin, end) for begin, end in found if begin < end]


def manner(
    sentence: str, start: int, end: int, *, of_data: bool, of_use: bool, sure: bool, is_name: bool = False
) -> Manner:
    """What a sentence says of the word at `start` to `end`.

    `of_data`: its section is about data; `of_use`: about use, limits or the law. `sure` words mean data wherever
    something is told of data; others need a sentence that tells of training or of a data set. A name (`is_name`) that
    holds "synthetic" says nothing by that.
    """
    sentence, start, end = _around(sentence, start, end)
    before = _clause(sentence[:start])
    if _ORDER.search(before) and not _HOLDS.search(before) and not _TWICE.search(before[-200:]):
        return "mentioned"
    trained, data, use, holds = _about(sentence)
    of_it = trained or (data and not use) or (of_data and not (use and not data))
    of_it = of_it or (sure and not use and not of_use and holds)
    if of_use and not trained and not (data and not use):
        return "mentioned"
    if not sure and not (trained or data or of_data):
        return "mentioned"
    if _denied(before, "" if is_name else sentence[start:end], sentence[end:]):
        return "denied" if of_it or holds else "mentioned"
    return "told" if of_it else "mentioned"


def promises(below: str) -> bool:
    """Whether what stands under a title lets it be taken at its word: it says something, and denies nothing."""
    return len(below.split()) >= 3 and not _NEGATOR.search(below) and "needed]" not in below.lower()


@lru_cache(maxsize=64)
def _about(sentence: str) -> tuple[bool, bool, bool, bool]:
    """Whether a sentence tells of training, of data, of use, of something that holds something."""
    return tuple(bool(form.search(sentence)) for form in (_TRAINED, _DATA, _USE, _HOLDS))  # type: ignore[return-value]


def _around(sentence: str, start: int, end: int) -> tuple[str, int, int]:
    if len(sentence) <= SENTENCE:
        return sentence, start, end
    first = max(0, start - SENTENCE // 2)
    return sentence[first : end + SENTENCE // 2], start - first, end - first


def _clause(before: str) -> str:
    """The end of a text from its last turn on: what stands before a "but" denies nothing behind it."""
    turn = None
    for turn in _TURN.finditer(before):  # noqa: B007 -- the last one
        pass
    return before[turn.end() :] if turn is not None else before


def _denied(before: str, word: str, behind: str) -> bool:
    near = " ".join(before.split()[-NEAR:])
    if _TWICE.search(near) or _MAY.search(near) or _NOT_NEGATED.search(near):
        return False
    if _NEGATOR.search(near) or _MADE_UP.search(" ".join(before.split()[-6:])) or _MADE_UP.search(word):
        return True
    found = _BEHIND.search(behind[:200])
    if found:
        return not _TWICE.search(behind[: found.end() + 40])
    return bool(_BEHIND_CJK.search(behind[:40]))
