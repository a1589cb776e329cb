"""Both databases, each test with an empty one of its own; models for the index made by a seed."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from build.postgres import needs_postgres, postgres
from weighbridge.index import migrations
from weighbridge.index.models import Index, open_index
from weighbridge.index.records import Edge, IndexedEvidence, IndexedFile, IndexedFinding, IndexedModel, Term

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from build.postgres import Server

GLOBALS = (
    "os.system",
    "numpy.f2py.crackfortran.myeval",
    "numpy.f2py",
    "torch._utils._rebuild_tensor_v2",
    "a%b_c[d]*e?f",
)


def made_at(address: str, step: str) -> None:
    """Make an empty database as the version of that migration made it."""
    config = Config()
    config.set_main_option("script_location", os.path.dirname(migrations.__file__))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    engine = create_engine(address)
    context = EnvironmentContext(config, scripts, fn=lambda there, _: scripts._upgrade_revs(step, there))
    with context, engine.begin() as connection:
        context.configure(connection=connection, transactional_ddl=True)
        context.run_migrations()
    engine.dispose()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL that the tests of a module share."""
    needs_postgres()
    with postgres() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/index.db"
    return str(request.getfixturevalue("server").fresh(f"index_{os.urandom(6).hex()}"))


@pytest.fixture
def index(address: str) -> Iterator[Index]:
    """An empty index."""
    made = open_index(address, create=True)
    yield made
    made.close()


def tagged(index: Index, repository: str, tag: str) -> str:
    """The manifest that a tag names; empty if none. Few models only."""
    rows = index.changes(0, 500)
    return next((row.manifest for row in rows if row.repository == repository and tag in row.tags), "")


def model(number: int, **fields: object) -> IndexedModel:
    """A model by its number; the same number gives the same one."""
    chance = random.Random(number)
    pick = chance.choice
    verdict = pick(("clean", "clean", "suspicious", "malicious", "incomplete", "unknown"))
    hexes = f"{chance.getrandbits(256):064x}"
    tenant = pick(("team", "team/vision", "other", "teams"))
    made = IndexedModel(
        repository=f"oci:/registry:{tenant}/net-{number % 50}",
        path=f"{tenant}/net-{number % 50}",
        manifest=f"sha256:{number:064x}",
        model=f"sha256:{hexes}",
        name=pick(("net", "org/base", "Größe", "")),
        tags=(f"v{number}",) if number % 3 else (),
        verdict=verdict,
        proof=pick(("verified", "broken", "missing")),
        scanned=pick(("2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z", "2026-02-01T08:30:00Z", "")),
        size=pick((0, 10, 1_000_000, 2 * 2**30)),
        source=pick(("hf://org/net", "git+https://example.org/net", "")),
        publisher=pick(("acme", "Acme", "acme-labs", "")),
        licence=pick(("MIT", "CC-BY-NC-4.0", "")),
        knowledge="2026.11.01",
        facts_state=pick(("known", "known", "missing", "cut")),
        newest="2026-02-01T09:00:00Z",
        files=(IndexedFile(f"weights-{number}.bin", 10, f"{chance.getrandbits(256):064x}", "pickle", 4, 6),),
        findings=tuple(
            IndexedFinding(rule, severity, "title", "weights.bin@1", "os.system('x')")
            for rule, severity in (("pickle/dangerous-call", "critical"), ("structure/trailing", "medium"))
            if chance.random() < 0.4
        ),
        evidence=(
            IndexedEvidence(
                f"sha256:{number:064x}",
                "scan",
                "https://weighbridge.dev/predicate/scan/v1",
                pick(("gate", "other gate")),
                "2026-02-01T09:00:00Z",
                pick(("verified", "broken")),
                "signed",
            ),
        ),
        terms=tuple(
            dict.fromkeys(
                [
                    *(Term("global", name) for name in GLOBALS if chance.random() < 0.3),
                    *(Term("licence", name) for name in ("MIT", "cc-by-nc-4.0") if chance.random() < 0.3),
                    *(Term("dataset", name) for name in ("squad", "imdb", "%", "_") if chance.random() < 0.3),
                    *(Term("format", name) for name in ("pickle", "onnx") if chance.random() < 0.5),
                ]
            )
        ),
        lineage=(Edge("base", "org/base"),) if chance.random() < 0.3 else (),
    )
    return made._replace(**fields)
