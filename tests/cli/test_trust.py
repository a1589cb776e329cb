"""`weighbridge trust`: what it writes counts, what it refuses it says, and its JSON keeps its schema."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from tools.schemas import schemas

from build.keys import private_pem, public_pem
from build.models import TINY
from build.repositories import needs, pgp_home
from build.running import command
from build.trust_stores import ssh_line
from weighbridge.attest.trust_store import read_store

SOURCE = ("--source", "git+https://github.com/org/*")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ada.pub").write_text(ssh_line(1))
    (tmp_path / "ci.pem").write_bytes(public_pem(2))
    (tmp_path / "secret.pem").write_bytes(private_pem(2))
    assert command("init", "--quiet").status == 0
    return tmp_path


def listed():
    outcome = command("trust", "list", "--format", "json")
    assert outcome.status == 0
    jsonschema.validate(outcome.json(), schemas()["trust"])
    return {row["id"]: row for row in outcome.json()["entries"]}


def refused(*words):
    before = read_store("trust.toml")
    outcome = command("trust", *words)
    assert outcome.status == 2
    assert outcome.out == ""
    assert read_store("trust.toml") == before
    return outcome.err


def test_init_makes_a_store_that_trusts_the_new_key(here):
    rows = listed()
    assert list(rows) == ["this-machine"]
    assert rows["this-machine"]["kind"] == "attestation"
    assert rows["this-machine"]["may_sign"] == ["*"]
    assert rows["this-machine"]["counts"]
    assert 'trust_store = "trust.toml"' in (here / "weighbridge.toml").read_text()


def test_an_ssh_key_is_added_listed_and_revoked():
    done = command("trust", "add", "--key", "ada.pub", "--owner", "Ada <ada@example.org>", *SOURCE)
    assert done.status == 0
    assert "trust.toml: ada is trusted (ssh SHA256:" in done.err
    row = listed()["ada"]
    assert (row["may_sign"], row["sources"], row["role"]) == (["commits", "tags"], [SOURCE[1]], "author")
    text = command("trust", "list").out
    assert "ada  ssh  Ada <ada@example.org>  counts\n" in text
    assert command("trust", "revoke", "ada", "--reason", "compromised", "--note", "laptop stolen").status == 0
    row = listed()["ada"]
    assert (row["counts"], row["reason"]) == (False, "compromised")
    assert (
        "ada  ssh  Ada <ada@example.org>  DOES NOT COUNT: it was revoked as compromised" in command("trust", "list").out
    )


def test_a_kind_is_told_by_the_key():
    command("trust", "add", "--key", "ci.pem", "--owner", "CI", "--may-sign", "*", "--valid-until", "2027-06-30")
    command(
        "trust",
        "add",
        "--identity",
        "a@b.example",
        "--issuer",
        "https://id.example",
        "--owner",
        "Team",
        "--may-sign",
        "*",
    )
    rows = listed()
    assert (rows["ci"]["kind"], rows["ci"]["valid_until"]) == ("attestation", "2027-06-30T00:00:00Z")
    assert (rows["team"]["kind"], rows["team"]["fingerprint"]) == ("sigstore", "a@b.example by https://id.example")


@needs("gpg")
def test_a_pgp_key_is_named_by_its_fingerprint(here):
    with pgp_home() as home:
        key = home.key("Bob <bob@example.org>")
        (here / "bob.asc").write_text(home.public(key))
    done = command("trust", "add", "--key", "bob.asc", "--owner", "Hub", "--role", "hub", *SOURCE)
    assert done.status == 0
    assert listed()["hub"]["fingerprint"] == key
    assert "hub  gpg (hub)  Hub  counts" in command("trust", "list").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "--owner", "A"), "there is nothing to trust"),
        (("add", "--key", "none", "--owner", "A"), "none cannot be read"),
        (("add", "--key", "secret.pem", "--owner", "A", "--may-sign", "*"), "is a private key"),
        (("add", "--key", "ci.pem", "--owner", "A"), "it is not said what the key may sign"),
        (("add", "--key", "weighbridge.toml", "--owner", "A"), "is no public key"),
        (("add", "--key", "ada.pub", "--owner", "A"), "counts for no source"),
        (("add", "--key", "ada.pub", "--owner", "<x>", *SOURCE), "no id can be made"),
        (("add", "--key", "ada.pub", "--owner", "A", "--valid-until", "soon", *SOURCE), "'soon' is no time"),
        (("add", "--key", "ada.pub"), "--owner"),
        (("revoke", "this-machine"), "--reason"),
        (("revoke", "nobody", "--reason", "retired"), "which it does not have"),
        (("revoke", "this-machine", "--reason", "tired"), "invalid choice"),
        ((), "add|list|revoke"),
        (("remove", "x"), "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_said(words, said):
    assert said in refused(*words)


def test_a_store_of_ones_own_is_used(here):
    assert command("trust", "add", "--store", "other.toml", "--key", "ada.pub", "--owner", "A", *SOURCE).status == 0
    assert list(listed()) == ["this-machine"]
    assert "a  ssh" in command("trust", "list", "--store", "other.toml").out


def test_without_settings_there_is_no_store(here, monkeypatch):
    (here / "empty").mkdir()
    for name in ("weighbridge.toml", "trust.toml"):
        os.unlink(here / name)
    monkeypatch.chdir(here / "empty")
    assert "there are no settings" in command("trust", "list").err


def test_init_trusts_nobody_that_was_there_before(here):
    (here / "new").mkdir()
    (here / "new/trust.toml").write_text("")
    outcome = command("init", "--folder", "new")
    assert outcome.status == 2
    assert "is there already" in outcome.err
    assert os.listdir(here / "new") == ["trust.toml"]


# What the gates make of it


def store_model(here):
    folder = here / "model"
    folder.mkdir()
    for path, content in TINY.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    return command("intake", str(folder), "--to", "oci:registry:tiny:v1", "--quiet").status


def admitted():
    return command("admit", "oci:registry:tiny:v1", "--stage", "sandbox").status == 0


def test_the_gates_believe_the_store_and_what_it_takes_back(here):
    assert store_model(here) == 0
    assert admitted()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert command("trust", "revoke", "this-machine", "--reason", "retired", "--at", f"{tomorrow:%Y-%m-%d}").status == 0
    assert admitted()
    assert command("trust", "revoke", "this-machine", "--reason", "compromised").status == 0
    assert not admitted()


def test_keys_in_the_settings_count_as_before(here):
    assert store_model(here) == 0
    os.unlink(here / "trust.toml")
    text = (here / "weighbridge.toml").read_text().replace('trust_store = "trust.toml"', "")
    (here / "weighbridge.toml").write_text(text)
    assert not admitted()
    more = '\n[[trust]]\nname = "this machine"\nkey = ".weighbridge/signing.pem.pub"\n'
    (here / "weighbridge.toml").write_text(text + more)
    assert admitted()


def test_a_store_that_is_named_and_not_there_is_an_error(here):
    assert store_model(here) == 0
    os.unlink(here / "trust.toml")
    outcome = command("admit", "oci:registry:tiny:v1", "--stage", "sandbox")
    assert outcome.status == 2
    assert "trust.toml cannot be read" in outcome.err
