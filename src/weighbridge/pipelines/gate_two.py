"""Gate two as other programs use it: from settings and the text of a reference to a decision that stands in the log.

Everything that may have changed is read anew for each decision: the trust store, exemptions, feeds, what a tag names
and what is attached to it. Expressions are compiled, and knowledge is opened, once. A gate that decides often can keep
what cannot change (`Held`): bytes under their digest, and what today's knowledge says of facts under theirs. Signatures
are verified each time, since who is trusted may have changed.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime

from weighbridge.attest.trusted import trust_of
from weighbridge.core.advisories import with_newer
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.decision import Decision, Recorded
from weighbridge.gate.expressions import check_expressions
from weighbridge.index.log import ChainedLog, Head, open_log
from weighbridge.pipelines.admission import Surroundings, admit, internal_place
from weighbridge.pipelines.exempting import read_folder
from weighbridge.pipelines.frameworks import Runtime, read_runtime
from weighbridge.pipelines.log_heads import sealing
from weighbridge.pipelines.rejudging import Judged
from weighbridge.registry.base import parse_reference
from weighbridge.registry.contents import Contents
from weighbridge.registry.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weighbridge.attest.signers import Signer
    from weighbridge.core.settings import Settings
    from weighbridge.gate.case import Case
    from weighbridge.registry.base import Reference, Store

DEFAULT_INDEX = "sqlite:///.weighbridge/index.db"
"""Where decisions are logged if there are no settings."""


MOST_STORES = 64
"""Repositories whose connections are kept."""


class Held:
    """What a gate that decides often keeps between decisions. Any number of threads may share one."""

    def __init__(self) -> None:
        self.contents = Contents()
        self.judged = Judged()
        self._stores: dict[tuple[str, str], Store] = {}
        self._lock = threading.Lock()

    def store(self, reference: Reference, settings: Settings) -> Store:
        """The repository of a reference; one over HTTP with the connections of the last time."""
        if reference.kind == "layout":
            return open_store(reference, settings)
        key = (reference.place, reference.name)
        with self._lock:
            if key not in self._stores:
                while len(self._stores) >= MOST_STORES:
                    del self._stores[next(iter(self._stores))]
                self._stores[key] = open_store(reference, settings, contents=self.contents)
            return self._stores[key]


class Gate(NamedTuple):
    """Gate two with its settings and its log (None: decisions are not recorded). `signer` signs the log's end.

    `held` is for gates that decide often. `attest` is given each decision once it is recorded, to state it elsewhere
    too; what it raises is raised, and then there is no decision. Any number of threads and processes may hold one on
    the same log.
    """

    settings: Settings
    log: ChainedLog | None
    signer: Signer | None
    attest: Callable[[Decision], object] | None = None
    held: Held | None = None

    def admit(
        self,
        reference: str,
        stage: str,
        *,
        runtime: Sequence[Runtime] = (),
        now: datetime | None = None,
        read_bytes: bool = False,
    ) -> tuple[Decision, Case]:
        """Decide, and record the decision before anybody is told. `read_bytes`: compare every file with its digest.

        Raises UsageError, NotFound, RegistryError, KeyMissing, IndexFailed: then there is no decision.
        """
        decision, case = self.judge(reference, stage, runtime=runtime, now=now, read_bytes=read_bytes)
        decision = self.record(decision)
        if self.attest is not None:
            self.attest(decision)
        return decision, case

    def judge(
        self,
        reference: str,
        stage: str,
        *,
        runtime: Sequence[Runtime] = (),
        now: datetime | None = None,
        read_bytes: bool = False,
    ) -> tuple[Decision, Case]:
        """What `admit` would decide. It counts only once `record` has written it."""
        if stage not in self.settings.stages:
            raise UsageError(f"{plain(stage, 40)!r} is no stage", f"use {', '.join(self.settings.stages)}")
        moment = now or datetime.now(UTC)
        where = parse_reference(reference, self.settings.registry)
        policy = self.settings.stages[stage]
        newest, newest_of = self._newest()
        held = self.held
        return admit(
            held.store(where, self.settings) if held else open_store(where, self.settings),
            where,
            stage=stage,
            policy=policy,
            trust=trust_of(self.settings, now=moment),
            now=moment,
            read_bytes=read_bytes,
            surroundings=surroundings_of(self.settings, stage)._replace(
                runtime=tuple(runtime),
                newest=newest,
                newest_of=newest_of,
                judged=held.judged if held else None,
            ),
        )

    def record(self, decision: Decision) -> Decision:
        """The decision with its place in the log; as it is if none is kept."""
        if self.log is None:
            return decision
        head = self.log.append(decision.document(), self.sealing())
        return decision._replace(recorded=Recorded(head.log, head.sequence, head.hash))

    def sealing(self) -> Callable[[Head], bytes] | None:
        """What signs the end of the log; None without a key."""
        return sealing(self.signer)

    def _newest(self) -> tuple[datetime | None, str]:
        """When the last decision was made, as the log says."""
        entries = self.log.newest() if self.log is not None else []
        if not entries:
            return None, ""
        made = json.loads(entries[0].document).get("madeAt", "")
        return datetime.fromisoformat(made), f"entry {entries[0].sequence} of the log of decisions"


def surroundings_of(settings: Settings, stage: str) -> Surroundings:
    """What a decision for a stage rests on beside the model, read anew from where the settings say that it is."""
    return Surroundings(
        internal=internal_place(settings.registry) if settings.registry else "",
        exemptions=read_folder(settings.exemptions),
        feeds=settings.feeds,
        feeds_signed=settings.feeds_signed,
        advisories=with_newer(settings.advisories),
        stricter=settings.stages.get(settings.stages[stage].warn_as),
    )


def open_gate(
    settings: Settings,
    *,
    record: bool = True,
    signer: Signer | None = None,
    attest: Callable[[Decision], object] | None = None,
    held: Held | None = None,
) -> Gate:
    """Gate two by its settings; its log is begun if there is none. Raises UsageError, IndexFailed."""
    check_expressions(settings.stages)
    return Gate(settings, log_of(settings, signer) if record else None, signer, attest, held)


def log_of(settings: Settings, signer: Signer | None) -> ChainedLog:
    """The log of decisions that the settings name, begun if there is none. Raises UsageError, IndexFailed."""
    return open_log(settings.index_address or DEFAULT_INDEX, create=True, seal=sealing(signer))


def decision(
    reference: str,
    *,
    stage: str,
    settings: Settings | str = "",
    runtime: Sequence[str] = (),
    record: bool = True,
    now: datetime | None = None,
) -> Decision:
    """Decide whether a model of the registry may be deployed: what `weighbridge admit` does, for Python programs.

    `settings` are settings, or the path of a settings file; empty: found upwards from the working directory. `runtime`
    are paths of requirements of the serving image. The answer is `decision.allowed`, with every reason; errors are
    WeighbridgeError, and then nothing was decided. Whoever decides often keeps a `Gate` instead (`open_gate`).
    """
    held = settings if not isinstance(settings, str) else _settings(settings)
    gate = open_gate(held, record=record, signer=signing_key(held))
    try:
        return gate.admit(reference, stage, runtime=[read_runtime(path) for path in runtime], now=now)[0]
    finally:
        if gate.log is not None:
            gate.log.close()


def signing_key(settings: Settings) -> Signer | None:
    """The key that signs the log's end; None if the settings name none or it is not on this machine."""
    from weighbridge.attest.signers import load_key

    if not settings.key or not os.path.exists(settings.key):
        return None
    passphrase = os.environ.get("WEIGHBRIDGE_KEY_PASSPHRASE")
    return load_key(settings.key, passphrase.encode() if passphrase else None)


def _settings(path: str) -> Settings:
    from weighbridge.core.settings import find_settings, load_settings

    return load_settings(path or find_settings(os.getcwd())[0], os.environ)
