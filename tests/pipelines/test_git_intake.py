"""Gate one takes a model from a git repository: its files are stored, what proves them is not among them."""

from __future__ import annotations

from datetime import UTC, datetime

from build import keys
from build.models import TINY
from build.repositories import needs, repository
from weighbridge.attest.trust import TrustPolicy
from weighbridge.cli.progress import silent
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.limits import Limits
from weighbridge.core.settings import DEFAULT_STAGES, Settings
from weighbridge.pipelines.intake import Destination, take_in
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model
from weighbridge.sources.git import open_git

pytestmark = needs("git")


def test_a_commit_is_admitted(tmp_path):
    model = repository(tmp_path)
    model.commit(TINY)
    store = open_layout(str(tmp_path / "registry"), "tiny", create=True)
    outcome = take_in(
        open_git(f"{model.address}@main", Settings()),
        Destination(store, "v1"),
        signer=keys.signer(),
        policy=DEFAULT_STAGES["sandbox"],
        knowledge=load_knowledge(),
        limits=Limits(),
        watcher=silent(),
        trust=TrustPolicy(()),
        now=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    assert outcome.admitted, outcome.refusal
    assert outcome.report.artifact.name == "model"
    assert sorted(file.path for file in load_model(store, store.reference(tag="v1")).files) == sorted(TINY)
