"""Changes over the server are in a chained and signed log, and whatever is done to its entries is noticed."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from build.databases import address, made_at, server  # noqa: F401 -- fixtures
from build.desks import Staffed, staffed
from build.keys import signer, trust
from build.running import command
from weighbridge.core.errors import IndexFailed
from weighbridge.index.audit import change_log, note_change
from weighbridge.index.check import check
from weighbridge.index.database import open_database, writing
from weighbridge.index.log import Entry, Head, beginning, entry_hash
from weighbridge.pipelines.log_heads import seal_head, signer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from build.running import Outcome

GRANT = {"rule": "file/unread", "reference": "net:v1", "reason": "our format", "expires": "2099-01-31"}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """A folder in which a server made one change of every kind, and what they are called in order."""
    folder = tmp_path_factory.mktemp("changes")
    with staffed(folder) as made:
        yield folder, _changes(made)


def _changes(made: Staffed) -> list[str]:
    ask, root = made.ask, made.tokens["*"]["admin"]
    granted = ask("POST", "/v1/exemptions", GRANT, token=root).json
    revoked = {"reference": "net:v1", "reason": "no longer"}
    assert ask("POST", f"/v1/exemptions/{granted['id']}/revoke", revoked, token=root).status == 200
    token = ask("POST", "/v1/tokens", {"name": "ci", "role": "viewer", "tenants": ["net"]}, token=root).json
    assert ask("POST", f"/v1/tokens/{token['id']}/revoke", token=root).status == 200
    intake = ask("POST", "/v1/intakes", {"source": "hf://org/net@main", "target": "net:v9"}, token=root).json
    assert ask("POST", f"/v1/intakes/{intake['id']}/cancel", token=root).status == 200
    assert ask("POST", "/v1/alerts", {"alerts": [{"detection": "egress"}]}, token=root).json == {"new": 1}
    alert = ask("GET", "/v1/alerts", token=root).json["alerts"][0]
    assert ask("POST", f"/v1/alerts/{alert['id']}/acknowledge", {"reason": "a test"}, token=root).status == 200
    made.desk.accounts.end_session(made.desk.accounts.begin_session(_account(), seconds=60))
    rows = ask("GET", "/v1/audit?limit=200", token=root).json["changes"]
    return [row["what"] for row in reversed(rows)][12:]  # the tokens of `staffed` come first


def _account() -> Any:
    from weighbridge.index.accounts import Account

    return Account("ada", "admin", ("*",))


@pytest.fixture
def copy(done: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project once more, so that something can be done to its index."""
    there = tmp_path / "copy"
    shutil.copytree(done[0], there)
    monkeypatch.chdir(there)
    return there


def do(folder: Path, *statements: str) -> None:
    """What somebody with the file in hands can do, triggers or not."""
    connection = sqlite3.connect(folder / ".weighbridge/index.db")
    for statement in ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()


def verified(*more: str) -> Outcome:
    return command("decisions", "verify", *more)


def test_every_change_is_signed_for(done: tuple[Path, list[str]], copy: Path) -> None:
    assert done[1] == [
        *("exemption", "exemption revoke", "token add", "token revoke", "submit", "cancel"),
        *("alerts", "acknowledge", "sign in", "sign out"),
    ]
    outcome = verified("--format", "json")
    said = outcome.json()
    assert outcome.status == 0
    assert said["whole"] is said["changes"]["whole"] is True
    assert (said["entries"], said["changes"]["entries"]) == (0, 22)
    assert said["changes"]["signer"] == said["signer"] == "this machine"
    assert said["changes"]["log"] != said["log"]
    text = verified().out
    assert "WHOLE  22 changes of log" in text
    assert text.count("the end is signed by this machine") == 2
    assert "NOT WHOLE" not in text
    assert copy.exists()


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (["UPDATE audit SET document = replace(document, 'ci', 'cd') WHERE sequence = 15"], "entry 15 was changed"),
        (["DELETE FROM audit WHERE sequence = 14"], "entry 14 is missing"),
        (["DELETE FROM audit WHERE sequence = 1"], "entry 1 is missing"),
        (["DELETE FROM audit WHERE sequence = 22"], "cut off"),
        (["DELETE FROM audit"], "cut off"),
        (
            [
                "UPDATE audit SET sequence = 99 WHERE sequence = 13",
                "UPDATE audit SET sequence = 13 WHERE sequence = 14",
                "UPDATE audit SET sequence = 14 WHERE sequence = 99",
            ],
            "entry 13 does not follow",
        ),
        (["INSERT INTO audit VALUES (23, '{}', '0', '1')"], "entry 23 does not follow"),
        (["UPDATE audit_head SET bundle = x''"], "nobody signed the head"),
        (["UPDATE audit_head SET bundle = (SELECT bundle FROM head)"], "not signed as it should be"),
        (["UPDATE audit_head SET log = 'another'"], "does not follow"),
    ],
)
def test_what_is_done_to_the_log_is_noticed(copy: Path, statements: list[str], problem: str) -> None:
    assert verified().status == 0
    do(copy, *statements)
    outcome = verified("--format", "json")
    assert outcome.status == 1
    said = outcome.json()
    assert said["whole"] is said["changes"]["whole"] is False
    assert problem in " ".join(said["changes"]["problems"])
    assert said["problems"] == [], "the log of decisions is what it was"
    assert "NOT WHOLE  " in verified().out


def test_a_chain_that_is_made_anew_lacks_the_signature(copy: Path) -> None:
    """Whoever writes to the database can compute hashes; the key of the server is not in it."""
    log = change_log(open_database(f"sqlite:///{copy}/.weighbridge/index.db"))
    head, *entries = log.whole()
    assert isinstance(head, Head)
    previous, forged = beginning(head.log), []
    for entry in entries:
        assert isinstance(entry, Entry)
        document = entry.document.replace(b"ada", b"bob")
        digest = entry_hash(head.log, entry.sequence, previous, document)
        forged.append((document, previous, digest, entry.sequence))
        previous = digest
    log.close()
    for bundle in (head.bundle, seal_head(Head(head.log, head.sequence, previous), signer(7))):
        do_forged(copy, forged, previous, bundle)
        outcome = verified("--format", "json")
        assert outcome.status == 1
        (problem,) = outcome.json()["changes"]["problems"]
        assert "not signed as it should be" in problem


def do_forged(folder: Path, forged: list[tuple[bytes, str, str, int]], last: str, bundle: bytes) -> None:
    connection = sqlite3.connect(folder / ".weighbridge/index.db")
    for what in ("update", "delete"):
        connection.execute(f"DROP TRIGGER IF EXISTS audit_no_{what}")
    connection.executemany("UPDATE audit SET document = ?, previous = ?, hash = ? WHERE sequence = ?", forged)
    connection.execute("UPDATE audit_head SET hash = ?, bundle = ?", (last, bundle))
    connection.commit()
    connection.close()


def test_a_head_that_was_kept_tells_that_the_log_was_put_back(copy: Path) -> None:
    put_back(copy / ".weighbridge/index.db", copy / "kept.db")
    assert command("token", "add", "later", "--tenant", "net").status == 0
    assert command("decisions", "head", "--changes", "--output", "changes.json").status == 0
    assert command("decisions", "head", "--output", "head.json").status == 0
    both = ("--witness", "changes.json", "--witness", "head.json")
    found = verified(*both, "--format", "json").json()
    assert (found["whole"], found["witnesses"], found["changes"]["witnesses"]) == (True, 1, 1)
    put_back(copy / "kept.db", copy / ".weighbridge/index.db")
    assert verified().status == 0, "an earlier state is whole in itself"
    assert "put back" in verified(*both).out
    do(copy, "DELETE FROM audit", "DELETE FROM audit_head")
    assert "no change was made over a server" in verified().out
    outcome = verified(*both)
    assert outcome.status == 1
    assert "a witness names entry 23, which is not there" in outcome.out


def put_back(there: Path, into: Path) -> None:
    with contextlib.closing(sqlite3.connect(there)) as one, contextlib.closing(sqlite3.connect(into)) as other:
        one.backup(other)


def test_without_its_head_nothing_is_changed_over_the_server(copy: Path) -> None:
    do(copy, "DELETE FROM audit_head")
    assert verified().status == 2
    assert "the log of changes has no head" in verified().err
    outcome = command("token", "add", "more", "--tenant", "net")
    assert outcome.status == 2
    assert "more" not in command("token", "list").out


def test_ordinary_statements_change_nothing(copy: Path) -> None:
    connection = sqlite3.connect(copy / ".weighbridge/index.db")
    for statement in ("DELETE FROM audit", "UPDATE audit SET document = '{}'"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            connection.execute(statement)
    connection.close()


def test_a_token_is_revoked_without_the_key_and_the_next_change_signs_for_it(copy: Path) -> None:
    listed = command("token", "list").out.splitlines()
    identity = next(line[4:16] for line in listed if line.startswith("wbt_") and "viewer of net" in line)
    key = next(copy.glob("**/*.pem"))
    key.rename(copy / "away")
    assert command("token", "revoke", identity).status == 0
    assert "nobody signed the head" in verified().out
    (copy / "away").rename(key)
    assert command("token", "add", "next", "--tenant", "net").status == 0
    assert verified().status == 0


def test_a_log_from_before_there_was_a_head_goes_on(address: str) -> None:  # noqa: F811
    """As the version before wrote it: a chain that follows from `audit`, and no head."""
    made_at(address, "0004")
    old = create_engine(address)
    previous = beginning("audit")
    with old.begin() as connection:
        for number in (1, 2):
            said = {"at": "1.0", "who": "ada", "what": "cancel", "subject": str(number), "detail": ""}
            document = json.dumps(said).encode()
            digest = entry_hash("audit", number, previous, document)
            row = {"sequence": number, "document": document, "previous": previous, "hash": digest}
            connection.execute(text("INSERT INTO audit VALUES (:sequence, :document, :previous, :hash)"), row)
            previous = digest
    old.dispose()
    engine = open_database(address)
    assert change_log(engine).head() == Head("audit", 2, previous)
    assert not check(change_log(engine), lambda _: "").whole, "nobody signed for it yet"
    with writing(engine) as within:
        note_change(within, "bob", "submit", "3", seal=lambda head: seal_head(head, signer()))
    found = check(change_log(engine), lambda head: signer_of(head, trust(), datetime.now(UTC)))
    assert (found.whole, found.entries, found.log, found.signer) == (True, 3, "audit", "builder")
    engine.dispose()


def test_what_is_changed_and_what_is_noted_are_one(tmp_path: Path) -> None:
    """A change that cannot be noted is not made."""
    with contextlib.chdir(tmp_path), staffed(tmp_path, local=True) as made:

        def broken(_head: Head) -> bytes:
            raise IndexFailed("no key", "bring it")

        accounts = type(made.desk.accounts)(made.desk.engine, seal=broken)
        before = made.desk.accounts.tokens()
        with pytest.raises(IndexFailed):
            accounts.add_token(_account(), days=1, who="ada")
        assert made.desk.accounts.tokens() == before
