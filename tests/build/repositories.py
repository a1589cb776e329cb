"""Real git repositories with real signatures, made on the spot, always at the same time."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MADE = "2026-03-01T12:00:00+00:00"
"""When every commit says it was made, if not told otherwise."""
GPG_MADE = "20260301T120000!"
KEYS_MADE = "20260101T000000!"


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip on a laptop that lacks one of these programs; continuous integration must have them."""
    missing = [name for name in programs if not shutil.which(name)]
    return pytest.mark.skipif(
        bool(missing) and not os.environ.get("CI"), reason=f"install {', '.join(missing) or 'nothing'}"
    )


class SshKey(NamedTuple):
    """A key pair; `path` is the private half."""

    path: str
    public: str


def ssh_key(folder: Path, name: str = "ada", kind: str = "ed25519", bits: str = "") -> SshKey:
    path = str(folder / f"{name}-{kind}{bits}")
    words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path]
    subprocess.run([*words, *(["-b", bits] if bits else [])], check=True, capture_output=True, timeout=60)
    with open(f"{path}.pub", encoding="ascii") as file:
        return SshKey(path, file.read())


class PgpHome(NamedTuple):
    """A home of gpg with private keys, in a folder whose name is short enough for the agent's socket."""

    folder: str

    def gpg(self, *words: str, data: bytes = b"", at: str = KEYS_MADE) -> bytes:
        command = ["gpg", "--homedir", self.folder, "--batch", "--quiet", "--no-tty", "--faked-system-time", at, *words]
        done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key(self, who: str, life: str = "never") -> str:
        """Make a key and give back its fingerprint."""
        self.gpg("--passphrase", "", "--quick-gen-key", who, "ed25519", "sign", life)
        listed = self.gpg("--with-colons", "--list-keys", who).decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def public(self, name: str) -> str:
        return self.gpg("--armor", "--export", name).decode()

    def revoked(self, fingerprint: str) -> str:
        """The public key with the revocation that its owner would publish; the key in this home stays as it is."""
        with open(f"{self.folder}/openpgp-revocs.d/{fingerprint}.rev", encoding="utf-8") as file:
            revocation = file.read().replace(":-----BEGIN", "-----BEGIN")
        with tempfile.TemporaryDirectory(prefix="wbk", dir="/tmp") as other:
            home = PgpHome(other)
            home.gpg("--import", data=self.public(fingerprint).encode())
            home.gpg("--import", data=revocation.encode(), at=GPG_MADE)
            text = home.public(fingerprint)
            subprocess.run(["gpgconf", "--homedir", other, "--kill", "all"], check=False, timeout=60)
        return text

    def program(self) -> str:
        """A program for git that signs with the keys of this home at the time that all commits are made."""
        path = f"{self.folder}/sign"
        if not os.path.exists(path):
            with open(path, "w", encoding="ascii") as file:
                file.write(f'#!/bin/sh\nexec gpg --homedir {self.folder} --faked-system-time "{GPG_MADE}" "$@"\n')
            os.chmod(path, 0o755)
        return path


@contextmanager
def pgp_home() -> Iterator[PgpHome]:
    with tempfile.TemporaryDirectory(prefix="wbk", dir="/tmp", ignore_cleanup_errors=True) as folder:
        try:
            yield PgpHome(folder)
        finally:
            subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False, timeout=60)


class Repository(NamedTuple):
    """A repository with a working tree."""

    folder: str

    @property
    def address(self) -> str:
        return f"git+file://{self.folder}"

    @property
    def inner(self) -> str:
        return f"{self.folder}/.git"

    def git(self, *words: str, data: bytes = b"", when: str = MADE) -> str:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": self.folder,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
            "LC_ALL": "C",
        }
        done = subprocess.run(
            ["git", "-C", self.folder, *words], input=data, capture_output=True, timeout=60, env=environ, check=False
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def write(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            full = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(content)

    def commit(self, files: dict[str, bytes] | None = None, *words: str, when: str = MADE) -> str:
        """Write these files, commit them, and give back the id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change", *words, when=when)
        return self.git("rev-parse", "HEAD")

    def object(self, kind: str, content: bytes) -> str:
        """Write any object, however broken."""
        return self.git("hash-object", "-t", kind, "--literally", "-w", "--stdin", data=content)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """A tree of (mode, name, id), in this order, whatever git would think of it."""
        content = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(id_) for mode, name, id_ in entries)
        return self.object("tree", content)

    def commit_of(self, tree: str) -> str:
        """A commit of this tree, on the branch `odd`."""
        person = b"Eve <eve@example.invalid> 1772366400 +0000"
        raw = b"tree %b\nauthor %b\ncommitter %b\n\nodd\n" % (tree.encode(), person, person)
        identity = self.object("commit", raw)
        self.git("update-ref", "refs/heads/odd", identity)
        return identity

    def sign_with(self, key: SshKey | str, home: PgpHome | None = None) -> None:
        """Sign everything from now on: with an SSH key, or with a key of a home of gpg."""
        if home is None:
            self.git("config", "gpg.format", "ssh")
            self.git("config", "user.signingKey", key.path)
        else:
            self.git("config", "gpg.format", "openpgp")
            self.git("config", "gpg.program", home.program())
            self.git("config", "user.signingKey", key)
        self.git("config", "commit.gpgSign", "true")
        self.git("config", "tag.gpgSign", "true")

    def use_lfs(self, pattern: str = "*.bin") -> None:
        self.git("lfs", "install", "--local")
        self.git("lfs", "track", pattern)


def repository(folder: Path, name: str = "model", algorithm: str = "sha1") -> Repository:
    made = Repository(str(folder / name))
    os.makedirs(made.folder)
    made.git("init", "--quiet", "--initial-branch=main", f"--object-format={algorithm}")
    made.git("config", "user.name", "Ada")
    made.git("config", "user.email", "ada@example.org")
    return made
