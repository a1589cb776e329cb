"""Who may ask a server: tokens for machines and sessions of people, each kept as a hash only.

A token is `wbt_ID_SECRET`. ID is no secret: lists and logs name a token by it. SECRET has 256 random bits, so that one
SHA-256 is as good as any slower hash. A session is 256 random bits in a cookie.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.audit import note_change
from weighbridge.index.database import reading, told, writing
from weighbridge.index.serving_tables import EVERY_TENANT, clock_of, serving_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy import Connection, Engine, Row

    from weighbridge.index.log import Seal

_TOKEN = re.compile(r"wbt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_TENANT = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
MOST_TOKENS = 10_000
"""Tokens that are listed at a time."""
MOST_DAYS = 366
"""Days that a token may live."""


class Account(NamedTuple):
    """Whose token or session it is."""

    name: str
    role: str
    tenants: tuple[str, ...]


class Token(NamedTuple):
    """A token as lists show it. Times are seconds since 1970; `revoked_at` is 0 if it was not."""

    id: str
    name: str
    role: str
    tenants: tuple[str, ...]
    made_by: str
    made_at: float
    until: float
    revoked_at: float


class Accounts:
    """Tokens and sessions in one index. May be used by many processes and threads at once."""

    def __init__(self, engine: Engine, now: Callable[[], float] | None = None, *, seal: Seal | None = None) -> None:
        """`now` stands in for the clock of the database; `seal` signs the log of changes."""
        self._engine, self._seal = engine, seal
        self._tables = serving_tables()
        self._clock = now

    def add_token(self, account: Account, *, days: int, who: str) -> tuple[Token, str]:
        """Make a token, and give it with its text, which nobody can be shown again. Raises UsageError."""
        tenants = check_tenants(account.tenants)
        if not 1 <= days <= MOST_DAYS:
            raise UsageError(f"a token cannot live for {days} days", f"write a number from 1 to {MOST_DAYS}")
        if not account.name.strip() or plain(account.name, 120) != account.name:
            raise UsageError("a token needs a name of up to 120 printable characters", "say what will use it")
        identity, secret = os.urandom(6).hex(), _random()
        with told(), writing(self._engine) as connection:
            moment = self._now(connection)
            token = Token(identity, account.name, account.role, tenants, who, moment, moment + days * 86400.0, 0.0)
            values = {**token._asdict(), "tenants": json.dumps(tenants), "hash": _hashed(secret)}
            connection.execute(self._tables.tokens.insert().values(values))
            detail = f"{account.name}: {account.role} of {' '.join(tenants)}"
            note_change(connection, who, "token add", identity, detail, seal=self._seal)
        return token, f"wbt_{identity}_{secret}"

    def tokens(self, *, after: str = "", limit: int = MOST_TOKENS) -> list[Token]:
        """Tokens, the newest first, behind the one of the id `after`; none if there is no such token."""
        from sqlalchemy import literal, tuple_

        table = self._tables.tokens
        query = table.select().order_by(table.c.made_at.desc(), table.c.id.desc()).limit(limit)
        with told(), reading(self._engine) as connection:
            if after:
                seen = connection.execute(table.select().where(table.c.id == after)).first()
                if seen is None:
                    return []
                last = tuple_(literal(seen.made_at), literal(seen.id))
                query = query.where(tuple_(table.c.made_at, table.c.id) < last)
            return [_token(row) for row in connection.execute(query)]

    def token(self, identity: str) -> Token | None:
        """One token by its id."""
        table = self._tables.tokens
        with told(), reading(self._engine) as connection:
            row = connection.execute(table.select().where(table.c.id == identity)).first()
        return _token(row) if row is not None else None

    def revoke_token(self, identity: str, *, who: str) -> bool:
        """Make a token worthless from now on; False if there is none of this id. Twice is as good as once."""
        table = self._tables.tokens
        with told(), writing(self._engine) as connection:
            row = connection.execute(table.select().where(table.c.id == identity)).first()
            if row is None:
                return False
            if not row.revoked_at:
                moment = self._now(connection)
                connection.execute(table.update().where(table.c.id == identity).values(revoked_at=moment))
                note_change(connection, who, "token revoke", identity, row.name, seal=self._seal)
        return True

    def of_token(self, text: str) -> Account | None:
        """Whose token it is; None if it is none, was revoked, or is over."""
        found = _TOKEN.fullmatch(text)
        if not found:
            return None
        table = self._tables.tokens
        with told(), reading(self._engine) as connection:
            row = connection.execute(table.select().where(table.c.id == found[1])).first()
            if row is None or not hmac.compare_digest(row.hash, _hashed(found[2])):
                return None
            if row.revoked_at or self._now(connection) >= row.until:
                return None
        return Account(f"token:{row.id}", row.role, tuple(json.loads(row.tenants)))

    def begin_session(self, account: Account, *, seconds: float) -> str:
        """Begin a session, and give what its cookie holds. Sessions that are over are swept away."""
        table, secret = self._tables.sessions, _random()
        with told(), writing(self._engine) as connection:
            moment = self._now(connection)
            connection.execute(table.delete().where(table.c.until < moment))
            values = {**account._asdict(), "tenants": json.dumps(account.tenants)}
            connection.execute(
                table.insert().values(hash=_hashed(secret), made_at=moment, until=moment + seconds, **values)
            )
            note_change(connection, account.name, "sign in", account.role, " ".join(account.tenants), seal=self._seal)
        return secret

    def of_session(self, secret: str) -> Account | None:
        """Whose session it is; None if it is none or is over."""
        if len(secret) != 43:
            return None
        table = self._tables.sessions
        with told(), reading(self._engine) as connection:
            row = connection.execute(table.select().where(table.c.hash == _hashed(secret))).first()
            if row is None or self._now(connection) >= row.until:
                return None
        return Account(row.name, row.role, tuple(json.loads(row.tenants)))

    def end_session(self, secret: str) -> None:
        """End a session; nothing happens if there is none."""
        table = self._tables.sessions
        with told(), writing(self._engine) as connection:
            row = connection.execute(table.select().where(table.c.hash == _hashed(secret))).first()
            if row is not None:
                connection.execute(table.delete().where(table.c.hash == row.hash))
                note_change(connection, row.name, "sign out", row.role, seal=self._seal)

    def _now(self, connection: Connection) -> float:
        return self._clock() if self._clock is not None else clock_of(self._engine, connection)


def _token(row: Row[Any]) -> Token:
    return Token(
        row.id,
        row.name,
        row.role,
        tuple(json.loads(row.tenants)),
        row.made_by,
        row.made_at,
        row.until,
        row.revoked_at,
    )


def check_tenants(tenants: Sequence[str]) -> tuple[str, ...]:
    """Namespaces as they are kept: sorted, each once. Raises UsageError for one that is none."""
    for one in tenants:
        if one != EVERY_TENANT and not (len(one) <= 255 and _TENANT.fullmatch(one)):
            raise UsageError(
                f"{plain(one, 80)!r} is no namespace of a registry", "write team or team/sub, or * for all"
            )
    return tuple(sorted(set(tenants)))


def _hashed(secret: str) -> str:
    return digest_bytes(secret.encode()).hex


def _random() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
