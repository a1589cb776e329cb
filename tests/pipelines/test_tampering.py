"""Whatever byte of a stored model or of its evidence changes: gate two says no, and names the link that broke.

In the suite a sample of the bytes is walked; with TAMPER=whole every byte, with TAMPER=1/2 and TAMPER=2/2 every second one
(`make tamper` runs both at once). What a digest or a signature covers gets one other value for each byte, everything else
several, for there a parser could be indifferent.
A byte may change and the model still pass only if nothing that the decision rests on changed with it.
"""

from __future__ import annotations

import base64
import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from build.keys import signer
from build.published import POLICY, InRegistry, later, published
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import RegistryError, Rejected, UsageError
from weighbridge.core.evidence import NOTARY_SIGNATURE, VSA_PREDICATE
from weighbridge.gate.decision import decide
from weighbridge.pipelines import admission
from weighbridge.registry.layout_index import REF_NAME
from weighbridge.registry.read import load_model
from weighbridge.sbom.check import check_bill
from weighbridge.sbom.read import read_bill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from weighbridge.gate.case import Case
    from weighbridge.gate.decision import Decision
    from weighbridge.registry.read import StoredModel

TAMPER = os.environ.get("TAMPER", "")
SHARE, SHARES = map(int, (TAMPER.replace("whole", "1/1") or "1/1").split("/"))
WHOLE = bool(TAMPER)
VALUES = 3 if WHOLE else 1
"""Other values that each byte takes where something else than its digest reads it; one of them is a flip of one bit."""
SAMPLE = 40
"""Bytes of each file that the suite walks."""
HARMLESS = ("decision",)
"""Kinds of evidence that no decision rests on: earlier decisions."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> InRegistry:
    return published(tmp_path_factory.mktemp("tampering"))


def places(size: int, chance: random.Random) -> Iterator[int]:
    if WHOLE or size <= SAMPLE:
        yield from range(SHARE - 1, size, SHARES)
    else:
        yield from sorted({0, size - 1, *chance.sample(range(size), SAMPLE)})


def values(byte: int, chance: random.Random, most: int = VALUES) -> Iterator[int]:
    yield byte ^ (1 << chance.randrange(8))
    for _ in range(most - 1):
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
                    for value in values(original[place], chance, 1 if len(name) == 64 else VALUES):
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
    told("files", walked, len(passed))


def told(what: str, walked: int, passed: int) -> None:
    if WHOLE:
        print(f"\n{what}: {walked} changes walked, {passed} of them harmless")  # noqa: T201


def entries(index: bytes, hidden: set[str]) -> list[tuple[object, ...]]:
    """What counts of the entries of an index: which bytes they name, and which tag. The rest are shortcuts (whose
    evidence it is, of what type), which nobody believes: the manifest itself is asked.
    """
    return [
        (entry["mediaType"], entry["digest"], entry["size"], entry.get("annotations", {}).get(REF_NAME))
        for entry in json.loads(index)["manifests"]
        if entry["digest"].removeprefix("sha256:") not in hidden
    ]


class Attached(NamedTuple):
    """The model as it was read from the registry once, so that the walk reads nothing again."""

    there: InRegistry
    model: StoredModel
    now: datetime
    before: Case

    def with_bundle(self, number: int, bundle: bytes) -> tuple[Decision, Case]:
        """What gate two says with other bytes as one of the bundles."""
        evidence = list(self.model.evidence)
        evidence[number] = evidence[number]._replace(bundle=bundle)
        case = admission.assemble(self.model._replace(evidence=tuple(evidence)), self.there.trust, self.now)
        return decide(case, "production", POLICY, self.now), case

    def rests_on_the_same(self, case: Case) -> bool:
        """The same statements by the same signers: what changed is outside of what was signed (a name of a field)."""
        return inputs(case._replace(attached=frozenset())) == inputs(self.before._replace(attached=frozenset()))

    def denied(self, number: int, bundle: bytes) -> bool:
        """Whether gate two denies and names the bundle that broke. What it lets pass says what was said before."""
        item = self.model.evidence[number]
        decision, case = self.with_bundle(number, bundle)
        if item.kind not in (*HARMLESS, "evidence-list"):
            assert not decision.allowed, item.kind
            assert any(digest_bytes(item.bundle).hex in reason.why for reason in decision.reasons), item.kind
        elif decision.allowed:
            assert self.rests_on_the_same(case), item.kind
        return not decision.allowed


@pytest.fixture
def attached(there: InRegistry, monkeypatch: pytest.MonkeyPatch) -> Attached:
    """What is there, each unchanged bundle verified once: of every other one nothing is remembered."""
    model, now = load_model(there.store, there.reference, NOTARY_SIGNATURE), later()
    verify = admission._prove
    proven = {item.bundle: verify(item, model, there.trust, now) for item in model.evidence}
    monkeypatch.setattr(
        admission, "_prove", lambda item, *others: proven.get(item.bundle) or verify(item, *others), raising=True
    )
    before = admission.assemble(model, there.trust, now)
    assert decide(before, "production", POLICY, now).allowed
    return Attached(there, model, now, before)


def test_any_byte_of_any_bundle_with_all_digests_made_right_again(attached: Attached) -> None:
    """Whoever can write to the registry can name the changed bytes by their own digest. The signature remains."""
    chance = random.Random(7)
    walked = passed = 0
    for number, item in enumerate(attached.model.evidence):
        payload = json.loads(item.bundle).get("dsseEnvelope", json.loads(item.bundle))["payload"].encode()
        begins = item.bundle.index(payload)
        for place in places(len(item.bundle), chance):
            most = 1 if begins <= place < begins + len(payload) else VALUES
            for value in values(item.bundle[place], chance, most):
                changed = item.bundle[:place] + bytes([value]) + item.bundle[place + 1 :]
                walked += 1
                passed += not attached.denied(number, changed)
    told("bundles", walked, passed)


def test_any_byte_of_what_any_bundle_says(attached: Attached) -> None:
    """Scan, bills of materials, provenance, every statement: another byte in it under the signature that was there."""
    chance = random.Random(8)
    walked = passed = 0
    for number, item in enumerate(attached.model.evidence):
        if item.kind == "notary-signature":
            continue  # its payload stands in the bundle as it is, and the walk above changed it
        bundle = json.loads(item.bundle)
        payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
        for place in places(len(payload), chance):
            for value in values(payload[place], chance, 1):
                changed = payload[:place] + bytes([value]) + payload[place + 1 :]
                bundle["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
                walked += 1
                denied = attached.denied(number, json.dumps(bundle).encode())
                assert denied or item.kind in HARMLESS
                passed += not denied
    told("statements", walked, passed)


@pytest.mark.parametrize("kind", ["sbom", "sbom-spdx"])
def test_any_byte_of_a_bill_that_was_handed_on(attached: Attached, kind: str) -> None:
    """Outside of its bundle nothing signs a bill. What `sbom check` finds right still names every file as before."""
    item = next(one for one in attached.model.evidence if one.kind == kind)
    payload = json.loads(base64.b64decode(json.loads(item.bundle)["dsseEnvelope"]["payload"]))
    raw = json.dumps(payload["predicate"]).encode()
    files = [(file.path, file.size, file.digest) for file in attached.model.files]
    before = read_bill(raw)
    assert check_bill(before, files, []).matches
    chance = random.Random(9)
    walked = passed = 0
    for place in places(len(raw), chance):
        for value in values(raw[place], chance):
            walked += 1
            try:
                bill = read_bill(raw[:place] + bytes([value]) + raw[place + 1 :])
            except UsageError:
                continue
            if check_bill(bill, files, []).matches:
                passed += 1
                assert {(file.path, file.sha256) for file in bill.files} == {
                    (file.path, file.sha256) for file in before.files
                }
    told(f"bill ({kind})", walked, passed)


def test_a_piece_that_is_taken_away_is_missed(there: InRegistry) -> None:
    model = load_model(there.store, there.reference, NOTARY_SIGNATURE)
    now = later()
    for item in model.evidence:
        rest = tuple(other for other in model.evidence if other is not item)
        decision = decide(
            admission.assemble(model._replace(evidence=rest), there.trust, now), "production", POLICY, now
        )
        assert decision.allowed == (item.kind in HARMLESS), item.kind


def test_a_strangers_list_hides_nothing(there: InRegistry) -> None:
    """A list without the piece that is taken away, by a key that nobody trusts."""
    model = load_model(there.store, there.reference, NOTARY_SIGNATURE)
    now = later()
    listing = next(item for item in model.evidence if item.kind == "evidence-list")

    payload = base64.b64decode(json.loads(listing.bundle)["dsseEnvelope"]["payload"])
    forged = listing._replace(bundle=seal(payload.replace(b"test-result", b"tost-result"), PAYLOAD_TYPE, signer(3)))
    rest = tuple(forged if item is listing else item for item in model.evidence if item.kind != "test-result")
    decision = decide(admission.assemble(model._replace(evidence=rest), there.trust, now), "production", POLICY, now)
    assert {r.requirement for r in decision.reasons if r.result.value != "met"} == {"evidence-whole"}
