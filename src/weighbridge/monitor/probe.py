"""Canary and replay: ask an endpoint what was asked at admission, and say whether it still answers the same.

A fingerprint holds the questions and, for each, the answers that it got when it was made, several times over: a model
that answers the same every time has one, one that samples has several. Replaying compares

    answers that vary not   any other answer is a change, unless numbers differ by no more than their last digits
    answers that vary       Fisher's exact test of answers seen before against answers never seen, over all questions;
                            what is new is a change only if its chance is below one in a million

so the false-alarm rate is zero for endpoints that answer alike, and 1e-6 for a whole probe of one that does not, as
long as its answers are independent. Source: Fisher, Statistical Methods for Research Workers, 1934, section 21.02; the
test takes a new answer of the last round of learning as the rate at which new answers come.

An OpenAI-compatible API is asked at `/chat/completions` with temperature 0 and a seed; anything else is a scoring URL
that gets the question as its JSON body. Answers are compared without times and ids. A bearer token comes from the
environment variable WEIGHBRIDGE_ENDPOINT_TOKEN and is never shown or kept.
"""

from __future__ import annotations

import json
import math
import os
import re
from contextlib import closing

from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SCHEMA = "weighbridge.fingerprint/1"
TOKEN = "WEIGHBRIDGE_ENDPOINT_TOKEN"  # noqa: S105 -- the name of a variable, no secret
MOST_INPUTS = 10_000
MOST_REQUESTS = 1_000_000
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of one answer, and of a file of questions."""
MOST_FINGERPRINT = 512 * 1024 * 1024
MOST_ERRORS = 5
"""Requests in a row without an answer, after which there is nobody to ask."""
KEPT_TEXT = 4000
"""Characters of an answer that are kept and compared; the rest goes into its digest."""
CHANCE = 1e-6
DIGITS = 4
"""Digits of a number that count: other machines round the rest differently."""
_FORGOTTEN = {"id", "created", "system_fingerprint", "request_id", "timestamp", "time", "latency", "duration", "usage"}


class Target(NamedTuple):
    """An endpoint: its address as it is asked, whether it speaks OpenAI's protocol, and the model to ask for."""

    endpoint: str
    address: str
    chat: bool
    model: str
    seconds: float


class Question(NamedTuple):
    """One input, and every different answer that it got."""

    input: Any
    answers: tuple[str, ...]


class Fingerprint(NamedTuple):
    """What an endpoint answered at admission. `rounds` is how often each question was asked, `fresh` how many answers
    of the last round were new then.
    """

    endpoint: str
    model: str
    rounds: int
    fresh: int
    questions: tuple[Question, ...]


class Difference(NamedTuple):
    """An answer that was never seen before: the question, an answer that was expected, and when it came."""

    input: str
    expected: str
    got: str
    request: int


class ProbeReport(NamedTuple):
    """What a replay found: `same`, `changed`, or `unknown` if the endpoint did not answer often enough to say."""

    endpoint: str
    result: str
    why: str
    requests: int
    failed: int
    first_change: int
    differences: tuple[Difference, ...]


def target_of(endpoint: str, model: str, seconds: float) -> Target:
    """Where to ask. Raises UsageError for an address that is no https and not of this machine."""
    local = r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:/\S*)?"
    if not re.fullmatch(rf"https://[^\s@/]+(?:/\S*)?|{local}", endpoint):
        raise UsageError(f"{endpoint!r} is no address of an endpoint", "write https://HOST/PATH")
    base = endpoint.rstrip("/")
    chat = bool(re.search(r"/v\d+(?:/chat/completions)?$", base)) or "/openai/deployments/" in base
    address = base if not chat or base.partition("?")[0].endswith("/chat/completions") else f"{base}/chat/completions"
    return Target(endpoint, address, chat, model, seconds)


def read_inputs(path: str) -> list[Any]:
    """The questions of a file, one a line: a JSON value, or a text. Raises UsageError."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(MOST_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the questions {path!r} cannot be read: {type(error).__name__}", "name a text file"
        ) from error
    inputs = []
    for line in lines:
        if line.strip():
            try:
                inputs.append(json.loads(line))
            except (ValueError, RecursionError):
                inputs.append(line.strip())
    if not 0 < len(inputs) <= MOST_INPUTS:
        raise UsageError(f"{path!r} has {len(inputs):,} questions", f"write one to {MOST_INPUTS:,} lines")
    return inputs


def learn(target: Target, inputs: Sequence[Any], rounds: int) -> Fingerprint:
    """Ask every question `rounds` times. Raises SourceError if one gets no answer: a fingerprint is whole or none."""
    if not 2 <= rounds <= 100:
        raise UsageError("--rounds is not between 2 and 100", "one round cannot say what varies")
    seen: list[dict[str, None]] = [{} for _ in inputs]
    fresh = 0
    with closing(_Asking(target)) as asking:
        for number in range(rounds):
            for at, given in enumerate(inputs):
                answer = asking.ask(given)
                if answer is None:
                    raise SourceError(f"question {at + 1} got no answer: {asking.why}", "see that the endpoint is well")
                fresh += number == rounds - 1 and answer not in seen[at]
                seen[at][answer] = None
    questions = tuple(Question(given, tuple(answers)) for given, answers in zip(inputs, seen, strict=True))
    return Fingerprint(target.endpoint, target.model, rounds, fresh, questions)


def probe(target: Target, fingerprint: Fingerprint, requests: int = 0) -> ProbeReport:
    """Replay a fingerprint: every question once, or as many requests as are wanted, in turns."""
    count = requests or len(fingerprint.questions)
    if not 0 < count <= MOST_REQUESTS:
        raise UsageError(f"--requests is not between 1 and {MOST_REQUESTS:,}", "write a whole number")
    differences: list[Difference] = []
    fixed_change = first = failed = in_a_row = new = asked = 0
    why = ""
    with closing(_Asking(target)) as asking:
        for number in range(1, count + 1):
            question = fingerprint.questions[(number - 1) % len(fingerprint.questions)]
            answer = asking.ask(question.input)
            if answer is None:
                failed, in_a_row, why = failed + 1, in_a_row + 1, asking.why
                if in_a_row >= MOST_ERRORS:
                    break
                continue
            asked, in_a_row = asked + 1, 0
            if answer in question.answers:
                continue
            new += 1
            first = first or number
            fixed_change += len(question.answers) == 1 and fingerprint.fresh == 0
            if len(differences) < 100:
                expected = question.answers[0]
                differences.append(
                    Difference(_short(json.dumps(question.input)), _short(expected), _short(answer), number)
                )
    varying = fingerprint.fresh > 0 or any(len(question.answers) > 1 for question in fingerprint.questions)
    chance = _chance(new, asked, fingerprint.fresh, len(fingerprint.questions)) if new else 1.0
    made = ProbeReport(target.endpoint, "same", "", asked, failed, 0, tuple(differences))
    if fixed_change or (new and chance < CHANCE):
        text = f"{new:,} of {asked:,} answers were never given before, the first at request {first:,}"
        if not fixed_change:
            text += f"; by chance that happens once in {1 / max(chance, 1e-300):.0e} probes"
        return made._replace(result="changed", why=text, first_change=first)
    if asked < len(fingerprint.questions) or failed * 10 > count:
        return made._replace(result="unknown", why=f"{failed:,} of {count:,} requests got no answer: {why}")
    text = f"{asked:,} answers as at admission"
    if varying and new:
        text = f"{new:,} of {asked:,} answers are new, as many as this endpoint's variation brings"
    return made._replace(why=text, differences=tuple(differences))


def _chance(new: int, asked: int, fresh: int, learned: int) -> float:
    """Fisher's exact test, one-sided: the chance of at least `new` new answers among `asked`, if they come as often as
    the `fresh` ones among the `learned` of the last round of learning.
    """
    total, hits = asked + learned, new + fresh
    logs = [
        _choose(asked, k) + _choose(learned, hits - k) - _choose(total, hits)
        for k in range(new, min(asked, hits) + 1)
        if 0 <= hits - k <= learned
    ]
    return min(1.0, math.fsum(math.exp(log) for log in logs))


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


class _Asking:
    """A connection to an endpoint, to be closed. `why` says why the last request got no answer."""

    def __init__(self, target: Target) -> None:
        import urllib3

        self._target = target
        self._errors = urllib3.exceptions.HTTPError
        self._pool = urllib3.PoolManager(
            retries=urllib3.Retry(
                2, redirect=False, status=2, backoff_factor=0.2, status_forcelist=(429, 502, 503, 504)
            ),
            timeout=urllib3.Timeout(target.seconds),
        )
        self._headers = {"Content-Type": "application/json", "User-Agent": "weighbridge-probe"}
        token = os.environ.get(TOKEN)
        if token:
            self._headers |= {"Authorization": f"Bearer {token}"}
        self.why = ""

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def ask(self, given: Any) -> str | None:
        """The answer in the form that is compared, or None."""
        try:
            answer = self._pool.request(
                "POST",
                self._target.address,
                body=json.dumps(self._body(given)).encode(),
                headers=self._headers,
                preload_content=False,
                redirect=False,
            )
            try:
                raw = answer.read(MOST_BYTES + 1, decode_content=True)
            finally:
                answer.release_conn()
        except self._errors as error:
            self.why = type(error).__name__
            return None
        if answer.status != 200 or len(raw) > MOST_BYTES:
            self.why = f"status {answer.status}" if answer.status != 200 else "an answer without end"
            return None
        return canonical(raw, chat=self._target.chat)

    def _body(self, given: Any) -> Any:
        if not self._target.chat:
            return given
        messages = given if isinstance(given, list) else [{"role": "user", "content": given}]
        body = {"messages": messages, "temperature": 0, "seed": 7, "max_tokens": 256}
        return body | ({"model": self._target.model} if self._target.model else {})


def canonical(raw: bytes, *, chat: bool) -> str:
    """An answer as it is compared: without times and ids, numbers to four digits, long texts by their digest."""
    from weighbridge.core.digests import digest_bytes

    try:
        value = json.loads(raw)
        if chat:
            value = [choice["message"]["content"] for choice in value["choices"]]
        text = json.dumps(_without(value), sort_keys=True, ensure_ascii=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= KEPT_TEXT else f"{text[:KEPT_TEXT]} {digest_bytes(text.encode())}"


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key.lower() not in _FORGOTTEN}
    if isinstance(value, list):
        return [_without(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value


def fingerprint_json(made: Fingerprint) -> str:
    """A fingerprint as it is kept."""
    document = {
        "schema": SCHEMA,
        **made._asdict(),
        "questions": [{"input": item.input, "answers": list(item.answers)} for item in made.questions],
    }
    return json.dumps(document, indent=1, sort_keys=True)


def read_fingerprint(path: str) -> Fingerprint:
    """A fingerprint that `learn` made. Raises UsageError."""
    try:
        with open(path, "rb") as file:
            raw = json.loads(file.read(MOST_FINGERPRINT))
        questions = tuple(Question(item["input"], tuple(map(str, item["answers"]))) for item in raw["questions"])
        made = Fingerprint(str(raw["endpoint"]), str(raw["model"]), int(raw["rounds"]), int(raw["fresh"]), questions)
        good = raw["schema"] == SCHEMA and questions and all(item.answers for item in questions)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        good = False
    if not good:
        raise UsageError(f"{path!r} is no fingerprint that can be read", "make one with weighbridge monitor learn")
    return made


def probe_object(report: ProbeReport) -> dict[str, Any]:
    """The document `weighbridge.probe/1`."""
    return {
        "schema": "weighbridge.probe/1",
        **report._asdict(),
        "differences": [item._asdict() for item in report.differences],
    }


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
