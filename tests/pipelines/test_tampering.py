"""Whatever byte of a stored model or of its evidence changes: gate two says no, and names the link that broke.

In the suite a sample of the bytes is walked; with TAMPER=whole (`make tamper`) every byte, each with several values.
A byte may change and the model still pass only if nothing that the decision rests on changed with it.
"""

from __future__ import annotations

import base64
import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build.keys import signer
from build.published import POLICY, InRegistry, later, published
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import RegistryError, Rejected
from weighbridge.core.evidence import NOTARY_SIGNATURE, VSA_PREDICATE
from weighbridge.gate.decision import decide
from weighbridge.pipelines.admission import assemble
from weighbridge.registry.layout_index import REF_NAME
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.gate.case import Case

WHOLE = os.environ.get("TAMPER") == "whole"
VALUES = 3 if WHOLE else 1
"""Other values that each byte takes; one of them is a flip of a single bit."""
SAMPLE = 40
"""Bytes of each file that the suite walks."""
HARMLESS = ("decision",)
"""Kinds of evidence that no decision rests on: earlier decisions."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> InRegistry:
    return published(tmp_path_factory.mktemp("tampering"))


def places(size: int, chance: random.Random) -> Iterator[int]:
    if WHOLE or size <= SAMPLE:
        yield from range(size)
    else:
        yield from sorted({0, size - 1, *chance.sample(range(size), SAMPLE)})


def values(byte: int, chance: random.Random) -> Iterator[int]:
    yield byte ^ (1 << chance.randrange(8))
    for _ in range(VALUES - 1):
        yield chance.choice([value for value in range(256) if value != byte])


def inputs(case: Case) -> object:
    """Everything that the requirements read: of what is attached, what the signed lists name."""
    listed = {item["digest"]["sha256"] for proof in case.lists for item in proof.predicate["references"]}
    problems = tuple(problem for problem in case.problems if problem.predicate_type != VSA_PREDICATE)
    return case._replace(summaries=(), attached=case.attached & listed, problems=problems)


def verdict(there: InRegistry, before: Case) -> str:
    """Why gate two does not let it pass; empty if it does, and then everything it rests on is as before."""
    try:
        decision, case = there.judged()
    except (RegistryError, Rejected) as error:
        return error.cause or "there is no cause"
    if decision.allowed:
        assert inputs(case) == inputs(before)
        return ""
    return "; ".join(reason.why for reason in decision.reasons if reason.result.value != "met")


def test_the_model_passes_as_it_is(there: InRegistry) -> None:
    decision, case = there.judged()
    assert decision.allowed
    assert len(case.proofs()) == 8
    assert len(case.summaries) == 1
    assert not case.problems


def test_any_byte_of_any_file(there: InRegistry) -> None:
    folder = there.store.folder
    _, before = there.judged()
    hidden = {
        item.descriptor.digest.hex
        for item in load_model(there.store, there.reference).evidence
        if item.kind in HARMLESS
    }
    walked, passed = 0, []
    for at, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name == ".weighbridge.lock":
                continue
            path = os.path.join(at, name)
            os.chmod(path, 0o644)
            with open(path, "r+b", buffering=0) as file:
                original = file.read()
                chance = random.Random(f"{len(original)} {walked}")
                for place in places(len(original), chance):
                    for value in values(original[place], chance):
                        os.pwrite(file.fileno(), bytes([value]), place)
                        said = verdict(there, before)
                        walked += 1
                        if not said:
                            passed.append((name, original[:place] + bytes([value]) + original[place + 1 :]))
                        elif len(name) == 64:
                            assert name in said, f"byte {place} of {name}: {said}"
                    os.pwrite(file.fileno(), original[place : place + 1], place)
                assert file.seek(0) == 0
                assert file.read() == original
    assert there.judged()[0].allowed
    assert {name for name, _ in passed} <= {"index.json"}, {name for name, _ in passed}
    index = (Path(folder) / "index.json").read_bytes()
    for _, changed in passed:
        assert entries(changed, hidden) == entries(index, hidden)
    if WHOLE:
        print(f"{walked} changes walked, {len(passed)} of them harmless")  # noqa: T201


def entries(index: bytes, hidden: set[str]) -> list[tuple[object, ...]]:
    """What counts of the entries of an index: which bytes they name, and which tag. The rest are shortcuts (whose
    evidence it is, of what type), which nobody believes: the manifest itself is asked.
    """
    return [
        (entry["mediaType"], entry["digest"], entry["size"], entry.get("annotations", {}).get(REF_NAME))
        for entry in json.loads(index)["manifests"]
        if entry["digest"].removeprefix("sha256:") not in hidden
    ]


def test_any_byte_of_any_bundle_with_all_digests_made_right_again(there: InRegistry) -> None:
    """Whoever can write to the registry can name the changed bytes by their own digest. The signature remains."""
    model = load_model(there.store, there.reference, NOTARY_SIGNATURE)
    now = later()
    before = assemble(model, there.trust, now)
    assert decide(before, "production", POLICY, now).allowed
    chance = random.Random(7)
    for number, item in enumerate(model.evidence):
        for place in places(len(item.bundle), chance):
            for value in values(item.bundle[place], chance):
                changed = item.bundle[:place] + bytes([value]) + item.bundle[place + 1 :]
                evidence = list(model.evidence)
                evidence[number] = item._replace(bundle=changed)
                decision = decide(
                    assemble(model._replace(evidence=tuple(evidence)), there.trust, now), "production", POLICY, now
                )
                if item.kind not in (*HARMLESS, "evidence-list"):
                    assert not decision.allowed, (item.kind, place)
                    assert any(digest_bytes(item.bundle).hex in reason.why for reason in decision.reasons), item.kind
                elif decision.allowed:
                    assert rests_on_the_same(before, model._replace(evidence=tuple(evidence)), there, now)


def rests_on_the_same(before: Case, model: object, there: InRegistry, now: object) -> bool:
    """The same statements by the same signers: what changed is outside of what was signed (a name of a field)."""
    after = assemble(model, there.trust, now)  # type: ignore[arg-type]
    return inputs(after._replace(attached=frozenset())) == inputs(before._replace(attached=frozenset()))


def test_a_piece_that_is_taken_away_is_missed(there: InRegistry) -> None:
    model = load_model(there.store, there.reference, NOTARY_SIGNATURE)
    now = later()
    for item in model.evidence:
        rest = tuple(other for other in model.evidence if other is not item)
        decision = decide(assemble(model._replace(evidence=rest), there.trust, now), "production", POLICY, now)
        assert decision.allowed == (item.kind in HARMLESS), item.kind


def test_a_strangers_list_hides_nothing(there: InRegistry) -> None:
    """A list without the piece that is taken away, by a key that nobody trusts."""
    model = load_model(there.store, there.reference, NOTARY_SIGNATURE)
    now = later()
    listing = next(item for item in model.evidence if item.kind == "evidence-list")

    payload = base64.b64decode(json.loads(listing.bundle)["dsseEnvelope"]["payload"])
    forged = listing._replace(bundle=seal(payload.replace(b"test-result", b"tost-result"), PAYLOAD_TYPE, signer(3)))
    rest = tuple(forged if item is listing else item for item in model.evidence if item.kind != "test-result")
    decision = decide(assemble(model._replace(evidence=rest), there.trust, now), "production", POLICY, now)
    assert {r.requirement for r in decision.reasons if r.result.value != "met"} == {"evidence-whole"}
