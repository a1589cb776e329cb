"""in-toto Statement v1: what is said (predicate) about which bytes (subjects).

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "files", "digest": {"sha256": "<64 hex>"}}, …],
     "predicateType": "<URI>",
     "predicate": {…}}

Written as canonical JSON, so that the same evidence gives the same bytes. Read strictly: what two JSON readers could
understand differently (duplicate keys, NaN, half surrogates, other encodings) is refused.
Source: github.com/in-toto/attestation, spec/v1/statement.md.
"""

from __future__ import annotations

from typing import Any, TypeVar

from weighbridge.core.digests import Digest, canonical_json, parse_digest
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.strict_json import read_strict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.evidence import Evidence

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

T = TypeVar("T", str, bool, "dict[str, Any]", "list[Any]")
_JSON_NAMES = {str: "a string", bool: "true or false", dict: "an object", list: "a list"}


class Subject(NamedTuple):
    """Something that a statement is about. Only the digest counts; the name is for people."""

    name: str
    digest: Digest


class Statement(NamedTuple):
    """A statement that was read. `subjects` are those with a sha256 digest, at least one."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: dict[str, Any]


def statement(evidence: Evidence, subjects: Sequence[Subject]) -> bytes:
    """The statement of any evidence. The evidence's own subject is added, named `model`, if `subjects` lacks it.

    Raises Rejected (evidence-malformed) if the predicate cannot be written as JSON.
    """
    if all(subject.digest != evidence.subject for subject in subjects):
        subjects = (*subjects, Subject("model", evidence.subject))
    return write_statement(subjects, evidence.predicate_type, evidence.predicate())


def write_statement(subjects: Sequence[Subject], predicate_type: str, predicate: dict[str, Any]) -> bytes:
    """Canonical JSON of a statement. Raises Rejected (evidence-malformed) as `statement` does."""
    try:
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "subject": [{"name": subject.name, "digest": {"sha256": subject.digest.hex}} for subject in subjects],
                "predicateType": predicate_type,
                "predicate": predicate,
            }
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejected(
            "evidence-malformed", f"a predicate that JSON cannot hold ({plain(str(error), 120)})", "plain JSON values"
        ) from error


def read_statement(payload: bytes) -> Statement:
    """Read a statement from bytes whose signature was verified. Raises Rejected (evidence-malformed).

    It does not judge the predicate: whoever asked for its type knows what must be in it.
    """
    top = strict_object(payload, "the statement")
    found = field(top, "_type", str, "the statement")
    if found != STATEMENT_TYPE:
        raise malformed(f"a statement of type {plain(found, 80)}", STATEMENT_TYPE)
    subjects = []
    for entry in field(top, "subject", list, "the statement"):
        if not isinstance(entry, dict):
            raise malformed("a subject that is no object", "subjects with a digest")
        digests = field(entry, "digest", dict, "a subject")
        if not digests or not all(isinstance(value, str) for value in digests.values()):
            raise malformed("a subject without digests", "a digest map of strings")
        name = field(entry, "name", str, "a subject") if "name" in entry else ""
        if "sha256" in digests:
            subjects.append(Subject(name, read_sha256(digests["sha256"], "a subject")))
    if not subjects:
        raise malformed("a statement without a sha256 subject", "at least one subject with a sha256 digest")
    return Statement(
        tuple(subjects),
        field(top, "predicateType", str, "the statement"),
        field(top, "predicate", dict, "the statement"),
    )


def strict_object(raw: bytes, what: str) -> dict[str, Any]:
    """Read bytes as one JSON object that every reader understands alike. Raises Rejected (evidence-malformed)."""
    try:
        value = read_strict(raw)
    except (ValueError, RecursionError) as error:
        raise malformed(
            f"{what} that is not strict JSON ({plain(str(error), 120)})", "one UTF-8 JSON object"
        ) from error
    if not isinstance(value, dict):
        raise malformed(f"{what} that is no JSON object", "one UTF-8 JSON object")
    return value


def field(record: dict[str, Any], name: str, kind: type[T], what: str) -> T:
    """The value of a required field of exactly the given JSON type. Raises Rejected (evidence-malformed)."""
    value = record.get(name)
    if type(value) is not kind:
        got = "nothing" if name not in record else "something else"
        raise malformed(f"{what} with {got} as {name}", _JSON_NAMES[kind])
    return value


def read_sha256(value: object, what: str) -> Digest:
    """A sha256 of 64 lower-case hexadecimal digits. Raises Rejected (evidence-malformed)."""
    try:
        return parse_digest(f"sha256:{value}")
    except UsageError as error:
        raise malformed(
            f"{what} with the sha256 {plain(str(value), 80)}", "64 lower-case hexadecimal digits"
        ) from error


def malformed(got: str, expected: str) -> Rejected:
    """The refusal of evidence that breaks its format."""
    return Rejected("evidence-malformed", got, expected)
