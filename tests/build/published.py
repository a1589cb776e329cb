"""A small model that gate one stored in a layout folder, with every kind of evidence, at a time that stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from build.authorities import NOW, authority, holder
from build.containers import safetensors
from build.inspecting import KNOWLEDGE, LIMITS
from build.keys import signer, trust
from weighbridge.attest.certified import certified
from weighbridge.attest.identities import EVIDENCE, TrustedAuthority
from weighbridge.cli.progress import silent
from weighbridge.core.settings import DEFAULT_STAGES, QuarantineSettings, Settings
from weighbridge.pipelines.admission import admit
from weighbridge.pipelines.attesting import attest_decision
from weighbridge.pipelines.intake import Destination, take_in
from weighbridge.registry.layout import LayoutStore, open_layout
from weighbridge.sources.open import open_source

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.digests import Digest
    from weighbridge.gate.case import Case
    from weighbridge.gate.decision import Decision
    from weighbridge.registry.base import Reference

POLICY = DEFAULT_STAGES["production"]._replace(
    max_scan_age_days=36500, registries=(), facts=False, max_knowledge_age_days=0
)
"""Production, wherever the model lies and however old its scan is: what these tests are not about."""
ROOT = authority(60, "House root")
HOUSE = TrustedAuthority("house", ROOT.pem, ("ada@example.org",), (EVIDENCE,))
CHAIN = certified(signer(2), holder(ROOT, 2).pem + ROOT.pem, "chain.pem", lambda: NOW)


class InRegistry(NamedTuple):
    """Where the model is, and who is trusted."""

    store: LayoutStore
    trust: TrustPolicy
    digest: Digest

    @property
    def reference(self) -> Reference:
        return self.store.reference(tag="v1")

    def judged(self, now: datetime | None = None) -> tuple[Decision, Case]:
        """What gate two says."""
        return admit(
            open_layout(self.store.folder, self.store.repository),
            self.reference,
            stage="production",
            policy=POLICY,
            trust=self.trust,
            now=now or later(),
            read_bytes=True,
        )


def later() -> datetime:
    """Now by this machine, since the scan takes its time from there."""
    from datetime import UTC, datetime

    return max(NOW, datetime.now(UTC))


def published(place: Path, *, summary: bool = True) -> InRegistry:
    """The model in `place`/registry as `net:v1`."""
    model = place / "net"
    model.mkdir()
    (model / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (model / "config.json").write_text('{"model_type": "net"}')
    (model / "README.md").write_text("# Net\n")
    store = open_layout(str(place / "registry"), "net", create=True)
    trusted = trust(1)._replace(authorities=(HOUSE,))
    outcome = take_in(
        open_source(str(model), Settings()),
        Destination(store, "v1"),
        signer=signer(1),
        trust=trusted,
        policy=POLICY,
        knowledge=KNOWLEDGE,
        limits=LIMITS,
        watcher=silent(),
        now=NOW,
        settings=QuarantineSettings(str(place / "quarantine")),
        notary=CHAIN,
    )
    assert outcome.published is not None, outcome.refusal
    there = InRegistry(store, trusted, outcome.published.manifest.digest)
    if summary:
        decision, case = there.judged()
        assert decision.allowed, decision
        assert attest_decision(store, decision, case, policy=POLICY, signer=signer(1), now=later()).made
    return there
