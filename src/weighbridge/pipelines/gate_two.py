"""Gate two as other programs use it: from settings and the text of a reference to a decision that stands in the log.

Everything that may have changed is read anew for each decision: the trust store, exemptions, feeds, the registry.
Expressions are compiled, and knowledge is opened, once.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

from weighbridge.attest.trusted import trust_of
from weighbridge.core.advisories import with_newer
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.decision import Decision, Recorded
from weighbridge.gate.expressions import check_expressions
from weighbridge.index.log import DecisionLog, Head, open_log
from weighbridge.pipelines.admission import Surroundings, admit, internal_place
from weighbridge.pipelines.exempting import read_folder
from weighbridge.pipelines.frameworks import Runtime, read_runtime
from weighbridge.pipelines.log_heads import seal_head
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weighbridge.attest.signers import Signer
    from weighbridge.core.settings import Settings
    from weighbridge.gate.case import Case

DEFAULT_INDEX = "sqlite:///.weighbridge/index.db"
"""Where decisions are logged if there are no settings."""


class Gate(NamedTuple):
    """Gate two with its settings and its log (None: decisions are not recorded). `signer` signs the log's end.

    `attest` is given each decision once it is recorded, to state it elsewhere too; what it raises is raised, and then
    there is no decision. Any number of threads and processes may hold one on the same log.
    """

    settings: Settings
    log: DecisionLog | None
    signer: Signer | None
    attest: Callable[[Decision], object] | None = None

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
        if stage not in self.settings.stages:
            raise UsageError(f"{plain(stage, 40)!r} is no stage", f"use {', '.join(self.settings.stages)}")
        moment = now or datetime.now(UTC)
        where = parse_reference(reference, self.settings.registry)
        policy = self.settings.stages[stage]
        newest, newest_of = self._newest()
        decision, case = admit(
            open_store(where, self.settings),
            where,
            stage=stage,
            policy=policy,
            trust=trust_of(self.settings, now=moment),
            now=moment,
            read_bytes=read_bytes,
            surroundings=surroundings_of(self.settings, stage)._replace(
                runtime=tuple(runtime), newest=newest, newest_of=newest_of
            ),
        )
        decision = self.record(decision)
        if self.attest is not None:
            self.attest(decision)
        return decision, case

    def record(self, decision: Decision) -> Decision:
        """The decision with its place in the log; as it is if none is kept."""
        if self.log is None:
            return decision
        head = self.log.append(decision.document(), self.sealing())
        return decision._replace(recorded=Recorded(head.log, head.sequence, head.hash))

    def sealing(self) -> Callable[[Head], bytes] | None:
        """What signs the end of the log; None without a key."""
        signer = self.signer
        return (lambda head: seal_head(head, signer)) if signer is not None else None

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
) -> Gate:
    """Gate two by its settings; its log is begun if there is none. Raises UsageError, IndexFailed."""
    check_expressions(settings.stages)
    log = None
    if record:
        sealing = (lambda head: seal_head(head, signer)) if signer is not None else None
        log = open_log(settings.index_address or DEFAULT_INDEX, create=True, seal=sealing)
    return Gate(settings, log, signer, attest)


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
