"""Hostile repositories: nothing of them runs, nothing leaves its folder, and small ones do not become large."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import time

import pytest

from build.inspecting import inspected
from build.repositories import needs, repository
from weighbridge.cli.progress import silent
from weighbridge.core.errors import SourceError
from weighbridge.core.limits import Limits
from weighbridge.sources.git import GitRepository
from weighbridge.sources.git_address import parse_address
from weighbridge.sources.git_program import GitBounds

pytestmark = needs("git", "git-lfs")
MIB = 1024 * 1024


def fetch(repo, tmp_path, revision="odd", limits=None, **bounds):
    into = tmp_path / "in"
    into.mkdir()
    address = parse_address(f"{repo.address}@{revision}")
    return GitRepository(address, limits or Limits(), GitBounds(**bounds)).fetch(str(into), silent())


def refused(repo, tmp_path, **options):
    with pytest.raises(SourceError) as caught:
        fetch(repo, tmp_path, **options)
    return caught.value.cause


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path)


# Names


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"..", "leads out of it"),
        (b".", "leads out of it"),
        (b"a/b", "leads out of it"),
        (b"../../x", "leads out of it"),
        (b"/etc/x", "leads out of it"),
        (b".git", "keeps for itself"),
        (b".GIT", "keeps for itself"),
        (b".git ", "keeps for itself"),
        (b".git.", "keeps for itself"),
        (b".git::$INDEX_ALLOCATION", "keeps for itself"),
        (b"GIT~1", "keeps for itself"),
        (".g\u200cit".encode(), "keeps for itself"),
        (b"x" * 256, "too long"),
        (b"", "git fetch failed"),
    ],
)
def test_a_name_that_does_something_else_is_refused(repo, tmp_path, name, said):
    blob = repo.object("blob", b"x")
    inner = repo.tree(("100644", name, blob))
    repo.commit_of(repo.tree(("40000", b"sub", inner)))
    assert said in refused(repo, tmp_path)
    assert os.listdir(tmp_path / "in" / "files") == []


@pytest.mark.parametrize(("name", "said"), [(b"..", "leads out of it"), (b".Git", "keeps for itself")])
def test_a_folder_of_such_a_name_is_refused(repo, tmp_path, name, said):
    inner = repo.tree(("100644", b"config", repo.object("blob", b"x")))
    repo.commit_of(repo.tree(("40000", name, inner)))
    assert said in refused(repo, tmp_path)


@pytest.mark.parametrize(
    "names", [(b"Model", b"model"), ("é".encode(), "e\u0301".encode()), (b"STRASSE", "straße".encode())]
)
def test_names_that_are_one_elsewhere_are_refused(repo, tmp_path, names):
    blob = repo.object("blob", b"x")
    repo.commit_of(repo.tree(*(("100644", name, blob) for name in names)))
    assert "which are one name on some machines" in refused(repo, tmp_path)


def test_a_name_that_stands_twice_is_refused(repo, tmp_path):
    blob = repo.object("blob", b"x")
    link = repo.object("blob", b"/etc")
    inner = repo.tree(("100644", b"passwd", blob))
    repo.commit_of(repo.tree(("120000", b"a", link), ("40000", b"a", inner)))
    assert "stands twice" in refused(repo, tmp_path)


def test_a_name_with_a_line_break_arrives_as_it_is(repo, tmp_path):
    blob = repo.object("blob", b"x")
    repo.commit_of(repo.tree(("100644", b"a\nb\x1b[31m!", blob), ("100644", b"\xff", blob)))
    fetched = fetch(repo, tmp_path)
    assert sorted(file.path for file in fetched.origin.files) == ["%FF", "a%0Ab%1B[31m%21"]
    assert sorted(file.path for file in inspected(fetched.folder).report.artifact.files) == [
        file.path for file in fetched.origin.files
    ]


@pytest.mark.parametrize("mode", ["100640", "0", "777", "170000", "1"])
def test_a_mode_that_git_does_not_write_is_refused(repo, tmp_path, mode):
    repo.commit_of(repo.tree((mode, b"x", repo.object("blob", b"x"))))
    assert "which git does not write" in refused(repo, tmp_path)


def test_nothing_is_written_through_a_link(repo, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = repo.object("blob", str(outside).encode())
    blob = repo.object("blob", b"x")
    inner = repo.tree(("100644", b"x", blob))
    repo.commit_of(repo.tree(("120000", b"a", link), ("40000", b"a ", inner)))
    fetch(repo, tmp_path)
    assert os.listdir(outside) == []
    assert os.path.isfile(tmp_path / "in/files/a /x")


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 5000])
def test_a_link_to_nothing_is_refused(repo, tmp_path, target):
    file = ("100644", b"x", repo.object("blob", b"x"))
    repo.commit_of(repo.tree(("120000", b"a", repo.object("blob", target)), file))
    assert refused(repo, tmp_path)


# Objects


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"author", b"tree " + b"ab" * 20 + b"\nauthor", 1),
        lambda raw: raw.replace(b"\n\n", b"\ntree " + b"ab" * 20 + b"\n\n", 1),
        lambda raw: raw.replace(b"committer", b"x\0committer", 1),
        lambda raw: raw.replace(b"tree ", b"tree  ", 1),
        lambda raw: b"author" + raw.partition(b"author")[2],
    ],
)
def test_a_commit_that_can_be_read_in_two_ways_is_refused(repo, tmp_path, change):
    tree = repo.tree(("100644", b"x", repo.object("blob", b"x")))
    raw = repo.git("cat-file", "commit", repo.commit_of(tree)).encode() + b"\n"
    with open(f"{repo.inner}/refs/heads/odd", "w", encoding="ascii") as file:
        file.write(repo.object("commit", change(raw)) + "\n")
    assert refused(repo, tmp_path)


def test_an_object_that_is_missing_is_refused(repo, tmp_path):
    repo.commit_of(repo.tree(("100644", b"x", "ab" * 20)))
    assert "git fetch failed" in refused(repo, tmp_path)


# Bombs


def test_shared_trees_do_not_multiply(repo, tmp_path):
    tree = repo.tree(("100644", b"x", repo.object("blob", b"x")))
    for _ in range(20):
        tree = repo.tree(*(("40000", b"%d" % number, tree) for number in range(20)))
    repo.commit_of(tree)
    before = time.process_time()
    assert "more than 3000 folders" in refused(repo, tmp_path, folders=3000)
    assert time.process_time() - before < 20


def test_more_files_than_the_limit_are_refused(repo, tmp_path):
    blob = repo.object("blob", b"x")
    repo.commit_of(repo.tree(*(("100644", b"%05d" % number, blob) for number in range(5000))))
    assert "more than 4999 files" in refused(repo, tmp_path, limits=Limits(files=4999))
    assert os.listdir(tmp_path / "in" / "files") == []


def test_one_blob_under_many_names_is_refused(repo, tmp_path):
    blob = repo.object("blob", bytes(MIB))
    repo.commit_of(repo.tree(*(("100644", b"%02d" % number, blob) for number in range(20))))
    assert "more are taken at most" in refused(repo, tmp_path, bytes=10 * MIB)


def test_a_blob_of_zeros_is_not_held_in_memory(repo, tmp_path):
    repo.commit_of(repo.tree(("100644", b"x", repo.object("blob", bytes(48 * MIB)))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "more are taken at most" in refused(repo, tmp_path, bytes=8 * MIB)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_a_large_tree_is_refused_and_not_read(repo, tmp_path):
    blob = repo.object("blob", b"x")
    names = (b"%06d%s" % (number, b"x" * 240) for number in range(70_000))
    repo.commit_of(repo.tree(*(("100644", name, blob) for name in names)))
    assert "more are taken at most" in refused(repo, tmp_path)


def test_a_pack_of_deltas_upon_deltas_is_a_matter_of_limits(repo, tmp_path):
    # Each version is the one before and a little more: git makes one long chain of deltas of them.
    text = b"".join(b"%d\n" % number for number in range(20_000))
    entries = []
    for number in range(60):
        text += b"%d more\n" % number
        entries.append(("100644", b"%02d" % number, repo.object("blob", text)))
    repo.commit_of(repo.tree(*entries))
    repo.git("repack", "-adfq", "--depth=4000", "--window=100")
    assert len(fetch(repo, tmp_path).origin.files) == 60


def test_a_pack_that_needs_more_memory_than_allowed_is_refused(repo, tmp_path):
    # Under bigFileThreshold's eyes a blob streams, but a commit object never does.
    tree = repo.tree(("100644", b"x", repo.object("blob", b"x")))
    person = b"Eve <eve@example.invalid> 1772366400 +0000"
    raw = b"tree %b\nauthor %b\ncommitter %b\n\n" % (tree.encode(), person, person) + bytes(80 * MIB)
    repo.git("update-ref", "refs/heads/odd", repo.object("commit", raw))
    assert "git fetch failed" in refused(repo, tmp_path, memory=80 * MIB)


def test_a_message_of_megabytes_is_refused(repo, tmp_path):
    tree = repo.tree(("100644", b"x", repo.object("blob", b"x")))
    person = b"Eve <eve@example.invalid> 1772366400 +0000"
    raw = b"tree %b\nauthor %b\ncommitter %b\n\n" % (tree.encode(), person, person) + b"x" * 2 * MIB
    repo.git("update-ref", "refs/heads/odd", repo.object("commit", raw))
    assert "more are taken at most" in refused(repo, tmp_path)


def test_a_pack_that_is_larger_than_allowed_is_refused(repo, tmp_path):
    repo.commit_of(repo.tree(("100644", b"x", repo.object("blob", os.urandom(3 * MIB)))))
    assert refused(repo, tmp_path, bytes=MIB)


def test_a_history_that_cannot_be_had_is_no_reason_to_refuse(repo, tmp_path):
    repo.commit({"x": b"x"})
    fetched = fetch(repo, tmp_path, "main", history_bytes=1)
    assert dict(fetched.origin.told)["history"].startswith("unknown: ")


MARKER = "touched"


@pytest.fixture
def trap(repo, tmp_path, monkeypatch):
    """A repository, and an environment, in which everything that git could run leaves a mark."""
    mark = tmp_path / MARKER
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0" "$@" >> {mark}\ncat\n')
    program.chmod(0o755)
    repo.use_lfs()
    repo.commit(
        {
            ".gitattributes": b"* filter=evil diff=evil merge=evil ident text eol=crlf export-subst\n",
            ".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch\n\tupdate = !touch\n',
            ".lfsconfig": b"[lfs]\n\turl = ext::sh\n",
            "a.txt": b"$Id$\n$Format:%H$\n",
        }
    )
    keys = [
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.evil.command",
        "diff.evil.textconv",
        "merge.evil.driver",
        "uploadpack.packObjectsHook",
        "gpg.program",
        "credential.helper",
        "diff.external",
        "sequence.editor",
        "alias.upload-pack",
        "remote.origin.uploadpack",
        "remote.origin.vcs",
        "lfs.customtransfer.x.path",
    ]
    for key in keys:
        repo.git("config", key, str(program))
    repo.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    repo.git("config", "filter.evil.required", "true")
    (tmp_path / "hooks").mkdir()
    for name in (
        "post-checkout",
        "post-merge",
        "reference-transaction",
        "pre-auto-gc",
        "proc-receive",
        "post-index-change",
    ):
        (tmp_path / "hooks" / name).symlink_to(program)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{repo.inner}/hooks/{name}")
        os.symlink(program, f"{repo.inner}/hooks/{name}")
    home = tmp_path / "home"
    home.mkdir()
    lines = [
        f"[{key.rpartition('.')[0].replace('.', ' ')}]\n\t{key.rpartition('.')[2]} = {program}\n" for key in keys[:6]
    ]
    lines += [f"[uploadpack]\n\tpackObjectsHook = {program}\n[core]\n\thooksPath = {tmp_path}/hooks\n"]
    lines += ['[url "ext::sh -c "]\n\tinsteadOf = file://\n', "[init]\n\ttemplateDir = /nowhere\n"]
    (home / ".gitconfig").write_text("".join(lines))
    monkeypatch.setenv("HOME", str(home))
    for name in [
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_PROXY_COMMAND",
        "GIT_EXTERNAL_DIFF",
        "GIT_EDITOR",
        "GIT_PAGER",
        "PAGER",
        "GIT_EXEC_PATH",
    ]:
        monkeypatch.setenv(name, str(program))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'uploadpack.packObjectsHook={program}'")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "uploadpack.packObjectsHook")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(program))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_TRACE", str(mark))
    return repo, mark


def test_nothing_of_a_repository_runs(trap, tmp_path):
    repo, mark = trap
    fetched = fetch(repo, tmp_path, "main")
    assert not mark.exists(), mark.read_text()
    with open(f"{fetched.folder}/a.txt", "rb") as file:
        assert file.read() == b"$Id$\n$Format:%H$\n"


def test_the_traps_are_set(trap, tmp_path):
    repo, mark = trap
    repo.write({"b.txt": b"x"})
    repo.git("add", "--all")
    assert mark.exists()


def test_objects_of_another_repository_are_not_taken(repo, tmp_path):
    other = repository(tmp_path, "other")
    other.commit({"secret": b"secret"})
    repo.commit({"x": b"x"})
    with open(f"{repo.inner}/objects/info/alternates", "w", encoding="utf-8") as file:
        file.write(f"{other.inner}/objects\n")
    assert "takes objects from another one" in refused(repo, tmp_path, revision="main")


@pytest.mark.parametrize("name", ["replace", "grafts"])
def test_what_replaces_an_object_is_not_obeyed(repo, tmp_path, name):
    first = repo.commit({"x": b"first"})
    second = repo.commit({"x": b"second"})
    if name == "replace":
        repo.git("replace", second, first)
    else:
        with open(f"{repo.inner}/info/grafts", "w", encoding="ascii") as file:
            file.write(f"{second}\n")
    fetched = fetch(repo, tmp_path, "main")
    assert fetched.origin.revision == second
    with open(f"{fetched.folder}/x", "rb") as file:
        assert file.read() == b"second"


# Ends in the middle


FETCHING = """
import sys
from weighbridge.cli.progress import silent
from weighbridge.sources.git import GitRepository
from weighbridge.sources.git_address import parse_address
print("ready", flush=True)
GitRepository(parse_address(sys.argv[1])).fetch(sys.argv[2], silent())
print("done", flush=True)
"""


def running(word):
    """The processes with this word in their arguments."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
            if os.fsencode(word) in file.read():
                found.add(name)
    return found


def eventually(holds):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


@needs("setpriv")
def test_nothing_runs_on_when_we_are_killed(tmp_path):
    into = tmp_path / "killed"
    into.mkdir()
    url = f"ssh://host.example/{os.getpid()}/x"
    # A server that never says anything, and hears when whoever asked is gone.
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\nexec cat > /dev/null\n")
    program.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", FETCHING, f"git+{url}", str(into)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=environ)
    ours = str(process.pid)
    try:
        assert process.stdout.readline() == b"ready\n"
        assert eventually(lambda: running(url) - {ours})
    finally:
        process.kill()
        process.communicate()
    assert eventually(lambda: not running(url))


@needs("setpriv")
def test_nothing_begins_when_we_are_killed_before_the_kernel_was_told_to_follow(tmp_path):
    into = tmp_path / "killed"
    into.mkdir()
    url = f"ssh://host.example/{os.getpid()}/y"
    begun = tmp_path / "begun"
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\ntouch {begun}\nexec cat > /dev/null\n")
    late = tmp_path / "setpriv"
    late.write_text(
        f'#!/bin/sh\nwhile [ ! -e {tmp_path}/gone ]; do sleep 0.05; done\nexec {shutil.which("setpriv")} "$@"\n'
    )
    for program in (ssh, late):
        program.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", FETCHING, f"git+{url}", str(into)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=environ)
    ours = str(process.pid)
    try:
        assert process.stdout.readline() == b"ready\n"
        assert eventually(lambda: running(url) - {ours})
    finally:
        process.kill()
        process.communicate()
        (tmp_path / "gone").touch()
    assert eventually(lambda: not running(url))
    assert not begun.exists()
