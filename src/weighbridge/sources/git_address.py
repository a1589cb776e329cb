"""How a git repository is written: `git+https://host/repo@revision`, `git+file:///path@revision`, `git+ssh://…`.

A place is written in one way only, because the trust store compares it with patterns: host in lower case, no user
name and password, no query, no dots that lead upwards, no `.git` at the end.
"""

from __future__ import annotations

import os
import re

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import NamedTuple

SCHEMES = ("https", "http", "ssh", "file")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_LOOPBACK = ("localhost", "127.0.0.1")
_REVISION = re.compile(r"(?!-|/|.*(?:\.\.|@\{|//|/\.|\.lock$|/$|\.$))[^\x00-\x20\x7f~^:?*\[\\]{1,250}")


class Address(NamedTuple):
    """A repository and what is wanted of it; `revision` is empty for the branch that its HEAD names."""

    scheme: str
    user: str
    host: str
    port: str
    path: str
    revision: str

    @property
    def place(self) -> str:
        """The one way to write the repository; it has no secret in it."""
        path = self.path.removesuffix("/").removesuffix(".git")
        return f"git+{self.scheme}://{self.host}{self.port}{path}"

    @property
    def url(self) -> str:
        """What git is given."""
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self.host}{self.port}{self.path}"

    @property
    def name(self) -> str:
        """What people call the repository."""
        return self.path.rstrip("/").rpartition("/")[2].removesuffix(".git") or "repository"


def parse_address(text: str) -> Address:
    """Raises UsageError for anything that git could take for another place, or for an option."""
    shown = plain(text, 120)
    scheme, sign, rest = text.removeprefix("git+").partition("://")
    if not text.startswith("git+") or not sign or scheme not in SCHEMES:
        raise UsageError(f"{shown!r} is no git repository", "write git+https://HOST/PATH@REVISION")
    authority, slash, path = rest.partition("/")
    path, at, revision = (slash + path).partition("@")
    if at and not _REVISION.fullmatch(revision):
        raise UsageError(f"{plain(revision, 80)!r} names no commit, branch or tag", "write its full name after the @")
    user, _, place = authority.rpartition("@")
    host, colon, port = place.lower().partition(":")
    if user and (scheme != "ssh" or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", user)):
        raise UsageError(
            f"the address of {plain(host, 80)!r} has a user name or a password in it",
            "leave it out: a repository that is not public is reached through git+ssh:// and an agent",
        )
    if scheme == "file":
        if authority:
            raise UsageError(f"{shown!r} names a host, but files are on this machine", "write git+file:///PATH")
    elif not _HOST.fullmatch(host) or (colon and not re.fullmatch(r"[1-9]\d{0,4}", port)):
        raise UsageError(f"{plain(place, 80)!r} is no host", "write git+https://HOST/PATH@REVISION")
    if scheme == "http" and host not in _LOOPBACK:
        raise UsageError(f"{shown!r} is not encrypted: anybody in between could change it", "write git+https://")
    _check_path(path.replace(" ", "") if scheme == "file" else path, shown)
    if scheme == "ssh" and not re.fullmatch(r"[A-Za-z0-9._~/+-]+", path):
        raise UsageError(f"{shown!r} has a path that a shell could misread", "use its git+https:// address")
    port = "" if (scheme, port) in (("https", "443"), ("ssh", "22"), ("http", "80")) else port
    return Address(scheme, user, host, f":{port}" if port else "", path.rstrip("/"), revision)


def _check_path(path: str, shown: str) -> None:
    parts = path.strip("/").split("/")
    odd = any(part in ("", ".", "..") for part in parts)
    # What git would percent-decode is refused, so that no place has two names.
    if odd or re.search(r"[\x00-\x20\x7f%?#\\]", path) or path.startswith("//"):
        raise UsageError(
            f"{shown!r} has a path that can be read in two ways", "write it without .., //, %, ? and #, and in full"
        )


def git_folder(path: str) -> str:
    """The folder with objects and refs of a repository on this machine: itself if bare, `.git`, or what that names.

    Raises UsageError if there is none.
    """
    inner = os.path.join(path, ".git")
    if os.path.isdir(inner):
        return inner
    if os.path.isfile(inner):
        with open(inner, "rb") as file:
            named = os.fsdecode(file.read(4096)).removeprefix("gitdir: ").rstrip("\n")
        folder = os.path.join(path, named)
        try:
            with open(os.path.join(folder, "commondir"), "rb") as file:
                folder = os.path.join(folder, os.fsdecode(file.read(4096)).rstrip("\n"))
        except FileNotFoundError:
            pass
        return os.path.normpath(folder)
    if os.path.isdir(os.path.join(path, "objects")) and os.path.isfile(os.path.join(path, "HEAD")):
        return path
    raise UsageError(f"{plain(path)!r} is no git repository", "name the folder that has .git in it")
