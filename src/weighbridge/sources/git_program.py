"""The git program, with everything taken from it that could run something or reach somewhere else.

It is used for what it is best at, the transfer: it checks and unpacks what a server sends. Its settings are ours
alone, in a file that its children read too (also the one that serves a repository on this machine); the system's, the
user's and the environment's are not read, and those of a repository that is fetched from only by the program that
serves it, which takes nothing from them that it would run. There is no working tree, hence no hooks, no filters, no
fsmonitor, no submodules. Memory, processor time, file size and time are bounded.

Sources: git's documentation, SECURITY in git(1), git-upload-pack(1), git-config(1), git(1) on its environment.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager, suppress

from weighbridge.core.errors import FormatError, SourceError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO

GIB = 1024**3
PIECE = 1024 * 1024
_SETTINGS = """\
[core]
	hooksPath = /dev/null
	fsmonitor = false
	untrackedCache = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	bigFileThreshold = 1m
	packedGitWindowSize = 16m
	packedGitLimit = 64m
	deltaBaseCacheLimit = 16m
[protocol]
	allow = never
[protocol "{scheme}"]
	allow = always
[transfer]
	bundleURI = false
	credentialsInUrl = die
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[fetch]
	recurseSubmodules = false
	writeCommitGraph = false
[submodule]
	recurse = false
[credential]
	helper =
	interactive = never
[http]
	followRedirects = false
	lowSpeedLimit = 1000
	lowSpeedTime = 60
[gc]
	auto = 0
[maintenance]
	auto = false
[pack]
	threads = 1
	windowMemory = 64m
[init]
	defaultBranch = none
"""
_SSH = (
    "ssh -F none -oBatchMode=yes -oStrictHostKeyChecking=yes -oPermitLocalCommand=no -oProxyCommand=none "
    "-oForwardAgent=no -oForwardX11=no -oClearAllForwardings=yes -oControlPath=none"
)
"""The user's own ssh settings are not read; the agent, the keys and the known hosts are."""
_LIMITED = 'ulimit -c 0; ulimit -f "$1"; ulimit -t "$2"; ulimit -v "$3"; shift 3; exec "$@"'
_FOLLOWING = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'
"""Asked after the kernel was told to end us with our parent: one that is gone by then is not told of any more."""
_KEPT = ("SSH_AUTH_SOCK", "TMPDIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")


class GitBounds(NamedTuple):
    """What one repository may cost."""

    bytes: int = 256 * GIB
    """Of all files together, and of one pack."""
    expansion: int = 200
    """Bytes of files, those of Git LFS apart, that may come out of one byte of pack beyond the first GIB."""
    seconds: int = 6 * 3600
    """Of one transfer."""
    processor: int = 3600
    """Seconds of processor time of one program: a pack of deltas upon deltas costs nothing else."""
    memory: int = 3 * GIB
    """Address space of one program; of that it touches less than 200 MB, unless it is made to."""
    history: int = 50
    """Commits whose signatures are counted."""
    history_bytes: int = 64 * 1024 * 1024
    """Of the pack that they come in."""
    folders: int = 200_000
    """Trees that are looked into: a few hundred bytes can name more of them than there are atoms."""


class Git(NamedTuple):
    """The program with its settings in `home`, which is ours."""

    program: str
    home: str
    environ: dict[str, str]
    bounds: GitBounds


def git(home: str, scheme: str, bounds: GitBounds, environ: Mapping[str, str]) -> Git:
    """Write the settings into the empty folder `home`. Raises UsageError if there is no git."""
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is not installed", "install git 2.34 or later")
    settings = os.path.join(home, "gitconfig")
    with open(settings, "x", encoding="ascii") as file:
        file.write(_SETTINGS.format(scheme=scheme))
        authorities = environ.get("SSL_CERT_FILE", "")
        if authorities and not set(authorities) & set('"\\\n\0'):
            file.write(f'[http]\n\tsslCAInfo = "{authorities}"\n')
    ours = {
        "PATH": environ.get("PATH", "/usr/bin:/bin"),
        "HOME": home,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": settings,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_SSH_COMMAND": _SSH,
        "GIT_ALLOW_PROTOCOL": scheme,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PROTOCOL_FROM_USER": "0",
    }
    return Git(program, home, ours | {key: environ[key] for key in _KEPT if key in environ}, bounds)


def run(tool: Git, *arguments: str, size: int = 0, seconds: int = 0) -> bytes:
    """Run git and give back its output. Raises SourceError with what it said if it fails or takes too long.

    `size` bounds every file that it writes, and its output.
    """
    with tempfile.TemporaryFile(dir=tool.home) as out, tempfile.TemporaryFile(dir=tool.home) as err:
        process = subprocess.Popen(  # noqa: S603 -- a program that the administrator installed, without a shell's reading
            _words(tool, arguments, size or tool.bounds.bytes),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=tool.environ,
            cwd=tool.home,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds or tool.bounds.seconds)
        except subprocess.TimeoutExpired:
            raise SourceError(f"git {arguments[0]} took too long", "try again, or name a smaller repository") from None
        finally:
            _end(process)
        err.seek(0)
        said = err.read(16 * 1024).decode(errors="replace")
        if status:
            raise SourceError(*_failure("fetch" if "fetch" in arguments else arguments[0], status, said))
        out.seek(0)
        return out.read(256 * 1024 * 1024)


def _words(tool: Git, arguments: tuple[str, ...], size: int) -> list[str]:
    limits = (str(size // 512 + 1), str(tool.bounds.processor), str(tool.bounds.memory // 1024))
    # Where it is there, a program that ends git when we are killed; the children of git end with their pipes.
    follow = shutil.which("setpriv", path=tool.environ["PATH"])
    bound = [follow, "--pdeathsig", "KILL", "/bin/sh", "-c", _FOLLOWING, "sh", str(os.getpid())] if follow else []
    return ["/bin/sh", "-c", _LIMITED, "sh", *limits, *bound, tool.program, *arguments]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it is left: the helpers that it started are in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _failure(command: str, status: int, said: str) -> tuple[str, str]:
    lines = [line for line in said.splitlines() if re.match(r"(fatal|error|remote|ssh|Host key)", line)]
    why = plain("; ".join(lines or said.splitlines()[-1:]), 300) or f"status {status}"
    if "not our ref" in said or "couldn't find remote ref" in said or "no such remote ref" in said:
        return f"the repository does not have what was asked for ({why})", "name a commit, branch or tag that it has"
    if "dubious ownership" in said:
        return "the repository belongs to another user", "copy it, or take the rights over"
    if "terminal prompts disabled" in said or "could not read Username" in said:
        return f"the repository is not public, or not there ({why})", "reach it through git+ssh:// and an agent"
    if status in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ) or "File too large" in said or "signal 25" in said:
        return f"git {command}: the repository is larger than what is taken", "name a smaller one"
    return f"git {command} failed: {why}", "check the address, and that git can reach it"


class Objects:
    """Objects of a repository of ours, each one hashed by us while it is read."""

    def __init__(self, process: subprocess.Popen[bytes], folder: str) -> None:
        if process.stdin is None or process.stdout is None:  # pragma: no cover -- they are pipes
            raise SourceError("git gives no answer", "try again")
        self._ask: IO[bytes] = process.stdin
        self._answer: IO[bytes] = process.stdout
        self.folder = folder

    def read(self, identity: str, kind: str, most: int) -> bytes:
        """A whole object of at most `most` bytes."""
        pieces: list[bytes] = []
        self.copy(identity, kind, most, pieces.append)
        return b"".join(pieces)

    def copy(self, identity: str, kind: str, most: int, take: Callable[[bytes], object]) -> int:
        """Hand an object over piece by piece and give back its size in bytes.

        Raises SourceError if it is missing, of another kind, larger than `most`, or if its bytes have another id.
        """
        from weighbridge.sources.git_objects import algorithm_of, new_hash

        found, size = self._open(identity)
        if found != kind:
            raise SourceError(f"the object {identity} is a {plain(found, 20)} and no {kind}", "ask for a commit")
        if size > most:
            cause = f"the {kind} {identity} has {size} bytes, and {most} more are taken at most"
            raise SourceError(cause, "name a smaller repository")
        state = new_hash(kind, size, algorithm_of(identity))
        left = size
        while left:
            piece = self._answer.read(min(PIECE, left))
            if not piece:
                raise SourceError(f"the {kind} {identity} ends too early", "fetch it again")
            left -= len(piece)
            state.update(piece)
            take(piece)
        self._answer.read(1)
        if state.hexdigest() != identity:
            raise SourceError(f"the bytes of the {kind} {identity} have another id", "do not use this repository")
        return size

    def kind_of(self, identity: str) -> str:
        """What kind of object this is; it is passed over."""
        kind, size = self._open(identity)
        while size > 0:
            size -= len(self._answer.read(min(PIECE, size)))
        self._answer.read(1)
        return kind

    def _open(self, identity: str) -> tuple[str, int]:
        self._ask.write(identity.encode("ascii") + b"\n")
        self._ask.flush()
        words = self._answer.readline(200).split()
        if len(words) != 3 or words[0] != identity.encode():
            raise SourceError(f"the repository lacks the object {identity}", "fetch it again, or name another revision")
        return words[1].decode("ascii"), int(words[2])


@contextmanager
def opened(tool: Git, folder: str) -> Iterator[Objects]:
    """Read objects of the bare repository `folder`, which is one of ours."""
    with tempfile.TemporaryFile(dir=tool.home) as err:
        process = subprocess.Popen(  # noqa: S603 -- as in run
            _words(tool, ("--git-dir", folder, "cat-file", "--batch"), 1 << 20),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            env=tool.environ,
            cwd=tool.home,
            start_new_session=True,
        )
        watch = threading.Timer(tool.bounds.seconds, process.kill)
        watch.daemon = True
        watch.start()
        try:
            yield Objects(process, folder)
        except (BrokenPipeError, FormatError) as error:
            cause = error.cause if isinstance(error, FormatError) else "git ended before it had answered"
            raise SourceError(f"the repository cannot be read: {cause}", "do not use this repository") from error
        finally:
            watch.cancel()
            _end(process)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
