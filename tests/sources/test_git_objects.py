"""Git objects: the ids that git computes, and nothing that two readers could understand in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.repositories import needs, repository
from weighbridge.core.errors import FormatError, NotFound
from weighbridge.sources.git_objects import (
    MAX_OBJECT,
    ObjectFolder,
    TreeEntry,
    object_id,
    parse_commit,
    parse_tag,
    parse_tree,
)

ID, OTHER = b"ab" * 20, b"cd" * 20
PERSON = b"Ada <ada@example.org> 1772366400 +0100"
COMMIT = b"tree %b\nparent %b\nparent %b\nauthor %b\ncommitter %b\n" % (ID, ID, OTHER, PERSON, PERSON)
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----"
FOLDED = SIGNATURE.replace(b"\n", b"\n ")
TAG = b"object %b\ntype commit\ntag v1\ntagger %b\n\nmessage\n" % (ID, PERSON)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@needs("git")
def test_ids_are_gits(tmp_path, algorithm):
    repo = repository(tmp_path, "model", algorithm)
    repo.commit({"a": b"x" * 1000, "b": b""})
    for name, kind in (("HEAD", "commit"), ("HEAD^{tree}", "tree"), ("HEAD:a", "blob"), ("HEAD:b", "blob")):
        identity = repo.git("rev-parse", name)
        raw = b"x" * 1000 if name == "HEAD:a" else b""
        if kind == "commit":
            raw = repo.git("cat-file", "commit", identity).encode() + b"\n"
            assert parse_commit(raw).tree == repo.git("rev-parse", "HEAD^{tree}")
        if kind == "tree":
            entries = [("a", repo.git("rev-parse", "HEAD:a")), ("b", repo.git("rev-parse", "HEAD:b"))]
            raw = b"".join(b"100644 %b\0" % name.encode() + bytes.fromhex(id_) for name, id_ in entries)
            assert [(os_entry.name.decode(), os_entry.id) for os_entry in parse_tree(raw, algorithm)] == entries
        assert object_id(kind, raw, algorithm) == identity


def test_a_commit_is_taken_apart():
    commit = parse_commit(COMMIT + b"\nmessage\n")
    assert commit.tree == ID.decode()
    assert commit.parents == (ID.decode(), OTHER.decode())
    assert commit.author == ("Ada <ada@example.org>", 1772366400)
    assert (commit.signature, commit.payload) == (b"", COMMIT + b"\nmessage\n")


def test_a_signature_is_taken_out_of_what_it_signs():
    commit = parse_commit(COMMIT + b"gpgsig " + FOLDED + b"\nencoding x\n\nmessage\n")
    assert commit.signature == SIGNATURE
    assert commit.payload == COMMIT + b"encoding x\n\nmessage\n"


def test_the_signature_for_the_other_hash_is_nobodys():
    both = parse_commit(COMMIT + b"gpgsig-sha256 x\ngpgsig " + FOLDED + b"\n\nmessage\n")
    assert both.signature == SIGNATURE
    assert both.payload == COMMIT + b"\nmessage\n"
    wide = COMMIT.replace(ID, ID + b"ab" * 12).replace(OTHER, OTHER + b"cd" * 12)
    assert parse_commit(wide + b"gpgsig " + FOLDED + b"\n\n").signature == b""
    assert parse_commit(wide + b"gpgsig-sha256 " + FOLDED + b"\n\n").signature == SIGNATURE


def test_a_signature_in_the_message_is_a_message():
    commit = parse_commit(COMMIT + b"\ngpgsig " + FOLDED + b"\n")
    assert commit.signature == b""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        COMMIT.replace(b"tree", b"Tree"),
        COMMIT.replace(b"author", b"committer", 1),
        COMMIT.replace(ID, b"ab" * 19, 1),
        COMMIT.replace(ID, ID.upper(), 1),
        COMMIT.replace(b"Ada", b"A\0a"),
        COMMIT + b"parent " + ID + b"\n\n",
        COMMIT + b"author " + PERSON + b"\n\n",
        COMMIT + b"tree " + OTHER + b"\n\n",
        COMMIT + b"gpgsig x\ngpgsig y\n\n",
        COMMIT + b"gpgsig-sha256 x\ngpgsig-sha256 y\n\n",
        COMMIT + b"novalue\n\n",
        b" " + COMMIT,
    ],
)
def test_a_commit_with_two_meanings_is_refused(raw):
    with pytest.raises(FormatError):
        parse_commit(raw)


def test_a_tag_is_taken_apart():
    tag = parse_tag(TAG + SIGNATURE + b"\n")
    assert (tag.target, tag.kind, tag.name) == (ID.decode(), "commit", "v1")
    assert (tag.signature, tag.payload) == (SIGNATURE + b"\n", TAG)
    assert parse_tag(TAG).signature == b""


def test_the_last_signature_of_a_tag_is_its_own():
    # As git reads it: what stands before is part of what is signed.
    tag = parse_tag(TAG + SIGNATURE + b"\n" + SIGNATURE + b"\n")
    assert tag.payload == TAG + SIGNATURE + b"\n"
    assert parse_tag(TAG.replace(b"message", b"see " + SIGNATURE)).signature == b""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        TAG.replace(b"object", b"Object"),
        TAG.replace(b"type", b"tag", 1),
        TAG.replace(b"tag v1\n", b"tag v1\ntag v2\n"),
        TAG.replace(b"tagger", b"author"),
        TAG.replace(ID, b"x"),
        TAG.replace(b"\n\n", b"\nother x\n\n", 1),
    ],
)
def test_a_tag_with_two_meanings_is_refused(raw):
    with pytest.raises(FormatError):
        parse_tag(raw)


def test_a_tree_is_taken_apart():
    raw = b"".join(mode + b" " + mode + b"\0" + b"\xab" * 20 for mode in (b"40000", b"100755", b"120000", b"160000"))
    kinds = ["tree", "file", "link", "submodule"]
    assert [entry.kind for entry in parse_tree(raw, "sha1")] == kinds
    assert next(iter(parse_tree(raw, "sha1"))) == TreeEntry(b"40000", "tree", ID.decode())


@pytest.mark.parametrize(
    "raw",
    [
        b"100644 a\0" + b"x" * 19,
        b"100644 a",
        b"100644",
        b"100644a\0" + b"x" * 20,
        b"100600 a\0" + b"x" * 20,
        b"040000 a\0" + b"x" * 20,
        b"100644 \0" + b"x" * 20,
        (b"100644 a\0" + b"x" * 20) * 2,
        b"100644 a\0" + b"x" * 20 + b"1",
    ],
)
def test_a_broken_tree_is_refused(raw):
    with pytest.raises(FormatError):
        list(parse_tree(raw, "sha1"))


@given(st.binary(max_size=400), st.sampled_from([COMMIT, TAG, b""]), st.integers(0, 250))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_read_or_refused(noise, base, at):
    raw = base[:at] + noise + base[at:]
    for parse in (parse_commit, parse_tag, lambda raw: list(parse_tree(raw, "sha1"))):
        try:
            parse(raw)
        except FormatError:
            continue


def test_a_folder_gives_back_what_it_was_given(tmp_path):
    kept = ObjectFolder(str(tmp_path / "kept.git"))
    kept.create("sha1")
    identity = kept.put("commit", COMMIT, "sha1")
    assert kept.put("commit", COMMIT, "sha1") == identity
    assert kept.get(identity, "commit") == COMMIT
    with pytest.raises(FormatError, match="have another id"):
        kept.get(identity, "tree")
    with pytest.raises(NotFound):
        kept.get("ab" * 20, "commit")
    for odd in ("../../etc/passwd", "AB" * 20, "", "ab" * 21):
        with pytest.raises(FormatError, match="is no object id"):
            kept.get(odd, "commit")


def test_an_object_that_unpacks_to_too_much_is_refused(tmp_path):
    import zlib

    kept = ObjectFolder(str(tmp_path / "kept.git"))
    kept.create("sha1")
    content = bytes(2 * MAX_OBJECT)
    identity = kept.put("commit", b"x", "sha1")
    path = tmp_path / "kept.git/objects" / identity[:2] / identity[2:]
    path.write_bytes(zlib.compress(b"commit %d\0" % len(content) + content))
    with pytest.raises(FormatError, match="have another id"):
        kept.get(identity, "commit")
