"""What a stage can demand beyond evidence: each demand is met, not met and unknown where it should be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weighbridge.core.advisories import packaged
from weighbridge.core.digests import Digest
from weighbridge.core.errors import UsageError
from weighbridge.core.settings import DEFAULT_STAGES, StagePolicy
from weighbridge.gate.decision import decide
from weighbridge.gate.exemption import Exemption
from weighbridge.gate.expressions import cel_reason, check_expressions
from weighbridge.pipelines.policy_cases import MANIFEST, MODEL, Model, case_of

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
POLICY = DEFAULT_STAGES["production"]
HIGH = {"rule": "code/network", "severity": "high", "location": "file0.safetensors@4"}
CRITICAL = {**HIGH, "rule": "pickle/dangerous-call", "severity": "critical"}
MEDIUM = {**HIGH, "severity": "medium"}


def judged(model: dict[str, Any], policy: dict[str, Any] | None = None, **changes: Any) -> dict[str, str]:
    case = case_of(Model(**model), NOW, packaged())._replace(**changes)
    held = POLICY._replace(**(policy or {}))
    decision = decide(case, "production", held, NOW, more=cel_reason(case, held, NOW))
    found = {reason.requirement: reason.result.value for reason in decision.reasons}
    assert decision.allowed == (set(found.values()) == {"met"})
    return {name: result for name, result in found.items() if result != "met"}


SUSPECT = {"verdict": "suspicious", "findings": (HIGH,)}
BOTH = {"scan-verdict": "unmet", "facts-rejudged": "unmet"}


@pytest.mark.parametrize(
    ("model", "policy", "denied"),
    [
        ({}, {}, {}),
        # where it lies
        ({"registry": "elsewhere.example/model"}, {}, {"registry-allowed": "unmet"}),
        ({"registry": "registry.internal.evil.example/model"}, {}, {"registry-allowed": "unmet"}),
        ({"registry": "elsewhere.example/model"}, {"registries": ()}, {}),
        ({"registry": "elsewhere.example/model"}, {"registries": ("elsewhere.example/*",)}, {}),
        (
            {"registry": "elsewhere.example/a/b"},
            {"registries": ("elsewhere.example/*",)},
            {"registry-allowed": "unmet"},
        ),
        ({"moved": True}, {}, {"reference-steady": "unmet"}),
        # where it comes from
        ({}, {"sources": ("hf://example/*",)}, {}),
        ({"source": "hf://exampel/model"}, {"sources": ("hf://example/*",)}, {"source-allowed": "unmet"}),
        ({"publisher": "good"}, {"publishers": ("good",)}, {}),
        ({"publisher": "good"}, {"blocked_publishers": ("go*",)}, {"publisher-allowed": "unmet"}),
        ({"publisher": "other"}, {"publishers": ("good",)}, {"publisher-allowed": "unmet"}),
        ({}, {"publishers": ("good",)}, {"publisher-allowed": "unknown"}),
        ({"publisher": "good", "signer": "evil"}, {"publishers": ("good",)}, {"publisher-allowed": "unmet"}),
        ({"publisher": "other", "signer": "good"}, {"publishers": ("good",)}, {}),
        ({"publisher": "bad", "signer": "good"}, {"blocked_publishers": ("bad",)}, {"publisher-allowed": "unmet"}),
        ({"publisher": "g00d", "lookalike": True}, {}, {"publisher-allowed": "unmet"}),
        ({"publisher": "g00d", "lookalike": True, "signer": "Good"}, {}, {}),
        ({"publisher": "g00d", "lookalike": True}, {"lookalikes": True}, {}),
        ({}, {"countries": ("FR",)}, {"country-allowed": "unknown"}),
        ({"publisher": "mistralai"}, {"countries": ("FR", "DE")}, {}),
        ({"publisher": "MistralAI"}, {"countries": ("FR",)}, {}),
        ({"publisher": "mistralai"}, {"countries": ("DE",)}, {"country-allowed": "unmet"}),
        ({"publisher": "mistralai"}, {"blocked_countries": ("FR",)}, {"country-allowed": "unmet"}),
        ({"publisher": "mistralai"}, {"blocked_countries": ("DE",)}, {}),
        (
            {"publisher": "mistralai"},
            {"countries": ("FR",), "blocked_countries": ("FR",)},
            {"country-allowed": "unmet"},
        ),
        ({"publisher": "nobody-known"}, {"blocked_countries": ("DE",)}, {"country-allowed": "unknown"}),
        ({"publisher": "nobody-known"}, {"countries": ("DE",)}, {"country-allowed": "unknown"}),
        ({"publisher": "acme-ai"}, {"countries": ("DE",), "publisher_countries": {"acme*": "DE"}}, {}),
        (
            {"publisher": "mistralai"},
            {"countries": ("FR",), "publisher_countries": {"mistralai": "US"}},
            {"country-allowed": "unmet"},
        ),
        (
            {"publisher": "mistralai", "source": "git+https://git.example/mistralai/x"},
            {"countries": ("FR",)},
            {"country-allowed": "unknown"},
        ),
        # who signed outranks who is named, for better and for worse
        ({"publisher": "mistralai", "signer": "NVIDIA"}, {"countries": ("US",)}, {}),
        ({"publisher": "mistralai", "signer": "NVIDIA"}, {"countries": ("FR",)}, {"country-allowed": "unmet"}),
        (
            {"publisher": "mistralai", "signer": "our release key"},
            {"countries": ("FR",)},
            {"country-allowed": "unknown"},
        ),
        (
            {"publisher": "mistralai", "signer": "our release key"},
            {"countries": ("FR",), "publisher_countries": {"our *": "FR"}},
            {},
        ),
        (
            {"publisher": "mistralai", "missing": ("provenance",)},
            {"countries": ("FR",)},
            {"country-allowed": "unknown", "provenance-verified": "unmet", "confirmations": "unknown"},
        ),
        # what it is made of
        ({"formats": ("safetensors", "pickle")}, {}, {"formats-allowed": "unmet"}),
        ({"formats": ("safetensors", "pickle")}, {"pickle": "allow"}, {}),
        ({"formats": ("keras",)}, {"blocked_formats": ("keras*",)}, {"formats-allowed": "unmet"}),
        ({"formats": ("onnx",)}, {"formats": ("safetensors", "hub-*")}, {"formats-allowed": "unmet"}),
        ({"formats": ("safetensors", "hub-config")}, {"formats": ("safetensors", "hub-*")}, {}),
        ({"bytes": 11}, {"most_bytes": 10}, {"size-allowed": "unmet"}),
        ({"bytes": 10}, {"most_bytes": 10}, {}),
        ({}, {"engines": ("picklescan",)}, {"engines-ran": "unmet"}),
        ({"engines": {"picklescan": "clean"}}, {"engines": ("picklescan",)}, {}),
        ({"engines": {"picklescan": "malicious"}}, {"engines": ("picklescan",)}, {"engines-ran": "unmet"}),
        (
            {"engines": {"picklescan": "clean"}, "missing": ("engines",)},
            {"engines": ("picklescan",)},
            {"engines-ran": "unmet"},
        ),
        (
            {"engines": {"picklescan": "clean"}, "scanned_days_ago": 8},
            {"engines": ("picklescan",)},
            {"engines-ran": "unmet", "scan-fresh": "unmet"},
        ),
        ({"sbom_completeness": 79}, {"sbom_completeness": 80}, {"sbom-complete": "unmet"}),
        ({"sbom_completeness": 80}, {"sbom_completeness": 80}, {}),
        # what is known of it
        ({"known_bad": True}, {}, {"known-bad": "unmet"}),
        ({"missing": ("facts",)}, {}, {"facts-rejudged": "unmet"}),
        ({"missing": ("facts",)}, {"facts": False}, {}),
        ({"old_parser": True}, {}, {"facts-rejudged": "unknown"}),
        ({"old_parser": True}, {"old_parsers": True}, {}),
        ({"findings": ({**HIGH, "today": True},)}, {}, {"facts-rejudged": "unmet"}),
        ({"findings": ({**MEDIUM, "today": True},)}, {}, {}),
        (SUSPECT, {}, BOTH),
        (SUSPECT, {"verdicts": ("clean", "suspicious")}, BOTH),
        (SUSPECT, {"verdicts": ("clean", "suspicious"), "severity": "critical"}, {}),
        ({"findings": (MEDIUM,)}, {"severity": "medium"}, BOTH),
        ({"hub_scan": "bad"}, {"contradicted": True}, {"scan-verdict": "unmet"}),
        ({"hub_scan": "good", **SUSPECT}, {}, BOTH),
        # exemptions
        ({**SUSPECT, "exempt": ({"rule": "code/network", "days": 9},)}, {}, {}),
        ({**SUSPECT, "exempt": ({"rule": "code/network", "days": 0},)}, {}, BOTH),
        ({**SUSPECT, "exempt": ({"rule": "code/networks", "days": 9},)}, {}, BOTH),
        ({**SUSPECT, "exempt": ({"rule": "code/network", "days": 100},)}, {}, BOTH),
        ({**SUSPECT, "exempt": ({"rule": "code/network", "days": 9},)}, {"exemptions": False}, BOTH),
        ({**SUSPECT, "exempt": ({"rule": "code/network", "days": 9},)}, {"exemptable": "medium"}, BOTH),
        (
            {"verdict": "malicious", "findings": (CRITICAL,), "exempt": ({"rule": CRITICAL["rule"], "days": 9},)},
            {},
            BOTH,
        ),
        # a verdict that the report's own findings do not explain is lifted by nothing
        (
            {"verdict": "suspicious", "findings": (MEDIUM,), "exempt": ({"rule": "code/network", "days": 9},)},
            {},
            {"scan-verdict": "unmet"},
        ),
        ({"verdict": "incomplete", "unread": 2, "exempt": ({"rule": "file/unread", "days": 9},)}, {}, {}),
        ({"verdict": "incomplete", "unread": 2}, {}, {"scan-verdict": "unmet"}),
        # frameworks
        ({"formats": ("hub-config",), "runtime": ("transformers==4.57.1",)}, {}, {"loader-advisories": "unmet"}),
        ({"formats": ("hub-config",), "runtime": ("transformers==5.3.0",)}, {}, {}),
        ({"formats": ("hub-config",), "runtime": ("Transformers",)}, {}, {"loader-advisories": "unknown"}),
        ({"formats": ("hub-config",), "runtime": ("-r other.txt",)}, {}, {"loader-advisories": "unknown"}),
        ({"formats": ("hub-config",), "runtime": ("transformers==4.57.1",)}, {"loader_advisories": "off"}, {}),
        ({"formats": ("safetensors",), "runtime": ("torch==2.5.0",)}, {}, {}),
        (
            {"formats": ("torch-zip",), "runtime": ("torch==2.5.0+cu121",)},
            {"pickle": "allow"},
            {"loader-advisories": "unmet"},
        ),
        ({"formats": ("hub-config",), "declared": {"transformers": "4.57.1"}}, {}, {}),
        (
            {"formats": ("hub-config",), "declared": {"transformers": "4.57.1"}},
            {"loader_advisories": "declared"},
            {"loader-advisories": "unmet"},
        ),
        ({}, {"loader_advisories": "required"}, {"loader-advisories": "unknown"}),
        # times
        ({"scanned_days_ago": -1}, {}, {"scan-fresh": "unmet"}),
        ({"knowledge_days_ago": -3}, {}, {"clock-sane": "unmet"}),
        ({"knowledge_days_ago": 31}, {"max_knowledge_age_days": 30}, {"knowledge-fresh": "unmet"}),
        ({"knowledge_days_ago": 30}, {"max_knowledge_age_days": 30}, {}),
        # expressions
        ({}, {"cel": ("size < 10000000 && verdict == 'clean'", "files.all(f, f.size > 0)")}, {}),
        ({}, {"cel": ("size > 10000000",)}, {"expressions-hold": "unmet"}),
        ({}, {"cel": ("files[0].siez > 0",)}, {"expressions-hold": "unknown"}),
        ({}, {"cel": ("signers['scan'] == 'this machine'",)}, {}),
        ({}, {"cel": ("signers['scna'] == 'this machine'",)}, {"expressions-hold": "unknown"}),
        ({}, {"cel": ("now < timestamp('2020-01-01T00:00:00Z')",)}, {"expressions-hold": "unmet"}),
    ],
)
def test_a_demand_denies_what_it_names_and_nothing_else(
    model: dict[str, Any], policy: dict[str, Any], denied: dict[str, str]
) -> None:
    assert judged(model, policy) == denied


@pytest.mark.parametrize(
    ("changes", "denied"),
    [
        ({"internal": ""}, {"registry-allowed": "unknown"}),
        ({"feed_problems": ("the feed x cannot be used",)}, {"known-bad": "unknown"}),
        ({"newest": NOW + timedelta(minutes=11), "newest_of": "entry 3"}, {"clock-sane": "unmet"}),
        ({"newest": NOW + timedelta(minutes=9), "newest_of": "entry 3"}, {}),
    ],
)
def test_what_the_surroundings_say(changes: dict[str, Any], denied: dict[str, str]) -> None:
    assert judged({}, **changes) == denied


def exempt(digest: Digest, rule: str = "code/network", **changes: Any) -> Exemption:
    made = Exemption("id", rule, digest, "because", "Ada", NOW - timedelta(days=1), NOW + timedelta(days=1), "ci")
    return made._replace(**changes)


@pytest.mark.parametrize(
    ("exemption", "denied"),
    [
        (exempt(MODEL), {}),
        (exempt(MANIFEST), {}),
        (exempt(Digest("3" * 64)), {}),
        (exempt(Digest("4" * 64)), BOTH),
        (exempt(MODEL, revoked="a mistake"), BOTH),
        (exempt(MODEL, made_at=NOW + timedelta(hours=1)), BOTH),
        (exempt(MODEL, expires=NOW), BOTH),
    ],
)
def test_an_exemption_covers_one_digest_for_a_time(exemption: Exemption, denied: dict[str, str]) -> None:
    assert judged(SUSPECT, exemptions=(exemption,)) == denied


def test_an_exemption_of_a_file_covers_that_file_alone() -> None:
    other = {**HIGH, "location": "other.bin@4"}
    case = case_of(Model(verdict="suspicious", findings=(HIGH, other)), NOW, packaged())
    files = frozenset({*case.files, ("other.bin", 3, "5" * 64)})
    for digest, allowed in ((Digest("3" * 64), False), (Digest("5" * 64), False), (MODEL, True)):
        decision = decide(case._replace(exemptions=(exempt(digest),), files=files), "production", POLICY, NOW)
        verdict = next(one for one in decision.reasons if one.requirement == "scan-verdict")
        assert (verdict.result.value == "met") is allowed
        assert [one.id for one in decision.exemptions] == ["id"]


def test_every_exemption_is_shown_with_why_it_does_not_count() -> None:
    case = case_of(Model(), NOW, packaged())._replace(exemptions=(exempt(MODEL, expires=NOW),))
    (shown,) = decide(case, "production", POLICY, NOW).document()["exemptions"]
    assert shown["refused"].startswith("it expired on")
    assert (shown["approver"], shown["signer"], shown["reason"]) == ("Ada", "ci", "because")


def test_the_sandbox_tells_what_production_would_deny() -> None:
    case = case_of(Model(**SUSPECT), NOW, packaged())
    sandbox = DEFAULT_STAGES["sandbox"]
    decision = decide(case, "sandbox", sandbox, NOW, stricter=POLICY)
    assert decision.allowed
    assert {text.partition(":")[0] for text in decision.warnings} == set(BOTH)


@pytest.mark.parametrize("expression", ["size <", "verdikt == 'clean'", "size", "'clean'"])
def test_an_expression_that_cannot_be_asked_is_refused_with_the_settings(expression: str) -> None:
    with pytest.raises(UsageError):
        check_expressions({"production": StagePolicy(cel=(expression,))})
