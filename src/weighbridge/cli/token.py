"""Tokens for the API of the server: handed out with a role and namespaces of the registry, kept as a hash only.

The token itself is printed once, on standard output; lists name it by its beginning. Whoever can write to the index can
make one, so this is for whoever runs the server; admins can do the same over HTTP.

Examples:
  weighbridge token add "ci of team a" --role submitter --tenant team-a --days 90
  weighbridge token add monitoring --role submitter --tenant "*"
  weighbridge token list
  weighbridge token revoke 3f0c4b1a9d27
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.setting_tables import ROLES

if TYPE_CHECKING:
    import argparse

    from weighbridge.core.settings import Settings
    from weighbridge.index.accounts import Accounts
    from weighbridge.index.log import Seal


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `token` takes."""
    actions = parser.add_subparsers(dest="action", metavar="add|list|revoke", required=True)
    add = actions.add_parser("add", help="hand out a token", allow_abbrev=False)
    add.add_argument("name", metavar="NAME", help="what will use it")
    add.add_argument("--role", choices=ROLES, default="viewer", help="default: viewer")
    text = "a namespace of the registry, `team` or `team/sub`; `*` for all (repeatable)"
    add.add_argument("--tenant", metavar="NAMESPACE", action="append", required=True, help=text)
    add.add_argument("--days", metavar="N", type=int, default=90, help="how long it is good (default: 90)")
    common.add_general(add)
    listing = actions.add_parser("list", help="show tokens, without their secrets", allow_abbrev=False)
    common.add_general(listing)
    revoke = actions.add_parser("revoke", help="make a token worthless", allow_abbrev=False)
    revoke.add_argument("id", metavar="ID", help="of the token, as list shows it")
    common.add_general(revoke)


def run(options: argparse.Namespace) -> int:
    """Add, list or revoke."""
    from weighbridge.index.accounts import Account, Accounts
    from weighbridge.index.database import open_database
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX

    settings = common.settings_for(options)
    adding = options.action == "add"
    engine = open_database(settings.index_address or DEFAULT_INDEX, create=adding)
    accounts = Accounts(engine, seal=_seal(options, settings) if options.action != "list" else None)
    who = f"local:{getpass.getuser()}"
    if adding:
        account = Account(options.name, options.role, tuple(options.tenant))
        token, text = accounts.add_token(account, days=options.days, who=who)
        common.say(options, f"{token.id}: {token.role} of {' '.join(token.tenants)}; it is not shown again")
        print(text)
        return 0
    if options.action == "revoke":
        if not accounts.revoke_token(options.id.removeprefix("wbt_"), who=who):
            raise UsageError(f"there is no token {plain(options.id, 40)!r}", "weighbridge token list shows them")
        common.say(options, f"{options.id} is worthless now")
        return 0
    return _list(accounts)


def _seal(options: argparse.Namespace, settings: Settings) -> Seal | None:
    """What signs the log of changes. A token can be revoked without the key: the next change signs for it too."""
    from weighbridge.pipelines.gate_two import signing_key
    from weighbridge.pipelines.log_heads import sealing

    try:
        return sealing(signing_key(settings))
    except UsageError as error:
        common.say(options, f"this change is noted unsigned: {error.cause}")
        return None


def _list(accounts: Accounts) -> int:
    now = datetime.now(UTC).timestamp()
    for one in accounts.tokens():
        state = "revoked" if one.revoked_at else "over" if now >= one.until else f"until {_day(one.until)}"
        print(f"wbt_{one.id}  {state:<16}  {one.role:<9}  {plain(' '.join(one.tenants), 60)}  {plain(one.name, 80)}")
        print(f"    made by {plain(one.made_by, 80)} on {_day(one.made_at)}")
    return 0


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
