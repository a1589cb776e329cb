"""The chain from a signature to the scanned bytes: whole, or the sentence says which link broke."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from build.git_server import git_server
from build.inspecting import inspected
from build.repositories import MADE, Repository, needs, pgp_home, repository, ssh_key
from weighbridge.attest.trust import TrustEntry, TrustPolicy, Validity
from weighbridge.cli.progress import silent
from weighbridge.core.claims import Status
from weighbridge.core.errors import UsageError
from weighbridge.core.limits import Limits
from weighbridge.core.origin import Origin
from weighbridge.provenance.commits import COMMIT, FILES, HISTORY, TAG, claims
from weighbridge.sources.git import GitRepository
from weighbridge.sources.git_address import parse_address
from weighbridge.sources.git_objects import object_id

pytestmark = needs("git", "git-lfs", "gpg", "ssh-keygen")
COMMITTED = datetime.fromisoformat(MADE)
NOW = COMMITTED + timedelta(days=30)
FILES_OF_MODEL = {"config.json": b"{}\n", "sub/weights.bin": bytes(range(256)) * 20}
BOTH = ("commits", "tags")


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def ada(keys):
    return ssh_key(keys, "ada")


@pytest.fixture(scope="session")
def eve(keys):
    return ssh_key(keys, "eve")


@pytest.fixture(scope="session")
def home():
    with pgp_home() as made:
        yield made


@pytest.fixture(scope="session")
def pgp(home):
    return home.key("Ada <ada@example.org>", "90d")


def ssh_entry(key, **changes):
    made = TrustEntry("ada-ssh", "ssh", "Ada", key.public, BOTH, ("git+file:///**",))
    return made._replace(**changes)


def pgp_entry(text, **changes):
    return TrustEntry("ada-pgp", "gpg", "Ada", text, BOTH, ("git+file:///**",))._replace(**changes)


def trusting(*entries):
    return TrustPolicy((), entries=entries)


class Case:
    """A model that was fetched and scanned."""

    def __init__(self, model, into, revision="main"):
        os.makedirs(into)
        address = parse_address(f"{model.address}@{revision}")
        self.fetched = GitRepository(address, Limits()).fetch(str(into), silent())
        self.origin = self.fetched.origin
        self.scanned = self.scan()

    def scan(self):
        return {file.path: file.sha256.hex for file in inspected(self.fetched.folder).report.artifact.files}

    def change(self, path, content):
        full = os.path.join(self.fetched.folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.exists(full):
            os.unlink(full)
        with open(full, "wb") as file:
            file.write(content)
        self.scanned = self.scan()

    def claims(self, *entries, now=NOW, **options):
        return {claim.claim: claim for claim in claims(self.origin, self.scanned, trusting(*entries), now, **options)}


@pytest.fixture(scope="session")
def original(keys, ada):
    made = repository(keys)
    made.sign_with(ada)
    made.use_lfs()
    made.commit(FILES_OF_MODEL)
    return made


@pytest.fixture
def model(tmp_path, original):
    shutil.copytree(original.folder, tmp_path / "model", symlinks=True)
    return Repository(str(tmp_path / "model"))


@pytest.fixture
def case(model, tmp_path):
    return Case(model, tmp_path / "in")


def says(claim, status, *words):
    assert claim.status is status, claim
    for word in words:
        assert word in claim.evidence
    return True


# The whole chain


def test_a_signed_commit_and_its_files_are_verified(case, ada):
    found = case.claims(ssh_entry(ada))
    says(found[COMMIT], Status.VERIFIED, "is signed by Ada (ada-ssh)", "'Ada <ada@example.org>' as its author")
    assert found[COMMIT].value == "Ada"
    says(found[FILES], Status.VERIFIED, f"the 3 files that were scanned are those of the commit {case.origin.revision}")
    says(found[FILES], Status.VERIFIED, "1 of them through Git LFS pointers", "its ids are SHA-1")
    says(found[HISTORY], Status.VERIFIED, "1 of the last 1 commits")
    says(found[TAG], Status.ABSENT, "no tag was asked for")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("kind", ["ssh", "gpg"])
def test_both_kinds_of_signature_in_both_kinds_of_repository(tmp_path, ada, home, pgp, kind, algorithm):
    model = repository(tmp_path, "model", algorithm)
    model.sign_with(ada) if kind == "ssh" else model.sign_with(pgp, home)
    model.commit(FILES_OF_MODEL)
    model.git("tag", "--sign", "v1", "--message", "one")
    entry = ssh_entry(ada) if kind == "ssh" else pgp_entry(home.public(pgp))
    found = Case(model, tmp_path / "in", "v1").claims(entry)
    for name in (COMMIT, TAG, FILES, HISTORY):
        assert found[name].status is Status.VERIFIED, found[name]
    assert ("SHA-1" in found[FILES].evidence) == (algorithm == "sha1")


@pytest.mark.parametrize("kind", ["ssh", "gpg"])
def test_git_itself_verifies_what_was_kept(tmp_path, ada, home, pgp, kind):
    model = repository(tmp_path)
    model.sign_with(ada) if kind == "ssh" else model.sign_with(pgp, home)
    model.commit(FILES_OF_MODEL)
    case = Case(model, tmp_path / "in")
    (tmp_path / "allowed").write_text(f"ada@example.org {ada.public}")
    words = ["git", "--git-dir", case.origin.objects, "-c", f"gpg.ssh.allowedSignersFile={tmp_path}/allowed"]
    words += ["-c", f"gpg.program={home.program()}", "verify-commit", case.origin.revision]
    assert subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0


def test_an_unsigned_commit_still_says_which_files_it_has(tmp_path):
    model = repository(tmp_path)
    model.commit(FILES_OF_MODEL)
    found = Case(model, tmp_path / "in").claims()
    says(found[COMMIT], Status.ABSENT, "is not signed")
    says(found[HISTORY], Status.ABSENT, "0 of the last 1 commits", "1 not at all")
    assert found[FILES].status is Status.VERIFIED


# Broken links: bytes


def test_a_changed_byte_breaks_the_link_from_blob_to_bytes(case, ada):
    case.change("config.json", b"{} ")
    says(
        case.claims(ssh_entry(ada))[FILES],
        Status.CONTRADICTED,
        "the link from blob to bytes at config.json",
        case.scanned["config.json"],
    )


def test_a_swapped_lfs_object_breaks_the_link_from_pointer_to_bytes(case, ada):
    case.change("sub/weights.bin", b"others")
    found = case.claims(ssh_entry(ada))
    says(found[FILES], Status.CONTRADICTED, "the link from Git LFS pointer to bytes at sub/weights.bin")


def test_a_swapped_lfs_object_is_noticed_whatever_the_source_says(case, ada):
    case.change("sub/weights.bin", b"others")
    sha256 = case.scanned["sub/weights.bin"]
    files = tuple(
        file._replace(sha256=sha256, lfs_sha256=sha256) if file.lfs_sha256 else file for file in case.origin.files
    )
    case.origin = case.origin._replace(files=files)
    says(case.claims(ssh_entry(ada))[FILES], Status.CONTRADICTED, "the link from Git LFS pointer to object")


def test_a_file_more_breaks_the_link_from_tree_to_files(case, ada):
    case.change("more.txt", b"more")
    found = case.claims(ssh_entry(ada))[FILES]
    says(found, Status.CONTRADICTED, "a file was scanned that the commit does not have (more.txt)")


def test_a_file_less_breaks_the_link_from_tree_to_files(case, ada):
    os.unlink(f"{case.fetched.folder}/config.json")
    case.scanned = case.scan()
    found = case.claims(ssh_entry(ada))[FILES]
    says(found, Status.CONTRADICTED, "the commit has a file that was not scanned (config.json)")


def test_a_blob_of_another_tree_breaks_the_link_from_tree_to_blob(case, ada):
    files = tuple(file._replace(git_blob="ab" * 20) if "config" in file.path else file for file in case.origin.files)
    case.origin = case.origin._replace(files=files)
    says(case.claims(ssh_entry(ada))[FILES], Status.CONTRADICTED, "the link from tree to blob at config.json")


# Broken links: objects


def rewrite(case, identity, change):
    path = os.path.join(case.origin.objects, "objects", identity[:2], identity[2:])
    with open(path, "rb") as file:
        whole = zlib.decompress(file.read())
    with open(path, "wb") as file:
        file.write(zlib.compress(change(whole)))


@pytest.mark.parametrize(
    "change", [lambda raw: raw.replace(b"Ada", b"Eve"), lambda raw: raw + b"x", lambda raw: raw[:-1], lambda raw: b""]
)
def test_a_changed_commit_has_another_id(case, ada, change):
    rewrite(case, case.origin.revision, change)
    for claim in case.claims(ssh_entry(ada)).values():
        says(claim, Status.CONTRADICTED, "the link to the commit is broken", case.origin.revision)


def test_a_changed_tree_has_another_id(case, model, ada):
    rewrite(case, model.git("rev-parse", "HEAD^{tree}"), lambda raw: raw.replace(b"config.json", b"confog.json"))
    says(case.claims(ssh_entry(ada))[FILES], Status.CONTRADICTED, "the link from commit to tree", "have another id")


def test_a_changed_pointer_has_another_id(case, model, ada):
    rewrite(case, model.git("rev-parse", "HEAD:sub/weights.bin"), lambda raw: raw.replace(b"size 5", b"size 6"))
    says(case.claims(ssh_entry(ada))[FILES], Status.CONTRADICTED, "the link from tree to Git LFS pointer")


def test_a_missing_tree_is_named(case, model, ada):
    tree = model.git("rev-parse", "HEAD:sub")
    os.unlink(os.path.join(case.origin.objects, "objects", tree[:2], tree[2:]))
    says(case.claims(ssh_entry(ada))[FILES], Status.CONTRADICTED, f"the tree {tree} is not there")


def replaced(case, raw, kind="commit"):
    """The case, as if this were the commit that was fetched."""
    identity = object_id(kind, raw, "sha1")
    path = os.path.join(case.origin.objects, "objects", identity[:2], identity[2:])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(zlib.compress(b"%b %d\0" % (kind.encode(), len(raw)) + raw))
    return identity


@pytest.fixture
def raw(case, model):
    return model.git("cat-file", "commit", case.origin.revision).encode() + b"\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"Ada <ada", b"Eve <ada", 1),
        lambda raw: raw.replace(b"\n\na change", b"\n\nanother change", 1),
        lambda raw: raw.replace(b"\ngpgsig", b"\nencoding x\ngpgsig", 1),
    ],
)
def test_a_changed_commit_under_its_own_id_breaks_the_link_from_signature_to_commit(case, raw, ada, change):
    assert change(raw) != raw
    case.origin = case.origin._replace(revision=replaced(case, change(raw)))
    found = case.claims(ssh_entry(ada))
    says(found[COMMIT], Status.CONTRADICTED, "the link from signature to commit", "did not make over these bytes")
    assert found[HISTORY].status is Status.CONTRADICTED
    assert found[FILES].status is Status.VERIFIED


def test_a_commit_with_two_signatures_is_refused(case, raw, ada):
    head, _, rest = raw.partition(b"gpgsig ")
    block = b"gpgsig " + rest[: rest.index(b"-----END SSH SIGNATURE-----") + 28]
    case.origin = case.origin._replace(revision=replaced(case, head + block + block + raw[len(head) + len(block) :]))
    says(case.claims(ssh_entry(ada))[COMMIT], Status.CONTRADICTED, "two signatures")


@pytest.mark.parametrize("begin", ["-----BEGIN SIGNED MESSAGE-----", "-----BEGIN SOMETHING-----"])
def test_another_kind_of_signature_is_not_trust(case, raw, ada, begin):
    head, _, rest = raw.partition(b"gpgsig ")
    tail = rest[rest.index(b"-----END SSH SIGNATURE-----") + 28 :]
    case.origin = case.origin._replace(revision=replaced(case, head + b"gpgsig " + begin.encode() + b"\n x\n" + tail))
    says(case.claims(ssh_entry(ada))[COMMIT], Status.DECLARED, "a signature of another kind")


# Whose signature it is


def test_a_good_signature_of_an_unknown_key_is_not_trust(case, eve):
    says(case.claims(ssh_entry(eve))[COMMIT], Status.DECLARED, "which the trust store does not have", "proves nothing")
    assert case.claims()[COMMIT].status is Status.DECLARED


def test_an_unknown_pgp_key_is_not_trust(tmp_path, home, pgp):
    model = repository(tmp_path)
    model.sign_with(pgp, home)
    model.commit(FILES_OF_MODEL)
    other = home.key("Bob <bob@example.org>")
    found = Case(model, tmp_path / "in").claims(pgp_entry(home.public(other)))
    says(found[COMMIT], Status.DECLARED, "an OpenPGP signature by the key", "which the trust store does not have")


def test_a_fork_that_was_signed_again_is_denied(model, tmp_path, ada, eve):
    fork = repository(tmp_path, "fork")
    fork.git("fetch", "--quiet", model.folder, "main")
    fork.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    fork.use_lfs()
    fork.sign_with(eve)
    fork.commit({"config.json": b'{"changed": 1}\n'}, "--amend", "--author=Ada <ada@example.org>")
    with open(f"{fork.folder}/sub/weights.bin", "wb") as file:
        file.write(FILES_OF_MODEL["sub/weights.bin"])
    fork.commit({}, "--amend")
    found = Case(fork, tmp_path / "in").claims(ssh_entry(ada))
    says(found[COMMIT], Status.DECLARED, "which the trust store does not have")


def test_a_key_that_is_trusted_for_another_place_is_not_for_a_fork(case, ada):
    found = case.claims(ssh_entry(ada, sources=("git+file:///srv/org/*",)))
    says(found[COMMIT], Status.DECLARED, "who is not trusted for git+file:///")


def test_a_key_that_may_sign_tags_only_is_not_for_commits(case, ada):
    says(case.claims(ssh_entry(ada, may_sign=("tags",)))[COMMIT], Status.DECLARED, "who may not sign commits")


def test_the_hubs_own_key_counts_as_the_hubs(case, ada):
    (claim,) = [
        claim for claim in case.claims(ssh_entry(ada, role="hub", owner="Hub")).values() if claim.claim == COMMIT
    ]
    says(claim, Status.DECLARED, "the hub's own key", "not who wrote it")
    (part,) = claim.parts
    assert (part.claim, part.status, part.value) == ("hub-signature", Status.VERIFIED, "Hub")


# Time


@pytest.mark.parametrize("reason", ["compromised", "retired", "superseded"])
@pytest.mark.parametrize("days", [-10, 10])
def test_a_commit_by_a_revoked_key_is_denied_whatever_its_date(case, ada, reason, days):
    validity = Validity(revoked_at=COMMITTED + timedelta(days=days), reason=reason)
    found = case.claims(ssh_entry(ada, validity=validity))
    says(found[COMMIT], Status.CONTRADICTED, "the link from key to trust store is broken", f"revoked as {reason}")
    says(found[HISTORY], Status.CONTRADICTED, "a key that does not count")


@pytest.mark.parametrize(
    ("validity", "said"),
    [
        (Validity(until=NOW - timedelta(days=1)), "it expired on"),
        (Validity(since=COMMITTED + timedelta(days=1)), "it counts from"),
        (Validity(until=COMMITTED - timedelta(days=1)), "it expired on"),
        (Validity(since=NOW + timedelta(days=1)), "it counts from"),
    ],
)
def test_a_key_outside_its_time_is_denied(case, ada, validity, said):
    says(case.claims(ssh_entry(ada, validity=validity))[COMMIT], Status.CONTRADICTED, said)


def test_a_commit_from_the_future_is_denied(case, ada):
    early = COMMITTED - timedelta(days=1)
    says(case.claims(ssh_entry(ada), now=early)[COMMIT], Status.CONTRADICTED, "the time that it claims, 2026-03-01")


def test_a_key_within_its_time_counts(case, ada):
    validity = Validity(COMMITTED - timedelta(days=1), NOW + timedelta(seconds=1))
    assert case.claims(ssh_entry(ada, validity=validity))[COMMIT].status is Status.VERIFIED


@pytest.mark.parametrize(
    ("validity", "status"),
    [
        (Validity(until=COMMITTED + timedelta(days=5)), Status.VERIFIED),
        (Validity(revoked_at=COMMITTED + timedelta(days=5), reason="retired"), Status.VERIFIED),
        (Validity(revoked_at=COMMITTED + timedelta(days=1), reason="retired"), Status.CONTRADICTED),
        (Validity(revoked_at=COMMITTED + timedelta(days=5), reason="compromised"), Status.CONTRADICTED),
    ],
)
def test_a_proven_time_takes_the_place_of_the_signers(case, ada, validity, status):
    entry = ssh_entry(ada, validity=validity)
    assert case.claims(entry)[COMMIT].status is Status.CONTRADICTED
    assert case.claims(entry, proven=COMMITTED + timedelta(days=2))[COMMIT].status is status


def test_a_pgp_key_that_its_owner_revoked_or_let_expire_is_denied(tmp_path, home, pgp):
    model = repository(tmp_path)
    model.sign_with(pgp, home)
    model.commit(FILES_OF_MODEL)
    case = Case(model, tmp_path / "in")
    good = pgp_entry(home.public(pgp))
    assert case.claims(good)[COMMIT].status is Status.VERIFIED
    says(case.claims(pgp_entry(home.revoked(pgp)))[COMMIT], Status.CONTRADICTED, "by a key that its owner revoked")
    late = case.claims(good, now=COMMITTED + timedelta(days=100))[COMMIT]
    says(late, Status.CONTRADICTED, "by a key that has expired by its own word")


def test_the_same_pgp_key_twice_is_no_answer(tmp_path, home, pgp):
    model = repository(tmp_path)
    model.sign_with(pgp, home)
    model.commit(FILES_OF_MODEL)
    text = home.public(pgp)
    with pytest.raises(UsageError, match="the same OpenPGP key twice"):
        Case(model, tmp_path / "in").claims(pgp_entry(text), pgp_entry(text, id="again"))


# Tags


@pytest.fixture
def tagged(model, tmp_path):
    model.git("tag", "--sign", "v1", "--message", "one")
    return Case(model, tmp_path / "tagged", "v1")


def test_a_signed_tag_is_verified(tagged, ada):
    says(tagged.claims(ssh_entry(ada))[TAG], Status.VERIFIED, "the tag", "is signed by Ada")


def test_a_tag_counts_only_for_whom_it_may(tagged, ada, eve):
    says(tagged.claims(ssh_entry(ada, may_sign=("commits",)))[TAG], Status.DECLARED, "who may not sign tags")
    says(tagged.claims(ssh_entry(eve))[TAG], Status.DECLARED, "which the trust store does not have")


def test_a_name_without_a_tag_object_cannot_be_signed(model, tmp_path, ada):
    model.git("tag", "--no-sign", "light")
    found = Case(model, tmp_path / "in", "light").claims(ssh_entry(ada))
    says(found[TAG], Status.ABSENT, "'refs/tags/light' is a name without a tag object")


def test_an_unsigned_tag_is_not_signed(model, tmp_path, ada):
    model.git("-c", "tag.gpgSign=false", "tag", "--annotate", "plain", "--message", "x")
    says(Case(model, tmp_path / "in", "plain").claims(ssh_entry(ada))[TAG], Status.ABSENT, "is not signed")


def test_a_tag_that_was_moved_after_it_was_resolved_is_denied(model, tagged, tmp_path, ada):
    # What was fetched is the commit of then; the tag object that is there now leads to another.
    model.commit({"config.json": b"moved"})
    model.git("tag", "--sign", "--force", "v1", "--message", "two")
    moved = Case(model, tmp_path / "moved", "v1")
    moved.origin = moved.origin._replace(revision=tagged.origin.revision, files=tagged.origin.files)
    moved.scanned = tagged.scanned
    found = moved.claims(ssh_entry(ada))
    says(found[TAG], Status.CONTRADICTED, "the link from tag to commit", tagged.origin.revision)


def test_a_signed_tag_under_another_name_is_denied(model, tmp_path, ada):
    model.git("tag", "--sign", "v1", "--message", "one")
    model.git("update-ref", "refs/tags/v2", "refs/tags/v1")
    found = Case(model, tmp_path / "in", "v2").claims(ssh_entry(ada))
    says(found[TAG], Status.CONTRADICTED, "the link from name to tag", "calls itself 'v1'")


def test_a_tag_of_a_tag_leads_to_the_commit(model, tmp_path, ada):
    model.git("tag", "--sign", "v1", "--message", "one")
    model.git("tag", "--sign", "v2", "v1", "--message", "two")
    found = Case(model, tmp_path / "in", "v2").claims(ssh_entry(ada))
    assert found[TAG].status is Status.VERIFIED
    assert found[FILES].status is Status.VERIFIED


@pytest.mark.parametrize(
    "change", [lambda raw: raw.replace(b"\n\none", b"\n\ntwo"), lambda raw: raw.replace(b"Ada", b"Eve")]
)
def test_a_changed_tag_breaks_the_link_from_signature_to_tag(tagged, model, ada, change):
    raw = model.git("cat-file", "tag", "v1").encode() + b"\n"
    identity = replaced(tagged, change(raw), "tag")
    told = tuple(item._replace(value=identity) if item.key == "tag-object" else item for item in tagged.origin.told)
    tagged.origin = tagged.origin._replace(told=told)
    says(tagged.claims(ssh_entry(ada))[TAG], Status.CONTRADICTED, "the link from signature to tag")


# History


def test_the_history_is_counted(model, tmp_path, ada, eve):
    model.sign_with(eve)
    model.commit({"a": b"1"})
    model.commit({"a": b"2"}, "--no-gpg-sign")
    model.sign_with(ada)
    model.commit({"a": b"3"})
    case = Case(model, tmp_path / "in")
    found = case.claims(ssh_entry(ada))[HISTORY]
    says(found, Status.DECLARED, "2 of the last 4 commits", "1 by others", "1 not at all")
    assert found.value == "2/4"
    hub = case.claims(ssh_entry(ada), ssh_entry(eve, id="hub", role="hub"))[HISTORY]
    says(hub, Status.DECLARED, "1 by the hub itself")


# Where there is nothing to check


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("hub", "ask for git+https://"),
        ("git", "were not kept"),
        ("path", "has no commits"),
        ("oci", "has no commits"),
    ],
)
def test_a_source_without_objects_has_nothing_to_check(kind, said):
    found = claims(Origin(kind, "hf://org/model", revision="ab" * 20), {}, trusting(), NOW)
    assert [claim.claim for claim in found] == [COMMIT, TAG, FILES, HISTORY]
    for claim in found:
        says(claim, Status.ABSENT, said)


def test_over_http_the_place_is_the_servers(model, tmp_path, ada):
    with git_server(os.path.dirname(model.folder)) as server:
        (tmp_path / "in").mkdir()
        fetched = GitRepository(parse_address(server.address("model"))).fetch(str(tmp_path / "in"), silent())
    scanned = {file.path: file.sha256 for file in fetched.origin.files}
    for pattern, status in (("git+http://127.0.0.1:*/model", Status.VERIFIED), ("git+file:///**", Status.DECLARED)):
        found = claims(fetched.origin, scanned, trusting(ssh_entry(ada, sources=(pattern,))), NOW)
        assert found[0].status is status


def test_the_time_of_now_is_in_utc(case, ada):
    assert case.claims(ssh_entry(ada), now=NOW.astimezone(UTC))[COMMIT].status is Status.VERIFIED
