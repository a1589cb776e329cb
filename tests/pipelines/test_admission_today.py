"""Gate two against time and attackers: what was good once is denied when something about it is no longer so."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import weighbridge
from build import pickles as p
from build.containers import safetensors
from build.keys import signer
from build.running import Outcome, command
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.core.evidence import EXEMPTION_PREDICATE, KNOWN_BAD_PREDICATE, SCAN_PREDICATE
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.settings import load_settings
from weighbridge.formats.safetensors import Safetensors
from weighbridge.gate.exemption import grant_predicate
from weighbridge.pipelines import admission, rejudging
from weighbridge.pipelines.exempting import seal_exemption
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import open_store
from weighbridge.registry.publish import EvidenceBlob, attach_evidence
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.gate.decision import Decision
    from weighbridge.registry.base import Descriptor, Reference, Store
    from weighbridge.registry.read import StoredModel

NOW = datetime.now(UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    folder = tmp_path / "good"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (folder / "config.json").write_text('{"model_type": "net", "transformers_version": "4.57.0"}')
    assert take_in().status == 0
    return tmp_path


def take_in(model: str = "good", name: str = "good", stage: str = "production") -> Outcome:
    return command("intake", model, "--to", f"oci:registry:{name}:v1", "--stage", stage)


def settings(project: Path, text: str) -> None:
    """Put something in front of the stages of the settings, and keys of production behind them."""
    path = project / "weighbridge.toml"
    head, mark, rest = path.read_text().partition("[stage.production]\n")
    before, _, inside = text.partition("---\n")
    path.write_text(head + before + mark + inside + rest)


def decide(reference: str = "good:v1", stage: str = "production", **options: Any) -> Decision:
    made: Decision = weighbridge.admit(reference, stage=stage, **options)
    return made


def not_met(decision: Decision) -> dict[str, str]:
    found = {reason.requirement: reason.result.value for reason in decision.reasons if reason.result.value != "met"}
    assert decision.allowed == (not found)
    return found


def stored(reference: str = "good:v1") -> tuple[Store, StoredModel]:
    where = parse_reference(reference, "oci:registry")
    store = open_store(where, load_settings("", {}))
    return store, load_model(store, where)


def test_a_good_model_is_allowed_and_recorded(project: Path) -> None:
    decision = decide()
    assert not_met(decision) == {}
    assert decision.recorded is not None
    assert decision.recorded.sequence == 1
    assert {one.kind for one in decision.evidence} == {
        "scan",
        "facts",
        "provenance",
        "sbom",
        "model-signature",
        "test-result",
        "slsa-provenance",
        "evidence-list",
    }
    assert command("decisions", "verify").status == 0


def test_a_stale_scan_is_denied(project: Path) -> None:
    assert not_met(decide(now=NOW + timedelta(days=6))) == {}
    assert not_met(decide(now=NOW + timedelta(days=8))) == {"scan-fresh": "unmet"}


def test_a_clock_that_was_set_back_is_denied(project: Path) -> None:
    assert not_met(decide(now=NOW + timedelta(days=8))) == {"scan-fresh": "unmet"}
    assert not_met(decide(now=NOW + timedelta(days=1))) == {"clock-sane": "unmet"}


def test_a_clock_before_the_evidence_is_denied(project: Path) -> None:
    denied = not_met(decide(now=NOW - timedelta(hours=1), record=False))
    assert denied == {"scan-fresh": "unmet", "clock-sane": "unmet"}


def test_a_revoked_signer_is_denied(project: Path) -> None:
    assert command("trust", "revoke", "this-machine", "--reason", "compromised").status == 0
    denied = not_met(decide())
    assert {"scan-present", "facts-rejudged", "sbom-present", "model-signed", "provenance-verified"} <= set(denied)
    verified = command("decisions", "verify")
    assert verified.status == 1
    assert "not signed as it should be" in verified.out


def test_a_signer_that_the_stage_does_not_name_is_denied(project: Path) -> None:
    settings(project, '---\nsigners.scan = ["release *"]\n')
    denied = not_met(decide())
    assert denied["scan-present"] == "unmet"
    assert "sbom-present" not in denied


def test_a_tag_that_was_moved_to_another_model_is_denied(project: Path) -> None:
    store, model = stored()
    other = json.loads(store.get_manifest(model.manifest))
    other["annotations"]["org.opencontainers.image.title"] = "another"
    moved = store.put_manifest(json.dumps(other).encode(), model.manifest.media_type)
    store.tag(moved, "v1")
    denied = not_met(decide())
    assert {"scan-present", "sbom-present"} <= set(denied)


def test_a_tag_that_moves_meanwhile_is_denied(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, model = stored()
    other = store.put_manifest(store.get_manifest(model.manifest) + b" ", model.manifest.media_type)
    load = admission.load_model

    def and_then_move(store: Store, reference: Reference, *also: str) -> StoredModel:
        found = load(store, reference, *also)
        store.tag(other, "v1")
        return found

    monkeypatch.setattr(admission, "load_model", and_then_move)
    assert not_met(decide()) == {"reference-steady": "unmet"}


def attach(manifest: Descriptor, kind: str, predicate_type: str, bundle: bytes, store: Store) -> None:
    attach_evidence(store, manifest, EvidenceBlob(kind, predicate_type, bundle))


def test_a_strangers_referrer_proves_nothing(project: Path) -> None:
    odd = project / "odd"
    shutil.copytree(project / "good", odd)
    (odd / "weights.bin").write_bytes(b"\xf1\xf2\xf3")
    assert take_in("odd", "odd", "sandbox").status == 0
    store, model = stored("odd:v1")
    stranger = signer(7)
    clean = json.loads(json.dumps(dict(_scan(model))))
    clean.update(verdict="clean", findings=[])
    clean["coverage"]["unread"] = []
    said = write_statement([Subject("manifest", model.manifest.digest)], SCAN_PREDICATE, clean)
    attach(model.manifest, "scan", SCAN_PREDICATE, seal(said, PAYLOAD_TYPE, stranger), store)
    grant = grant_predicate(
        "file/unread",
        model.manifest.digest,
        reason="trust me",
        approver="a stranger",
        made_at=NOW,
        expires=NOW + timedelta(days=9),
    )
    bundle = seal_exemption(grant, {model.manifest.digest}, stranger)
    attach(model.manifest, "exemption", EXEMPTION_PREDICATE, bundle, store)
    decision = decide("odd:v1")
    assert not_met(decision) == {"scan-verdict": "unmet"}
    assert decision.exemptions == ()


def _scan(model: StoredModel) -> dict[str, Any]:
    import base64

    (bundle,) = (item.bundle for item in model.evidence if item.kind == "scan")
    payload = base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"])
    found: dict[str, Any] = json.loads(payload)["predicate"]
    return found


def test_what_was_learned_since_stops_a_model(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(project, '---\npickle = "allow"\n')
    text = (project / "weighbridge.toml").read_text()
    (project / "weighbridge.toml").write_text(text.replace('pickle = "convert"', "", 1))
    (project / "good" / "extra.pkl").write_bytes(p.proto(2) + p.global_("collections", "OrderedDict") + p.STOP)
    assert take_in(name="old").status == 0
    assert not_met(decide("old:v1")) == {}
    newer = project / "knowledge"
    shutil.copytree(FOLDER, newer)
    rows = (newer / "globals.json").read_text().splitlines()
    changed = [
        row.replace('"trust": "callable"', '"trust": "dangerous"').replace(
            '"trust": "container"', '"trust": "dangerous"'
        )
        if '"name": "collections.OrderedDict"' in row
        else row
        for row in rows
    ]
    assert changed != rows
    (newer / "globals.json").write_text("\n".join(changed))
    monkeypatch.setattr(admission, "todays_knowledge", lambda: load_knowledge(str(newer)))
    decision = decide("old:v1")
    assert not_met(decision) == {"facts-rejudged": "unmet"}
    assert "extra.pkl" in next(one.why for one in decision.reasons if one.requirement == "facts-rejudged")
    monkeypatch.setattr(admission, "todays_knowledge", rejudging.todays_knowledge)
    assert not_met(decide("old:v1")) == {}


def test_facts_of_an_older_parser_are_unknown_unless_the_stage_takes_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Safetensors, "version", Safetensors.version + 1)
    assert not_met(decide()) == {"facts-rejudged": "unknown"}
    settings(project, "---\nold_parsers = true\n")
    assert not_met(decide()) == {}


def test_a_model_outside_of_the_internal_registry_enters_the_sandbox_only(project: Path) -> None:
    shutil.copytree(project / "registry", project / "elsewhere")
    assert not_met(decide("oci:elsewhere:good:v1")) == {"registry-allowed": "unmet"}
    decision = decide("oci:elsewhere:good:v1", "sandbox")
    assert decision.allowed
    assert [text.partition(":")[0] for text in decision.warnings] == ["registry-allowed"]


def test_feeds_are_read_again_at_every_decision(project: Path) -> None:
    settings(project, 'feeds = ["bad"]\n---\n')
    feeds = project / "bad"
    feeds.mkdir()
    assert not_met(decide()) == {}
    _, model = stored()
    digest = model.files[0].digest
    (feeds / "ours.txt").write_text(f"# found by hand\n{digest}  a back door\n")
    decision = decide()
    assert not_met(decision) == {"known-bad": "unmet"}
    assert "a back door" in next(one.why for one in decision.reasons if one.requirement == "known-bad")
    (feeds / "ours.txt").write_text("sha256:" + "0" * 64 + "\n")
    assert not_met(decide()) == {}
    assert command("policy", "feeds").status == 0
    (feeds / "ours.txt").write_text("nonsense\n")
    assert not_met(decide()) == {"known-bad": "unknown"}
    assert command("policy", "feeds").status == 1


@pytest.mark.parametrize(("number", "denied"), [(0, {"known-bad": "unmet"}), (7, {"known-bad": "unknown"})])
def test_a_signed_feed_counts_if_its_signer_is_trusted(project: Path, number: int, denied: dict[str, str]) -> None:
    from weighbridge.attest.signers import load_key

    settings(project, 'feeds = ["feed.json"]\nfeeds_signed = true\n---\n')
    _, model = stored()
    digests = [{"digest": str(model.manifest.digest), "reason": "taken back"}]
    said = {"schema": "weighbridge.known-bad/1", "digests": digests}
    (project / "feed.json").write_text(json.dumps(said))
    assert not_met(decide()) == {"known-bad": "unknown"}, "nobody signed it"
    key = signer(number) if number else load_key(".weighbridge/signing.pem", None)
    statement = write_statement([Subject("model", model.manifest.digest)], KNOWN_BAD_PREDICATE, said)
    (project / "feed.json").write_bytes(seal(statement, PAYLOAD_TYPE, key))
    assert not_met(decide()) == denied


def test_a_missing_feed_denies(project: Path) -> None:
    settings(project, 'feeds = ["nowhere.txt"]\n---\n')
    assert not_met(decide()) == {"known-bad": "unknown"}


def test_the_serving_image_is_held_against_advisories(project: Path) -> None:
    (project / "requirements.txt").write_text("transformers==4.57.0 \\\n    --hash=sha256:00\n")
    assert not_met(decide(runtime=["requirements.txt"])) == {"loader-advisories": "unmet"}
    (project / "requirements.txt").write_text("transformers==5.3.0\n")
    assert not_met(decide(runtime=["requirements.txt"])) == {}


@pytest.fixture
def odd(project: Path) -> Path:
    """A model with a file that nothing can read, in the registry for the sandbox."""
    (project / "good" / "weights.bin").write_bytes(b"\xf1\xf2\xf3")
    (project / "good" / "other.bin").write_bytes(b"\xf4\xf2\xf3")
    assert take_in(name="odd", stage="sandbox").status == 0
    return project


def exempt(*more: str, days: int = 9) -> Outcome:
    until = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    words = ("--reason", "our own format", "--approver", "Ada", "--expires", until)
    return command("exemption", "add", "file/unread", "odd:v1", *words, *more)


def test_an_exemption_opens_the_gate_for_a_time_until_it_is_revoked(odd: Path) -> None:
    assert exempt("--file", "weights.bin").status == 0
    assert not_met(decide("odd:v1")) == {"scan-verdict": "unmet"}, "the other file is unread"
    made = exempt("--file", "other.bin")
    assert not_met(decide("odd:v1")) == {}
    assert len(decide("odd:v1").exemptions) == 2
    listed = command("exemption", "list", "odd:v1", "--format", "json").json()
    assert {one["counts"] for one in listed["exemptions"]} == {True}
    late = decide("odd:v1", now=NOW + timedelta(days=10))
    assert {"scan-verdict", "scan-fresh"} == set(not_met(late))
    assert all("expired" in one.refused for one in late.exemptions)
    os.remove(odd / ".weighbridge" / "index.db")
    words = ("--reason", "done", "--approver", "Ada")
    assert command("exemption", "revoke", made.out.strip(), "odd:v1", *words).status == 0
    denied = decide("odd:v1")
    assert set(not_met(denied)) == {"scan-verdict"}
    assert sorted(bool(one.refused) for one in denied.exemptions) == [False, True]


def test_an_exemption_counts_from_either_place(odd: Path) -> None:
    """The registry alone opens; the folder alone takes back, even if what it holds can no longer be verified."""
    identity = exempt().out.strip()
    shutil.rmtree(odd / ".weighbridge" / "exemptions")
    assert not_met(decide("odd:v1")) == {}
    (odd / ".weighbridge" / "exemptions").mkdir()
    (odd / ".weighbridge" / "exemptions" / f"{identity}.revoked.json").write_text("broken")
    assert set(not_met(decide("odd:v1"))) == {"scan-verdict"}


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("file/unred", "odd:v1"), "is no rule"),
        (("file/unread",), "what is exempted"),
        (("file/unread", "odd:v1", "--file", "no.bin"), "has no file"),
        (("file/unread", "--digest", "sha256:1"), "is not a digest"),
    ],
)
def test_an_exemption_that_means_nothing_is_refused(odd: Path, words: tuple[str, ...], cause: str) -> None:
    rest = ("--reason", "r", "--approver", "a", "--expires", "2999-01-01")
    outcome = command("exemption", "add", *words, *rest)
    assert outcome.status == 2
    assert cause in outcome.err


def test_a_decision_that_cannot_be_recorded_is_none(project: Path) -> None:
    settings(project, 'index = "sqlite:///good/model.safetensors/index.db"\n---\n')
    outcome = command("admit", "good:v1", "--stage", "production")
    assert (outcome.status, outcome.out) == (2, "")
    assert command("admit", "good:v1", "--stage", "production", "--no-record").status == 0


def test_decisions_are_shown_proved_and_witnessed(project: Path) -> None:
    kept = command("admit", "good:v1", "--stage", "production", "--format", "json")
    (project / "kept.json").write_text(kept.out)
    assert command("admit", "good:v1", "--stage", "sandbox").status == 0
    shown = command("decisions", "show", "--format", "json").json()["decisions"]
    assert [(one["sequence"], one["decision"], one["stage"]) for one in shown] == [
        (2, "allow", "sandbox"),
        (1, "allow", "production"),
    ]
    assert command("decisions", "head", "--output", "head.json").status == 0
    proved = command("decisions", "verify", "--witness", "kept.json", "--witness", "head.json", "--format", "json")
    assert proved.status == 0
    assert proved.json()["witnesses"] == 2
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (project / ".weighbridge" / name).unlink(missing_ok=True)
    assert command("decisions", "verify").status == 2
    assert command("admit", "good:v1", "--stage", "production").status == 0
    assert command("decisions", "verify").status == 0
    assert command("decisions", "verify", "--witness", "kept.json").status == 1


def test_a_policy_is_shown_with_where_each_value_comes_from(project: Path) -> None:
    rows = command("policy", "show", "--format", "json").json()["demands"]
    origin = {(row["stage"], row["key"]): row["origin"] for row in rows}
    assert origin["production", "pickle"].endswith("weighbridge.toml, [stage.production]")
    assert origin["production", "registries"] == "default of production"
    assert origin["sandbox", "engines"] == "default"


def test_a_table_of_cases_is_judged(project: Path) -> None:
    good = '[[case]]\nstage = "production"\nexpect = "allow"\nreference = "good:v1"\n'
    bad = '[[case]]\nname = "a pickle"\nstage = "production"\nexpect = "{}"\nmodel = {{ formats = ["pickle"] }}\n'
    (project / "cases.toml").write_text(good + bad.format("deny") + 'requirement = "formats-allowed"\n')
    assert command("policy", "test", "cases.toml").status == 0
    (project / "cases.toml").write_text(good + bad.format("deny") + 'requirement = "scan-verdict"\n')
    assert command("policy", "test", "cases.toml").status == 1
    (project / "cases.toml").write_text(good + bad.format("allow"))
    outcome = command("policy", "test", "cases.toml", "--format", "json")
    assert outcome.status == 1
    assert [bool(one["wrong"]) for one in outcome.json()["cases"]] == [False, True]
    (project / "cases.toml").write_text(bad.format("allow").replace("formats", "formast"))
    outcome = command("policy", "test", "cases.toml")
    assert outcome.status == 2
    assert "'formats'" in outcome.err
    assert not (project / ".weighbridge" / "index.db").exists()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('cel = ["verdikt == 1"]', "undeclared"),
        ('severity = "bad"', "critical"),
        ('signers = { scn = ["x"] }', "no kind of evidence"),
        ("sbom_completeness = 101", "number"),
        ("lookalikes = 3", "true nor false"),
        ("feeds = 3", "not a setting"),
        ('countries = ["Germany"]', "two capital letters"),
        ('publisher_countries = { "acme*" = "de" }', "two capital letters"),
        ('publisher_countries = "DE"', "no table"),
    ],
)
def test_a_wrong_setting_is_said_when_it_is_read(project: Path, line: str, cause: str) -> None:
    settings(project, f"---\n{line}\n")
    outcome = command("scan", "good")
    assert outcome.status == 2
    assert cause in outcome.err


def test_a_decision_that_cannot_be_attested_is_not_told(project: Path) -> None:
    from weighbridge.core.errors import RegistryError
    from weighbridge.pipelines.gate_two import open_gate

    seen: list[Decision] = []
    held = load_settings("weighbridge.toml", {})
    decision, case = open_gate(held, attest=seen.append).admit("good:v1", "production")
    assert seen == [decision]
    assert decision.recorded is not None
    assert case.manifest == decision.digest

    def fails(decision: Decision) -> None:
        raise RegistryError("it is not there", "")

    with pytest.raises(RegistryError):
        open_gate(held, attest=fails).admit("good:v1", "production")
