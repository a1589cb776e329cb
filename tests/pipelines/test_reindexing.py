"""The index follows from the registry: what is written, what is removed, and what a kill or a busy registry leaves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from build.containers import safetensors
from build.databases import tagged
from build.inspecting import KNOWLEDGE, LIMITS
from build.keys import signer, trust
from build.published import POLICY
from weighbridge.cli.progress import silent
from weighbridge.core.settings import QuarantineSettings, Settings
from weighbridge.index.asking import ask
from weighbridge.index.language import read_query
from weighbridge.index.models import Index, open_index
from weighbridge.index.walks import walk_of
from weighbridge.pipelines import reindexing
from weighbridge.pipelines.admission import internal_place
from weighbridge.pipelines.indexing import bring_up, tell_index
from weighbridge.pipelines.intake import Destination, take_in
from weighbridge.pipelines.reindexing import Rebuilt, Walking, rebuild
from weighbridge.registry.layout import open_layout, repositories
from weighbridge.sources.open import open_source

if TYPE_CHECKING:
    from pathlib import Path

ON_A_FILE = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
"""What differs between databases is tested elsewhere."""
CARD = "---\nlicense: mit\ndatasets:\n- squad\nbase_model: org/base\n---\n# Net\n"


class Place:
    """A layout folder that models are taken into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = f"oci:{folder}/registry"

    def take(self, name: str, tag: str, text: str = "", *, replace: bool = False) -> str:
        source = self.folder / f"source-{name.replace('/', '-')}-{tag}-{len(text)}"
        source.mkdir(exist_ok=True)
        (source / "model.safetensors").write_bytes(safetensors({"w": (name + tag + text).encode().ljust(64)[:64]}))
        (source / "README.md").write_text(CARD + text)
        outcome = take_in(
            open_source(str(source), Settings()),
            Destination(open_layout(f"{self.folder}/registry", name, create=True), tag, replace),
            signer=signer(1),
            trust=trust(1),
            policy=POLICY,
            knowledge=KNOWLEDGE,
            limits=LIMITS,
            watcher=silent(),
            now=datetime.now(UTC),
            settings=QuarantineSettings(str(self.folder / "quarantine")),
        )
        assert outcome.published is not None, outcome.refusal
        return str(outcome.published.manifest.digest)

    def walking(self, into: Index, number: int = 1) -> Walking:
        folder = f"{self.folder}/registry"
        return Walking(
            into,
            internal_place(self.registry),
            repositories(folder),
            lambda name: open_layout(folder, name),
            trust(number),
            lambda: datetime.now(UTC),
            lambda _: None,
        )

    def rebuild(self, into: Index, number: int = 1) -> Rebuilt:
        return rebuild(self.walking(into, number))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_is_verified_is_in_the_index(place: Place, index: Index) -> None:
    digest = place.take("team/net", "v1")
    rebuilt = place.rebuild(index)
    assert rebuilt.walk[2:6] == (1, 1, 0, 0)
    repository = f"{internal_place(place.registry)}:team/net"
    known = index.model(repository, digest)
    assert known is not None
    model = known.model
    assert (model.verdict, model.proof, model.tags, model.path) == ("clean", "verified", ("v1",), "team/net")
    assert (model.facts_state, model.licence, model.source) == ("known", "MIT", "file:source-team-net-v1-0")
    assert {file.path: file.format for file in model.files} == {
        "README.md": "markdown",
        "model.safetensors": "safetensors",
    }
    assert all(file.opaque == 0 and file.parsed + file.data == file.size for file in model.files)
    assert {(edge.relation, edge.target) for edge in model.lineage} == {("base", "org/base"), ("dataset", "squad")}
    assert {one.kind for one in model.evidence} >= {"scan", "facts", "provenance", "sbom", "slsa-provenance"}
    assert {one.result for one in model.evidence} == {"verified"}
    for query in ("dataset = squad and licence = mit and base = org/*", "format = safetensors and signer = builder"):
        assert [row.manifest for row in ask(index, read_query(query)).rows] == [digest]


@ON_A_FILE
def test_evidence_that_nobody_trusted_signed_says_nothing(place: Place, index: Index) -> None:
    digest = place.take("net", "v1")
    place.rebuild(index, 2)
    known = index.model(f"{internal_place(place.registry)}:net", digest)
    assert known is not None
    assert (known.model.verdict, known.model.proof, known.model.facts_state) == ("unknown", "broken", "missing")
    assert known.model.findings == known.model.lineage == known.model.terms == ()
    assert {one.result for one in known.model.evidence} == {"broken"}
    assert all(file.format == "" and file.opaque == file.size for file in known.model.files)
    assert ask(index, read_query("not global")).unknown == 1


def test_a_second_walk_changes_nothing_and_removes_what_is_gone(place: Place, index: Index) -> None:
    kept, gone = place.take("net", "v1"), place.take("net", "v2")
    other = place.take("other", "v1")
    place.rebuild(index)
    last = index.counts().sequence
    assert place.rebuild(index).walk[2:6] == (2, 3, 0, 0)
    assert index.changes(last) == ()
    store = open_layout(f"{place.folder}/registry", "net")
    for name, digest in (("net", gone), ("other", other)):
        forget(place, name, digest)
    rebuilt = place.rebuild(index)
    assert (rebuilt.walk.models, rebuilt.walk.removed) == (1, 2)
    assert [row.manifest for row in index.page().rows] == [kept]
    assert store.tags() == ("v1",)


def forget(place: Place, name: str, digest: str) -> None:
    """Take a model out of the layout folder, as somebody with another tool would."""
    import json

    path = place.folder / "registry/index.json"
    said = json.loads(path.read_text())
    said["manifests"] = [
        entry
        for entry in said["manifests"]
        if entry["digest"] != digest
        or not entry.get("annotations", {}).get("org.opencontainers.image.ref.name", f"{name}:").startswith(f"{name}:")
    ]
    said["manifests"] = [entry for entry in said["manifests"] if entry["digest"] != digest]
    path.write_text(json.dumps(said))


@ON_A_FILE
def test_what_no_tag_names_any_more_stays_while_it_is_there(place: Place, index: Index) -> None:
    old = place.take("net", "v1")
    place.rebuild(index)
    new = place.take("net", "v1", "# more\n", replace=True)
    assert place.rebuild(index).walk.removed == 0
    repository = f"{internal_place(place.registry)}:net"
    tags = {digest: known.model.tags for digest in (old, new) if (known := index.model(repository, digest))}
    assert tags == {old: (), new: ("v1",)}


@ON_A_FILE
def test_a_walk_that_is_killed_leaves_whole_models_and_goes_on(
    place: Place,
    index: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("a", "b", "c"):
        place.take(name, "v1")
    place.rebuild(index)
    place.take("b", "v2")
    real, seen = reindexing.indexed, []

    def killed(store: object, *rest: object) -> object:
        seen.append(store.repository)  # type: ignore[attr-defined]
        if store.repository == "c":  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return real(store, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reindexing, "indexed", killed)
    with pytest.raises(KeyboardInterrupt):
        place.rebuild(index)
    assert index.counts().models == 4
    walk = walk_of(index, internal_place(place.registry))
    assert (walk.after, walk.repositories, walk.finished) == ("b", 2, "")
    seen.clear()
    monkeypatch.setattr(
        reindexing, "indexed", lambda store, *rest: (seen.append(store.repository), real(store, *rest))[1]
    )
    assert place.rebuild(index).walk[2:4] == (3, 4)
    assert seen == ["c"]
    monkeypatch.setattr(reindexing, "indexed", killed)
    with pytest.raises(KeyboardInterrupt):
        place.rebuild(index)
    monkeypatch.setattr(reindexing, "indexed", real)
    assert rebuild(place.walking(index), anew=True).walk[2:4] == (3, 4)


@ON_A_FILE
def test_a_model_that_cannot_be_read_stays_as_it_was_and_is_told(place: Place, index: Index) -> None:
    digest = place.take("net", "v1")
    place.take("other", "v1")
    place.rebuild(index)
    blob = place.folder / "registry/blobs/sha256" / digest.removeprefix("sha256:")
    blob.chmod(0o600)
    blob.write_bytes(b"{}" + blob.read_bytes()[2:])
    rebuilt = place.rebuild(index)
    assert rebuilt.walk.failed >= 1
    assert any(digest in fault for fault in rebuilt.faults)
    assert index.counts().verdicts == {"clean": 2}


def test_intakes_beside_a_walk_are_never_lost(place: Place, address: str) -> None:
    for number in range(2):
        place.take(f"old-{number}", "v1")
    open_index(address, create=True).close()
    settings = Settings(index_address=address)
    problems: list[str] = []

    def intakes() -> None:
        for number in range(2):
            place.take(f"new-{number}", "v1")
            place.take("old-1", "v1", f"# {number}\n" * (number + 1), replace=True)
            for name in (f"new-{number}", "old-1"):
                store = open_layout(f"{place.folder}/registry", name)
                said = tell_index(settings, store, store.reference(tag="v1"), trust(1), datetime.now(UTC))
                problems.extend([said] if said else [])

    writer = threading.Thread(target=intakes)
    writer.start()
    walker = open_index(address)
    while writer.is_alive():
        assert rebuild(place.walking(walker)).faults == ()
    writer.join()
    assert problems == []
    for name in repositories(f"{place.folder}/registry"):
        store = open_layout(f"{place.folder}/registry", name)
        digest = str(store.resolve(store.reference(tag="v1")).digest)
        assert tagged(walker, f"{internal_place(place.registry)}:{name}", "v1") == digest
    first = [known(walker, row.repository, row.manifest) for row in walker.page(count=100).rows]
    again = open_index(f"sqlite:///{place.folder}/again.db", create=True)
    place.rebuild(again)
    tagged_rows = [row for row in again.page(count=100).rows if row.tags]
    assert {known(again, row.repository, row.manifest) for row in tagged_rows} <= set(first), "all of it is derived"
    again.close()
    walker.close()


def known(index: Index, repository: str, manifest: str) -> object:
    found = index.model(repository, manifest)
    assert found is not None
    return found.model


def test_an_index_that_cannot_be_used_is_a_sentence_and_no_failure(place: Place) -> None:
    place.take("net", "v1")
    store = open_layout(f"{place.folder}/registry", "net")
    reference = store.reference(tag="v1")
    broken = place.folder / "broken.db"
    broken.write_bytes(b"no database" * 100)
    said = tell_index(Settings(index_address=f"sqlite:///{broken}"), store, reference, trust(1), datetime.now(UTC))
    assert "the index was not brought up" in said
    assert "weighbridge index rebuild" in said
    for nothing in ("", f"sqlite:///{place.folder}/none.db"):
        assert tell_index(Settings(index_address=nothing), store, reference, trust(1), datetime.now(UTC)) == ""
    assert not (place.folder / "none.db").exists()


@ON_A_FILE
def test_what_is_no_model_is_not_in_the_index(place: Place, index: Index) -> None:
    place.take("net", "v1")
    store = open_layout(f"{place.folder}/registry", "net")
    model = store.resolve(store.reference(tag="v1"))
    evidence = next(iter(store.referrers(model)))
    assert bring_up(index, store, evidence, trust(1), lambda: datetime.now(UTC)) is None
    assert index.counts().models == 0
