"""The tables of the index beside the log of decisions, as they stand today; `migrations/versions` leads there.

    models     a manifest in a repository, each with its own `id`     tags, files, findings, evidence,
    terms      what can be asked about it: (kind, value)              lineage: by that `id`
    decided    every decision of the log by its digest                standing: the newest for each stage
               decided_in: by each namespace that its model lies in   decided_lacks: by what was not met
    tallies    how many models of which verdict a tenant has          walks: how far a rebuild came
    state      one row: the number of the last change, and how far the log was followed

A model's `path` is its repository's name inside its registry, and `tenant` the first part of that, with the registry
before it as in `repository`. `changed` is the
number of the last change of what is known of it, `touched` that of the last time it was written.
"""

from __future__ import annotations

from functools import cache

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Table

CHILDREN = ("tags", "files", "findings", "evidence", "terms", "lineage")


class ModelTables(NamedTuple):
    """All of them by name."""

    state: Table
    models: Table
    tags: Table
    files: Table
    findings: Table
    evidence: Table
    terms: Table
    lineage: Table
    decided: Table
    decided_in: Table
    decided_lacks: Table
    standing: Table
    tallies: Table
    walks: Table


@cache
def model_tables() -> ModelTables:
    """The tables for SQLAlchemy."""
    from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Table, Text

    metadata = MetaData()

    def table(name: str, text: str, numbers: str = "", *, key: str, flags: str = "") -> Table:
        kinds: dict[str, Any] = {word: Text() for word in text.split()} | {
            word: BigInteger() for word in numbers.split()
        }
        kinds |= {word: Boolean() for word in flags.split()}
        return Table(
            name, metadata, *(Column(one, kinds[one], primary_key=one in key.split(), nullable=False) for one in kinds)
        )

    models = Table(
        "models",
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        *(
            Column(name, BigInteger() if name in ("size", "changed", "touched") else Text(), nullable=False)
            for name in (
                *("repository", "path", "tenant", "manifest", "model", "name", "verdict", "proof", "scanned", "size"),
                *("source", "revision", "publisher", "licence", "knowledge", "facts", "facts_state", "newest"),
                *("changed", "touched", "before", "content"),
            )
        ),
    )
    walks = Table(
        "walks",
        metadata,
        Column("registry", Text(), primary_key=True),
        Column("after", Text(), nullable=False),
        Column("counts", LargeBinary(), nullable=False),
    )
    return ModelTables(
        state=table("state", "log", "id sequence followed", key="id"),
        models=models,
        tags=table("tags", "repository tag", "id", key="repository tag"),
        files=table("files", "path sha256 format", "id size parsed data opaque", key="id path"),
        findings=table("findings", "rule severity title location evidence", "id number", key="id number"),
        evidence=table("evidence", "referrer kind type signer made result why", "id", key="id referrer"),
        terms=table("terms", "kind value", "id", key="id kind value"),
        lineage=table("lineage", "relation target proof", "id", key="id relation target"),
        decided=table("decided", "digest path stage made", "sequence", key="sequence", flags="allowed"),
        decided_in=table("decided_in", "namespace", "sequence", key="namespace sequence"),
        decided_lacks=table("decided_lacks", "requirement", "sequence", key="requirement sequence"),
        standing=table("standing", "digest path stage made", "sequence", key="digest path stage", flags="allowed"),
        tallies=table("tallies", "tenant verdict", "models bytes", key="tenant verdict"),
        walks=walks,
    )
