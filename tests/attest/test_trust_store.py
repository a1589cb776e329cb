"""The trust store: what is not clear is refused, what is added is never lost, and nothing is ever taken out."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import trust_stores
from build.keys import private_pem, public_pem
from weighbridge.attest.trust import TrustEntry, Validity, matches, policy_of
from weighbridge.attest.trust_store import parse_store, read_store
from weighbridge.attest.trust_writing import HEADER, add_entry, revoke_entry
from weighbridge.core.errors import KeyMissing, UsageError

SSH = trust_stores.ssh_line(1)
DAY = datetime(2026, 3, 1, tzinfo=UTC)
ADA = trust_stores.ADA
CI = TrustEntry("ci", "attestation", "build machine", public_pem().decode(), ("*",))


@pytest.fixture
def store(tmp_path):
    return str(tmp_path / "trust.toml")


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


# Round trip


@pytest.mark.parametrize(
    "entry",
    [
        ADA,
        CI,
        ADA._replace(role="hub", validity=Validity(DAY, DAY.replace(year=2027)), note="two\nlines \x7f \"''' é"),
        CI._replace(owner="build ''' machine\\"),
        TrustEntry("s", "sigstore", "Team", may_sign=("*",), identity="a@b.example", issuer="https://id.example"),
    ],
)
def test_an_entry_comes_back_as_it_was(store, entry):
    add_entry(store, entry)
    assert read_store(store) == (entry,)
    assert stat.S_IMODE(os.stat(store).st_mode) == 0o644
    assert os.listdir(os.path.dirname(store)) == ["trust.toml"]


def test_what_people_wrote_into_it_stays(store):
    add_entry(store, ADA)
    with open(store, "a", encoding="utf-8") as file:
        file.write("# looked at in the spring")
    add_entry(store, CI)
    revoke_entry(store, "ada", DAY, "retired", "left us")
    text = text_of(store)
    assert text.startswith(HEADER)
    assert "# looked at in the spring\n" in text
    assert text.index("[[trust]]") < text.index("[[revoked]]")
    assert [entry.id for entry in read_store(store)] == ["ada", "ci"]


def test_a_store_behind_a_link_is_written_where_it_is(tmp_path, store):
    add_entry(store, ADA)
    os.symlink(store, tmp_path / "link")
    add_entry(str(tmp_path / "link"), CI)
    assert os.path.islink(tmp_path / "link")
    assert len(read_store(store)) == 2


@given(owner=st.text(min_size=1, max_size=60), note=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back(tmp_path_factory, owner, note):
    path = str(tmp_path_factory.mktemp("store") / "trust.toml")
    entry = ADA._replace(owner=owner, note=note)
    try:
        add_entry(path, entry)
    except (UsageError, UnicodeEncodeError):
        assert not os.path.exists(path)
    else:
        assert read_store(path) == (entry,)


# Revocation


def test_a_revoked_entry_stays_and_does_not_count(store):
    add_entry(store, ADA)
    entry = revoke_entry(store, "ada", DAY, "compromised")
    assert read_store(store) == (entry,)
    assert entry.validity == Validity(revoked_at=DAY, reason="compromised")
    assert "which no time heals" in entry.validity.refusal(DAY.replace(year=2000))


@pytest.mark.parametrize(
    ("first", "second", "holds"),
    [
        (("retired", 5), ("compromised", 9), ("compromised", 5)),
        (("compromised", 9), ("retired", 5), ("compromised", 5)),
        (("retired", 5), ("superseded", 9), ("retired", 5)),
        (("retired", 9), ("superseded", 5), ("retired", 5)),
    ],
)
def test_of_two_revocations_the_harsher_holds(store, first, second, holds):
    add_entry(store, ADA)
    for reason, day in (first, second):
        entry = revoke_entry(store, "ada", DAY.replace(day=day), reason)
    assert (entry.validity.reason, entry.validity.revoked_at.day) == holds


def test_what_is_not_there_cannot_be_revoked(store):
    add_entry(store, ADA)
    before = text_of(store)
    with pytest.raises(UsageError, match="revokes 'eve', which it does not have"):
        revoke_entry(store, "eve", DAY, "retired")
    assert text_of(store) == before


# What is not clear


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "a b"}, "an id is made of"),
        ({"id": ""}, "an id is made of"),
        ({"owner": ""}, "has no owner"),
        ({"may_sign": ()}, "may sign nothing"),
        ({"may_sign": ("https://slsa.dev/provenance/v1",)}, "can sign commits and tags only"),
        ({"sources": ()}, "counts for no source"),
        ({"key": "x"}, "is no SSH public key"),
        ({"key": SSH + SSH}, "is no SSH public key"),
        ({"key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "holds a private key"),
        ({"identity": "x"}, "only a sigstore entry"),
        ({"validity": Validity(DAY, DAY)}, "ends before it begins"),
        ({"kind": "attestation", "key": public_pem().decode()}, "leave sources out"),
        ({"kind": "attestation", "key": private_pem().decode(), "sources": ()}, "holds a private key"),
        ({"kind": "attestation", "key": "x", "sources": ()}, "cannot be read"),
        ({"kind": "attestation", "role": "hub", "sources": ()}, "can be a hub's"),
        ({"kind": "gpg", "key": "x"}, "no OpenPGP public key"),
        ({"kind": "certificate-authority", "key": "x"}, "no PEM certificate"),
        ({"kind": "sigstore"}, "an identity and an https:// issuer"),
        ({"kind": "sigstore", "key": "", "identity": "x", "issuer": "http://x"}, "an https:// issuer"),
    ],
)
def test_an_entry_whose_limits_cannot_be_held_is_refused(store, changes, said):
    with pytest.raises((UsageError, KeyMissing)) as caught:
        add_entry(store, ADA._replace(**changes))
    assert said in f"{caught.value.cause}; {caught.value.mend}"
    assert not os.path.exists(store)


@pytest.mark.parametrize("entry", [ADA, CI])
def test_an_id_and_a_key_stand_once(store, entry):
    add_entry(store, entry)
    with pytest.raises(UsageError, match=f"two entries '{entry.id}'"):
        add_entry(store, entry)
    with pytest.raises(UsageError, match="are the same key"):
        add_entry(store, entry._replace(id="other", key=entry.key.rstrip("\n")))
    assert read_store(store) == (entry,)


GOOD = f"[[trust]]\nid = 'ada'\nkind = 'ssh'\nowner = 'Ada'\nmay_sign = ['tags']\nsources = ['**']\nkey = '{SSH.strip()}'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "cannot be read"),
        ("trust = 1", "trust is no list of tables"),
        ("trusted = 1", "'trusted' is not known here"),
        (GOOD + "colour = 'red'", "'colour' is not known here"),
        (GOOD + "valid_until = '2027-01-01'", "is no time with a zone"),
        (GOOD + "valid_until = 2027-01-01T00:00:00", "is no time with a zone"),
        (GOOD + "valid_until = 2027-01-01", "is no time with a zone"),
        (GOOD + "role = 'boss'", "'boss' is no role"),
        (GOOD + "note = 1", "note is no text"),
        (GOOD.replace("'ssh'", "'pgp'"), "'pgp' is no kind"),
        (GOOD.replace("['tags']", "'tags'"), "may_sign is no list"),
        (GOOD.replace("['tags']", "['']"), "may_sign is no list"),
        (GOOD + GOOD, "two entries 'ada'"),
        (GOOD + "[[revoked]]\nid = 'ada'", "lacks its id, its time, or a reason"),
        (GOOD + "[[revoked]]\nid = 'ada'\nat = 2026-01-01T00:00:00Z\nreason = 'tired'", "a reason among"),
        (GOOD + "[[revoked]]\nid = 'eve'\nat = 2026-01-01T00:00:00Z", "revokes 'eve'"),
    ],
)
def test_a_file_that_is_not_clear_trusts_nobody(text, said):
    with pytest.raises(UsageError) as caught:
        parse_store(text, "the trust store x")
    assert said in caught.value.cause


def test_a_revocation_without_a_reason_is_the_worst():
    (entry,) = parse_store(GOOD + "[[revoked]]\nid = 'ada'\nat = 2026-01-01T00:00:00+02:00", "x")
    assert entry.validity == Validity(revoked_at=datetime(2025, 12, 31, 22, tzinfo=UTC), reason="compromised")


def test_a_store_that_is_not_there_or_no_text_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_store(str(tmp_path / "none"))
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_store(str(tmp_path / "bytes"))


@pytest.mark.parametrize(
    ("pattern", "place", "fits"),
    [
        ("git+https://github.com/org/*", "git+https://github.com/org/model", True),
        ("git+https://github.com/org/*", "git+https://github.com/org/a/b", False),
        ("git+https://github.com/org/**", "git+https://github.com/org/a/b", True),
        ("git+https://github.com/org/*", "git+https://github.com/orgs/model", False),
        ("git+https://github.com/org/*", "git+https://evil.example/git+https://github.com/org/x", False),
        ("git+https://github.com/org/model.git", "git+https://github.com/org/model", True),
        ("git+https://github.com/org/[a-z]*", "git+https://github.com/org/model", False),
        ("git+https://github.com/Org/*", "git+https://github.com/org/model", False),
        ("hf://org/*", "hf://org/model", True),
        ("*", "git+https://github.com/org/model", False),
        ("**", "git+https://github.com/org/a\nb", True),
        ("git+https://github.com/org/?odel", "git+https://github.com/org/model", False),
    ],
)
def test_a_pattern_means_what_it_says(pattern, place, fits):
    assert matches(pattern, place) is fits


def test_the_policy_has_the_keys_of_both(store):
    add_entry(store, ADA)
    add_entry(store, CI)
    policy = policy_of((), read_store(store))
    assert [key.name for key in policy.keys] == ["build machine"]
    assert policy.of_kind("ssh") == (ADA,)


# Many writers, and ends in the middle


def test_two_writers_at_once_lose_nothing(store):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=trust_stores.add_many, args=(store, 100 * number, 15)) for number in range(1, 4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert {entry.id for entry in read_store(store)} == {f"e{100 * a + b}" for a in range(1, 4) for b in range(15)}


def test_a_writer_that_is_killed_loses_nothing_that_it_had_written(store, tmp_path):
    dice = random.Random(7)
    written: set[str] = set()
    for attempt in range(12):
        first = 100_000 * (attempt + 1)
        words = [sys.executable, trust_stores.__file__, store, str(first)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ)
        assert process.stdout.readline() == "ready\n"
        # Half of them are known to have written something, however busy the machine is.
        first_line = process.stdout.readline() if attempt % 2 else ""
        time.sleep(dice.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
        said = first_line + said
        written |= {f"e{first + int(line)}" for line in said.split()}
        there = {entry.id for entry in read_store(store)} if os.path.exists(store) else set()
        assert written <= there
        written = there
    assert len(written) >= 6
    add_entry(store, CI)
    assert os.listdir(tmp_path) == ["trust.toml"]
