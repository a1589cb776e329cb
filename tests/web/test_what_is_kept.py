"""A server keeps what cannot change. What can change counts at the next question, although it was answered before."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from build.containers import safetensors
from build.keys import signer
from build.registry_server import Registry, serving
from build.running import command
from build.sites import ask
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.core.digests import digest_bytes
from weighbridge.core.evidence import SCAN_PREDICATE
from weighbridge.core.settings import Settings, load_settings
from weighbridge.pipelines import rejudging
from weighbridge.pipelines.gate_two import Held, open_gate, signing_key
from weighbridge.registry.base import Descriptor, parse_reference
from weighbridge.registry.contents import Contents
from weighbridge.registry.open import open_store
from weighbridge.registry.publish import EvidenceBlob, attach_evidence
from weighbridge.registry.read import load_model
from weighbridge.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.registry.base import Store
    from weighbridge.registry.read import StoredModel

NOW = datetime.now(UTC)


class There(NamedTuple):
    """A server whose registry is asked over HTTP, and what that registry was asked."""

    folder: Path
    registry: Registry
    site: Site

    def decide(self, *, at: datetime | None = None) -> dict[str, str]:
        """The requirements that are not met; none: allowed."""
        site = self.site._replace(now=lambda: at or datetime.now(UTC))
        got = ask(site, "POST", "/v1/admit", {"reference": "net:v1", "stage": "production"})
        assert got.status == 200, got.text
        found = {one["requirement"]: one["result"] for one in got.json["reasons"] if one["result"] != "met"}
        assert (got.json["decision"] == "allow") == (not found)
        return found

    def stored(self) -> tuple[Store, StoredModel]:
        settings = self.site.settings
        where = parse_reference("net:v1", settings.registry)
        store = open_store(where, settings)
        return store, load_model(store, where)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    monkeypatch.chdir(tmp_path)
    with serving() as registry:
        assert command("init").status == 0
        path = tmp_path / "weighbridge.toml"
        path.write_text(
            "".join(
                f'registry = "{registry.host}"\nfeeds = ["bad"]\n' if line.startswith("registry") else line
                for line in path.read_text().splitlines(keepends=True)
            )
        )
        (tmp_path / "bad").mkdir()
        (tmp_path / "net").mkdir()
        (tmp_path / "net/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
        taken = command("intake", "net", "--to", f"{registry.host}/net:v1", "--stage", "production")
        assert taken.status == 0, taken
        settings: Settings = load_settings(str(path), {})
        gate = open_gate(settings, signer=signing_key(settings), held=Held())
        one = There(tmp_path, registry, Site(gate, lambda: datetime.now(UTC), lambda _record: None))
        assert one.decide() == {}
        yield one


def test_what_has_a_digest_is_asked_for_once(there: There) -> None:
    there.registry.asked.clear()
    assert there.decide() == {}
    assert there.registry.count("GET", "/blobs/") == 0
    assert there.registry.count("GET", "/manifests/sha256:") == 0
    assert there.registry.count("GET", "/manifests/v1") == 2, "what the tag names, before and after"
    assert there.registry.count("GET", "/referrers/") == 2


def test_facts_are_judged_once(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(*_words: object) -> None:
        raise AssertionError("judged again")

    monkeypatch.setattr(rejudging, "judge_again", again)
    assert there.decide() == {}


def test_a_stale_scan_is_denied(there: There) -> None:
    assert there.decide(at=NOW + timedelta(days=8)) == {"scan-fresh": "unmet"}


def test_a_clock_that_was_set_back_is_denied(there: There) -> None:
    assert there.decide(at=NOW + timedelta(days=2)) == {}
    assert there.decide(at=NOW + timedelta(days=1)) == {"clock-sane": "unmet"}


def test_a_revoked_signer_is_denied(there: There) -> None:
    assert command("trust", "revoke", "this-machine", "--reason", "compromised").status == 0
    assert {"scan-present", "facts-rejudged", "sbom-present", "model-signed"} <= set(there.decide())


def test_a_moved_tag_is_denied(there: There) -> None:
    store, model = there.stored()
    other = json.loads(store.get_manifest(model.manifest))
    other["annotations"]["org.opencontainers.image.title"] = "another"
    store.tag(store.put_manifest(json.dumps(other).encode(), model.manifest.media_type), "v1")
    assert {"scan-present", "sbom-present"} <= set(there.decide())


def test_a_strangers_referrer_changes_nothing(there: There) -> None:
    """Neither for the better, nor so that anybody could shut the gate for others."""
    store, model = there.stored()
    bundle = next(item.bundle for item in model.evidence if item.kind == "scan")
    said: dict[str, Any] = json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))["predicate"]
    said = {**said, "verdict": "malicious"}
    subjects = [Subject("manifest", model.manifest.digest)]
    forged = seal(write_statement(subjects, SCAN_PREDICATE, said), PAYLOAD_TYPE, signer(7))
    attach_evidence(store, model.manifest, EvidenceBlob("scan", SCAN_PREDICATE, forged))
    assert there.decide() == {}


def test_evidence_that_is_taken_away_is_missed(there: There) -> None:
    _, model = there.stored()
    scan = next(item for item in model.evidence if item.kind == "scan")
    del there.registry.manifests["net"][str(scan.descriptor.digest)]
    assert {"scan-present", "evidence-whole"} <= set(there.decide())


def test_a_feed_counts_at_once(there: There) -> None:
    _, model = there.stored()
    (there.folder / "bad" / "feed.txt").write_text(f"{model.files[0].digest} stolen\n")
    assert there.decide() == {"known-bad": "unmet"}
    (there.folder / "bad" / "feed.txt").unlink()
    assert there.decide() == {}


def test_contents_are_kept_up_to_a_limit_and_never_under_another_name() -> None:
    kept = Contents(most=25)
    named = [Descriptor("text/plain", digest_bytes(text), 10) for text in (b"a" * 10, b"b" * 10, b"c" * 10)]
    for one, text in zip(named, (b"a" * 10, b"b" * 10, b"c" * 10), strict=True):
        kept.keep(one, text)
    assert [kept.find(one) for one in named] == [None, b"b" * 10, b"c" * 10]
    kept.keep(named[0]._replace(size=9), b"a" * 10)
    assert kept.find(named[0]._replace(size=9)) is None
    assert kept.find(named[1]._replace(media_type="text/html")) is None
