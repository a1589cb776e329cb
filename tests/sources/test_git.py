"""Git as a source: one object is meant from the start, and what arrives is what its tree names."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess

import pytest

from build.git_server import git_server
from build.models import contents
from build.repositories import needs, repository
from weighbridge.cli.progress import silent
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.limits import Limits
from weighbridge.core.settings import Settings
from weighbridge.sources import git as git_source
from weighbridge.sources import lfs_remote as lfs_source
from weighbridge.sources.git import GitRepository, open_git
from weighbridge.sources.git_address import parse_address
from weighbridge.sources.lfs import Pointer

pytestmark = needs("git", "git-lfs")
WEIGHTS = bytes(range(256)) * 40
FILES = {"config.json": b"{}\n", "sub/weights.bin": WEIGHTS, "README.md": b"# A model\n"}


def fetch(address, into, **changes):
    os.makedirs(into)
    return GitRepository(parse_address(address), Limits(), **changes).fetch(str(into), silent())


def told(fetched):
    return {item.key: item.value for item in fetched.origin.told}


def refused(address, into, **changes):
    with pytest.raises(SourceError) as caught:
        fetch(address, into, **changes)
    assert caught.value.mend
    left = {name for name in os.listdir(into) if name not in ("files", "objects.git")}
    assert not left, "what the transfer needed is gone"
    return caught.value.cause


@pytest.fixture
def model(tmp_path):
    made = repository(tmp_path / "repositories")
    made.commit({"old": b"older"})
    os.unlink(f"{made.folder}/old")
    made.commit(FILES)
    return made


@pytest.fixture
def with_lfs(tmp_path):
    made = repository(tmp_path / "repositories")
    made.use_lfs()
    made.commit(FILES)
    return made


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_the_files_are_those_of_the_commit(tmp_path, algorithm):
    model = repository(tmp_path, "model", algorithm)
    revision = model.commit(FILES)
    fetched = fetch(model.address, tmp_path / "in")
    assert contents(fetched.folder) == FILES
    assert fetched.name == "model"
    assert fetched.origin.place == model.address
    assert fetched.origin.revision == revision
    assert {file.path: (file.size, file.sha256) for file in fetched.origin.files} == {
        path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in FILES.items()
    }
    assert {file.path: file.git_blob for file in fetched.origin.files} == {
        path: model.git("rev-parse", f"HEAD:{path}") for path in FILES
    }
    assert told(fetched)["commit-time"] == "2026-03-01T12:00:00Z"
    assert told(fetched)["author"] == "Ada <ada@example.org>"
    assert told(fetched)["history"] == "0 of 1 commits have a signature"


def test_what_is_kept_beside_is_a_repository_that_git_reads(model, tmp_path):
    fetched = fetch(model.address, tmp_path / "in")
    assert not fetched.origin.objects.startswith(fetched.folder + "/")
    listed = subprocess.run(
        ["git", "--git-dir", fetched.origin.objects, "log", "--format=%H", fetched.origin.revision],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split() == model.git("log", "--format=%H").split()


@pytest.mark.parametrize("asked", ["", "@main", "@refs/heads/main", "@v1", "@refs/tags/light", "@team/x"])
def test_a_name_is_resolved_to_a_commit(model, tmp_path, asked):
    model.git("tag", "--annotate", "v1", "--message", "one")
    model.git("tag", "light")
    model.git("branch", "team/x")
    fetched = fetch(f"{model.address}{asked}", tmp_path / "in")
    assert fetched.origin.revision == model.git("rev-parse", "HEAD")
    assert fetched.origin.asked == asked[1:]
    assert ("tag-object" in told(fetched)) == (asked == "@v1")


def test_an_older_commit_is_had_by_its_id(model, tmp_path):
    older = model.git("rev-parse", "HEAD~1")
    fetched = fetch(f"{model.address}@{older}", tmp_path / "in")
    assert contents(fetched.folder) == {"old": b"older"}


def test_what_is_not_committed_is_no_part_of_it(model, tmp_path):
    model.write({"config.json": b"changed", "new": b"new"})
    assert contents(fetch(model.address, tmp_path / "in").folder) == FILES


def test_links_stay_links_and_nothing_is_executable(model, tmp_path):
    os.symlink("/etc/passwd", f"{model.folder}/out")
    os.chmod(f"{model.folder}/config.json", 0o755)
    model.commit()
    fetched = fetch(model.address, tmp_path / "in")
    assert os.readlink(f"{fetched.folder}/out") == "/etc/passwd"
    assert os.stat(f"{fetched.folder}/config.json").st_mode & 0o777 == 0o400
    assert "out" not in {file.path for file in fetched.origin.files}


def test_a_submodule_is_told_and_stays_out(model, tmp_path):
    model.git("update-index", "--add", "--cacheinfo", f"160000,{'ab' * 20},part")
    model.git("commit", "--quiet", "--message", "part")
    fetched = fetch(model.address, tmp_path / "in")
    assert told(fetched)["submodule"] == "part"
    assert contents(fetched.folder) == FILES


def test_a_worktree_of_a_repository_is_one_too(model, tmp_path):
    model.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    fetched = fetch(f"git+file://{tmp_path}/side@side", tmp_path / "in")
    assert contents(fetched.folder) == FILES


# What cannot be resolved


def test_two_things_of_one_name_are_refused(model, tmp_path):
    model.git("tag", "main", "HEAD~1")
    assert "a branch and a tag of the name 'main'" in refused(f"{model.address}@main", tmp_path / "in")
    assert fetch(f"{model.address}@refs/tags/main", tmp_path / "ok").origin.revision == model.git(
        "rev-parse", "refs/tags/main"
    )


@pytest.mark.parametrize("asked", ["none", "abcd123", "refs/heads/none", "ab" * 20])
def test_what_is_not_there_is_refused(model, tmp_path, asked):
    cause = refused(f"{model.address}@{asked}", tmp_path / "in")
    assert "has no branch and no tag" in cause or "does not have what was asked for" in cause


@pytest.mark.parametrize("what", ["HEAD^{tree}", "HEAD:config.json"])
def test_what_is_no_commit_is_refused(model, tmp_path, what):
    identity = model.git("rev-parse", what)
    assert "is no commit but a" in refused(f"{model.address}@{identity}", tmp_path / "in")


def test_an_empty_commit_is_nothing_to_inspect(tmp_path):
    model = repository(tmp_path)
    model.commit()
    assert "nothing to inspect" in refused(model.address, tmp_path / "in")


def test_a_tag_that_moves_while_it_is_fetched_is_refused(model, tmp_path, monkeypatch):
    model.git("tag", "--annotate", "v1", "--message", "one")
    transfer = git_source.transfer

    def moving(*arguments, **options):
        done = transfer(*arguments, **options)
        model.git("tag", "--annotate", "--force", "v1", "HEAD~1", "--message", "two")
        return done

    monkeypatch.setattr(git_source, "transfer", moving)
    assert "the tag 'refs/tags/v1' was moved while it was fetched" in refused(f"{model.address}@v1", tmp_path / "in")


def test_a_branch_that_moves_while_it_is_fetched_changes_nothing(model, tmp_path, monkeypatch):
    revision = model.git("rev-parse", "HEAD")
    transfer = git_source.transfer

    def moving(*arguments, **options):
        model.commit({"config.json": b"moved"})
        return transfer(*arguments, **options)

    monkeypatch.setattr(git_source, "transfer", moving)
    fetched = fetch(f"{model.address}@main", tmp_path / "in")
    assert fetched.origin.revision == revision
    assert contents(fetched.folder) == FILES


# Git LFS


def test_an_lfs_object_takes_the_place_of_its_pointer(with_lfs, tmp_path):
    fetched = fetch(with_lfs.address, tmp_path / "in")
    assert contents(fetched.folder)["sub/weights.bin"] == WEIGHTS
    (entry,) = [file for file in fetched.origin.files if file.lfs_sha256]
    assert entry.lfs_sha256 == entry.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert entry.git_blob == with_lfs.git("rev-parse", "HEAD:sub/weights.bin")


def stored(model):
    name = hashlib.sha256(WEIGHTS).hexdigest()
    return f"{model.inner}/lfs/objects/{name[:2]}/{name[2:4]}/{name}"


def test_a_missing_lfs_object_is_named(with_lfs, tmp_path):
    os.unlink(stored(with_lfs))
    cause = refused(with_lfs.address, tmp_path / "in")
    assert cause.startswith(f"'sub/weights.bin': the LFS object sha256:{hashlib.sha256(WEIGHTS).hexdigest()}")


@pytest.mark.parametrize("content", [WEIGHTS[:-1] + b"x", WEIGHTS[:-1], WEIGHTS + b"x", b""])
def test_a_swapped_lfs_object_is_refused(with_lfs, tmp_path, content):
    os.chmod(stored(with_lfs), 0o644)
    with open(stored(with_lfs), "wb") as file:
        file.write(content)
    cause = refused(with_lfs.address, tmp_path / "in")
    if len(content) == len(WEIGHTS):
        assert "the link from pointer to bytes is broken" in cause
    else:
        assert f"the {len(WEIGHTS)} bytes of its pointer" in cause


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_an_lfs_object_that_is_no_file_is_refused(with_lfs, tmp_path, make):
    os.unlink(stored(with_lfs))
    make(stored(with_lfs))
    assert "is missing" in refused(with_lfs.address, tmp_path / "in")


@pytest.mark.parametrize(
    "pointer",
    [
        b"version https://git-lfs.github.com/spec/v1\nsize 3\noid sha256:%b\n" % (b"a" * 64),
        b"version https://git-lfs.github.com/spec/v1\next-0-x sha256:%b\noid sha256:%b\nsize 3\n"
        % (b"b" * 64, b"a" * 64),
        b"version https://git-lfs.github.com/spec/v1\noid sha1:%b\nsize 3\n" % (b"a" * 40),
        b"version https://hawser.github.com/spec/v1\noid sha256:%b\nsize 3\n" % (b"a" * 64),
    ],
)
def test_a_pointer_that_could_be_read_in_two_ways_is_refused(model, tmp_path, pointer):
    model.commit({"weights.bin": pointer})
    assert "Git LFS pointer that is not written as" in refused(model.address, tmp_path / "in")


# Over HTTP


@pytest.fixture
def served(with_lfs):
    with git_server(os.path.dirname(with_lfs.folder)) as server:
        yield server


def test_a_server_gives_the_same(with_lfs, served, tmp_path):
    here = fetch(with_lfs.address, tmp_path / "here")
    there = fetch(served.address("model"), tmp_path / "there")
    assert there.origin.files == here.origin.files
    assert there.origin.revision == here.origin.revision
    assert there.origin.place == served.address("model")
    assert told(there) == told(here)
    assert contents(there.folder) == contents(here.folder)


def test_the_real_client_gets_the_same_from_this_server(with_lfs, served, tmp_path):
    url = served.address("model").removeprefix("git+")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (["git", "lfs", "install"], ["git", "clone", "--quiet", url, str(tmp_path / "clone")]):
        subprocess.run(words, env=environ, check=True, capture_output=True, timeout=60)
    theirs = {path: raw for path, raw in contents(tmp_path / "clone").items() if not path.startswith(".git/")}
    assert contents(fetch(served.address("model"), tmp_path / "in").folder) == theirs


def test_the_headers_of_the_server_are_sent_back_to_it(served, tmp_path):
    fetch(served.address("model"), tmp_path / "in")
    sent = dict(zip(served.asked, served.headers, strict=True))
    assert sent[f"/objects/{hashlib.sha256(WEIGHTS).hexdigest()}"]["X-Asked"] == "yes"


def test_an_lfs_object_that_the_server_lacks_is_named(with_lfs, served, tmp_path):
    os.unlink(stored(with_lfs))
    cause = refused(served.address("model"), tmp_path / "in")
    assert f"the LFS object sha256:{hashlib.sha256(WEIGHTS).hexdigest()}" in cause
    assert "Object does not exist" in cause


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, WEIGHTS[:-1] + b"x"), "the link from pointer to bytes is broken"),
        ((200, {}, WEIGHTS + b"x"), "has more than the"),
        ((403, {}, b""), "the server answers 403"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "the server answers 302"),
    ],
)
def test_a_server_that_lies_is_refused(served, tmp_path, answer, said):
    served.answers[f"/objects/{hashlib.sha256(WEIGHTS).hexdigest()}"] = [answer]
    assert said in refused(served.address("model"), tmp_path / "in")


OBJECT = f"/objects/{hashlib.sha256(WEIGHTS).hexdigest()}"


@pytest.mark.parametrize(
    "rest",
    [
        [(206, {}, WEIGHTS[5000:])],
        [(206, {}, WEIGHTS[5000:5001]), (206, {}, WEIGHTS[5001:])],
        [(206, {}, b""), (206, {}, WEIGHTS[5000:])],
        [(200, {}, WEIGHTS)],
        [],
    ],
)
@pytest.mark.parametrize("length", ["5000", str(len(WEIGHTS))])
def test_what_broke_off_is_gone_on_with(served, tmp_path, monkeypatch, rest, length):
    monkeypatch.setattr(lfs_source.time, "sleep", lambda _: None)
    served.answers[OBJECT] = [(200, {"Content-Length": length}, WEIGHTS[:5000]), *rest]
    assert contents(fetch(served.address("model"), tmp_path / "in").folder)["sub/weights.bin"] == WEIGHTS
    ranges = [
        headers.get("Range") for path, headers in zip(served.asked, served.headers, strict=True) if path == OBJECT
    ]
    assert ranges[:2] == [None, "bytes=5000-"]


@pytest.mark.parametrize("rest", [(206, {}, WEIGHTS), (206, {}, WEIGHTS[4999:-1]), (206, {}, b"")])
def test_a_rest_that_is_none_is_refused(served, tmp_path, rest):
    served.answers[OBJECT] = [(200, {}, WEIGHTS[:5000]), *[rest] * (lfs_source.BREAKS + 1)]
    cause = refused(served.address("model"), tmp_path / "in")
    assert "bytes of its pointer" in cause or "the link from pointer to bytes is broken" in cause


def test_objects_are_asked_for_in_groups():
    small = [Pointer("ab" * 32, 1)] * (lfs_source.BATCH + 1)
    assert [len(group) for group in lfs_source.batches(small)] == [lfs_source.BATCH, 1]
    large = [Pointer("ab" * 32, lfs_source.BATCH_BYTES)] * 3
    assert [len(group) for group in lfs_source.batches(large)] == [1, 1, 1]
    assert list(lfs_source.batches([])) == []


def test_a_server_that_is_busy_is_asked_again(served, tmp_path, monkeypatch):
    monkeypatch.setattr(lfs_source.time, "sleep", lambda _: None)
    busy = (503, {}, b"")
    served.answers["/objects/batch"] = [busy, (429, {}, b"")]
    served.answers[f"/objects/{hashlib.sha256(WEIGHTS).hexdigest()}"] = [busy]
    assert contents(fetch(served.address("model"), tmp_path / "in").folder)["sub/weights.bin"] == WEIGHTS
    served.answers["/objects/batch"] = [busy] * 9
    assert "the server answers 503" in refused(served.address("model"), tmp_path / "again")
    assert len(served.answers["/objects/batch"]) == 9 - lfs_source.TRIES


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"objects": 1}', b'{"objects": [{}]}', b"[" * 100000])
def test_a_batch_answer_that_is_none_is_refused(served, tmp_path, answer):
    served.answers["/objects/batch"] = [(200, {}, answer)]
    assert "an answer that is none" in refused(served.address("model"), tmp_path / "in")


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"href": "http://example.invalid/x"}, "only without encryption"),
        ({"href": "file:///etc/passwd"}, "only without encryption"),
        ({"href": "https://127.0.0.1:99999/"}, "cannot be had"),
        ({"href": "https://127.0.0.1:1/", "header": {"A": "b\r\nC: d"}}, "cannot be had"),
        (None, "does not say where it is"),
    ],
)
def test_where_a_server_sends_us_is_looked_at(served, tmp_path, monkeypatch, action, said):
    monkeypatch.setattr(lfs_source.time, "sleep", lambda _: None)
    entry = {"oid": hashlib.sha256(WEIGHTS).hexdigest(), "size": len(WEIGHTS), "actions": {"download": action}}
    served.answers["/objects/batch"] = [(200, {}, json.dumps({"objects": [entry]}).encode())]
    assert said in refused(served.address("model"), tmp_path / "in")


def test_another_size_than_the_pointers_is_refused(served, tmp_path):
    entry = {"oid": hashlib.sha256(WEIGHTS).hexdigest(), "size": 7, "actions": {}}
    served.answers["/objects/batch"] = [(200, {}, json.dumps({"objects": [entry]}).encode())]
    assert f"has 7 bytes at the server, {len(WEIGHTS)} in the pointer" in refused(
        served.address("model"), tmp_path / "in"
    )


def test_the_repository_does_not_say_where_its_lfs_objects_are(with_lfs, served, tmp_path):
    with_lfs.commit({".lfsconfig": b"[lfs]\n\turl = http://127.0.0.1:1/elsewhere\n"})
    assert contents(fetch(served.address("model"), tmp_path / "in").folder)["sub/weights.bin"] == WEIGHTS


def test_a_redirect_of_the_repository_is_not_followed(served, tmp_path):
    served.answers["/info/refs"] = [(302, {"Location": served.address("model")[4:] + "/info/refs"}, b"")] * 3
    assert "git ls-remote failed" in refused(served.address("model"), tmp_path / "in")


def test_a_server_without_the_smart_protocol_is_refused(with_lfs, served, tmp_path):
    with_lfs.git("update-server-info")
    with open(f"{with_lfs.inner}/info/refs", "rb") as file:
        refs = file.read()
    served.answers["/info/refs"] = [(200, {"Content-Type": "text/plain"}, refs)] * 3
    assert "git fetch failed" in refused(f"{served.address('model')}@main", tmp_path / "in")


# Over HTTPS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key with a certificate of its own for localhost, and the certificate alone."""
    folder = tmp_path_factory.mktemp("tls")
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3650",
    ]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words += ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return str(folder / "both"), str(folder / "cert")


@needs("openssl")
def test_over_https_the_certificate_has_to_be_trusted(with_lfs, certificate, tmp_path, monkeypatch):
    monkeypatch.setattr(lfs_source.time, "sleep", lambda _: None)
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with git_server(os.path.dirname(with_lfs.folder), certificate[0]) as server:
        assert "git ls-remote failed" in refused(server.address("model"), tmp_path / "strange")
        monkeypatch.setenv("SSL_CERT_FILE", certificate[1])
        fetched = fetch(server.address("model"), tmp_path / "in")
        assert contents(fetched.folder)["sub/weights.bin"] == WEIGHTS
        assert fetched.origin.place == f"git+https://localhost:{server.port}/model"


# Over SSH, with a stand-in for the program: it runs on this machine what it is asked to run there


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    place = tmp_path / "bin"
    place.mkdir()
    program = place / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return tmp_path / "asked"


def test_a_repository_over_ssh(model, ssh, tmp_path):
    fetched = fetch(f"git+ssh://git@host.example:2222{model.folder}@main", tmp_path / "in")
    assert contents(fetched.folder) == FILES
    assert fetched.origin.place == f"git+ssh://host.example:2222{model.folder}"
    asked = ssh.read_text()
    assert "-oBatchMode=yes -oStrictHostKeyChecking=yes" in asked
    assert "-p 2222 git@host.example git-upload-pack" in asked


def test_lfs_over_ssh_asks_where(with_lfs, ssh, tmp_path, monkeypatch):
    answer = {"href": "https://127.0.0.1:1/lfs", "header": {"Authorization": "secret"}}
    program = tmp_path / "bin" / "git-lfs-authenticate"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(lfs_source, "TRIES", 1)
    cause = refused(f"git+ssh://host.example{with_lfs.folder}", tmp_path / "in")
    assert "the list of LFS objects cannot be had" in cause
    assert "secret" not in cause


# Addresses


@pytest.mark.parametrize(
    ("text", "place", "revision"),
    [
        ("git+https://GitHub.com/org/repo.git@v1", "git+https://github.com/org/repo", "v1"),
        ("git+https://github.com:443/org/repo/", "git+https://github.com/org/repo", ""),
        ("git+https://host.example:8443/a/b@refs/heads/x", "git+https://host.example:8443/a/b", "refs/heads/x"),
        ("git+ssh://git@host.example/a/b", "git+ssh://host.example/a/b", ""),
        ("git+file:///srv/with space/repo", "git+file:///srv/with space/repo", ""),
    ],
)
def test_a_place_is_written_in_one_way(text, place, revision):
    address = parse_address(text)
    assert address.place == place
    assert address.revision == revision


@pytest.mark.parametrize(
    "text",
    [
        "https://host.example/a",
        "git+ftp://host.example/a",
        "git+ext::sh -c id",
        "git+https://user:secret@host.example/a",
        "git+https://token@host.example/a",
        "git+ssh://-oProxyCommand=id/a",
        "git+ssh://-u@host.example/a",
        "git+ssh://git@-x/a",
        "git+http://host.example/a",
        "git+https://host.example/../a",
        "git+https://host.example/a//b",
        "git+https://host.example/a?x=1",
        "git+https://host.example/a#x",
        "git+https://host.example/a%2e%2e/b",
        "git+https://host.example/a b",
        "git+https://host.example",
        "git+https://host.example/a@-x",
        "git+https://host.example/a@a..b",
        "git+https://host.example/a@a:b",
        "git+https://host.example/a@a b",
        "git+https://host.example/a@",
        "git+https://host.example:x/a",
        "git+file://host/a",
        "git+file:///a\nb",
        "git+ssh://host/a';id;'",
    ],
)
def test_an_address_that_could_mean_something_else_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    assert "secret" not in caught.value.cause
    assert caught.value.mend


def test_a_folder_that_is_no_repository_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is no git repository"):
        fetch(f"git+file://{tmp_path}", tmp_path / "in")


def test_the_limits_are_those_of_the_settings():
    assert open_git("git+https://host.example/a", Settings(limits=Limits(files=7))).limits.files == 7
