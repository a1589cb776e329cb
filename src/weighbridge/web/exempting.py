"""Granting and revoking over HTTP: in the caller's name, by the server's key, and noted before it is done."""

from __future__ import annotations

import os
import re

from weighbridge.attest.open import open_signer
from weighbridge.attest.trusted import trust_of
from weighbridge.core.errors import NotFound, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.audit import note_change
from weighbridge.index.database import told, writing
from weighbridge.pipelines.granting import grant, take_back
from weighbridge.web.bodies import BadRequest

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.attest.signers import Signer
    from weighbridge.core.settings import Settings
    from weighbridge.gate.exemption import Exemption
    from weighbridge.registry.base import Reference
    from weighbridge.web.access import Caller
    from weighbridge.web.desk import Desk

_IDENTITY = re.compile(r"[0-9a-f]{8,64}")


def of_his(desk: Desk, caller: Caller, text: str) -> Reference:
    """The reference of a model in a tenant of the caller's. Raises BadRequest, UsageError."""
    where, repository = desk.place(text)
    if not caller.sees(repository):
        raise BadRequest(404, "there is no such repository")
    return where


def grant_for(
    desk: Desk, caller: Caller, reference: str, *, rule: str, reason: str, expires: str, path: str = ""
) -> dict[str, Any]:
    """Waive one rule for one model, and give what was signed. Raises UsageError, NotFound, RegistryError."""
    settings = desk.site.settings
    where, key = of_his(desk, caller, reference), _signer(settings)
    _note(desk, caller, "exemption", reference, f"{rule}: {reason}")
    return grant(
        settings,
        where,
        rule=rule,
        path=path,
        reason=reason,
        approver=caller.name,
        expires=expires,
        signer=key,
        now=desk.site.now(),
    )


def revoke_for(desk: Desk, caller: Caller, reference: str, identity: str, *, reason: str) -> Exemption:
    """Take an exemption back. Raises UsageError, NotFound, RegistryError."""
    if not _IDENTITY.fullmatch(identity):
        raise NotFound("there is no such exemption", "GET /v1/exemptions lists them")
    settings, now = desk.site.settings, desk.site.now()
    where, key = of_his(desk, caller, reference), _signer(settings)
    _note(desk, caller, "exemption revoke", identity, reason)
    return take_back(
        settings,
        where,
        identity,
        reason=plain(reason, 1000),
        approver=caller.name,
        signer=key,
        trust=trust_of(settings, now=now),
        now=now,
    )


def _signer(settings: Settings) -> Signer:
    passphrase = os.environ.get("WEIGHBRIDGE_KEY_PASSPHRASE")
    if not settings.key:
        raise UsageError("no signing key is set, so nothing can be granted", "set key in weighbridge.toml")
    return open_signer(settings, passphrase.encode() if passphrase else None)


def _note(desk: Desk, caller: Caller, what: str, subject: str, detail: str) -> None:
    with told(), writing(desk.engine) as connection:
        note_change(connection, caller.name, what, subject, detail, seal=desk.site.gate.sealing())
