"""Run a program behind the best walls that this machine can build.

    result = run(Program(("/usr/bin/tool", "{model}"), inputs={"model": folder}), Bounds())

Standard output and error come back as bytes, cut at their bound; the program gets no input, no environment and no
home. Whatever happens, an error or Ctrl-C included, nothing of it is left when `run` returns.

What it does not do: hide from the program which files exist by name where only Landlock stands (it may ask for the
size and age of any file, and read none), or keep it from using the processor within its bounds.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress

from weighbridge.core.errors import SandboxError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sandbox import landlock, seccomp
from weighbridge.sandbox.order import Order, Place, as_json
from weighbridge.sandbox.records import KIB, Bounds, Outcome, Outer, Program, Walls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import IO, Any

ORDER: tuple[Outer, ...] = ("bubblewrap", "namespaces", "landlock")
"""Best first: a view of the files that has nothing else in it is better than rights that are taken away."""
MEND = "install bubblewrap, or let users make namespaces (sysctl kernel.unprivileged_userns_clone), or run Linux 5.13"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PROGRAMS = "/usr/bin:/usr/local/bin:/bin"
_SPARE = 10.0
"""Seconds that the warden may take to clear up before it is killed itself."""
_FIRST_USER, _USERS = 61184, 4336
"""Users that systemd keeps for services without one of their own: nobody logs in as them and no file is theirs."""
_REPORT = 64 * KIB


class Refused(NamedTuple):
    """Walls that could not be built, and why."""

    walls: Walls
    why: str


def run(program: Program, bounds: Bounds, *, unsafe: bool = False) -> Outcome:
    """Run `program` behind the first walls that can be built; with `unsafe`, if there are none, without.

    Raises SandboxError if no walls keep network and writes out, or if the program cannot be started.
    """
    refused = []
    for walls in candidates():
        outcome = attempt(program, bounds, walls)
        if isinstance(outcome, Outcome):
            return outcome
        refused.append(outcome)
    if unsafe:
        outcome = attempt(program, bounds, Walls("none", 0, seccomp=False))
        if isinstance(outcome, Outcome):
            return outcome
        refused.append(outcome)
    reasons = "; ".join(f"{entry.walls.outer}: {entry.why}" for entry in refused) or "this kernel offers none"
    raise SandboxError(f"no sandbox can be built here ({reasons})", MEND)


def candidates() -> list[Walls]:
    """Walls that would keep network and writes out, best first, as far as the kernel tells without trying."""
    interface = landlock.version()
    filtered = seccomp.available(os.uname().machine)
    walls = [Walls(outer, interface, filtered) for outer in ORDER]
    return [wall for wall in walls if wall.closed and (wall.outer != "bubblewrap" or _bwrap())]


def attempt(program: Program, bounds: Bounds, walls: Walls) -> Outcome | Refused:
    """Run `program` behind exactly these walls, or say why they cannot be built.

    Raises SandboxError if the walls stand but the program behind them cannot be started.
    """
    with _room() as room:
        order, places = _order(program, bounds, walls, room)
        try:
            said, out, err = _supervised(order, bounds)
        finally:
            if order.user >= 0:
                _take_back(program.outputs.values())
    if "failed" in said:
        if said.get("started"):
            raise SandboxError(f"{order.argv[0]} cannot be started: {said['failed']}", "check the path of the program")
        detail = err.decode(errors="replace").strip().rpartition("\n")[2]
        return Refused(walls, "; ".join(filter(None, (said["failed"], detail[:200]))))
    return Outcome(said["ending"], said["status"], out, err, walls, places)


def open_up(folder: str) -> None:
    """Let everybody read `folder` or that file, a copy of our own in a folder that is closed to others.

    Behind the walls root becomes somebody else, who sees the copy and not the folder around it.
    """
    if not os.path.isdir(folder):
        os.chmod(folder, 0o444)
    for place, folders, names in os.walk(folder):
        os.chmod(place, 0o755)  # noqa: S103 -- that is what it is for
        for name in names:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                os.chmod(path, 0o444)
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(place, name))]


@contextmanager
def _room() -> Iterator[str]:
    """A private folder: the new root is mounted in it, or the program's temporary files are."""
    try:
        folder = tempfile.mkdtemp(prefix="weighbridge-sandbox-")
    except OSError as error:
        raise SandboxError(f"no sandbox can be set up: {error.strerror}", "set TMPDIR to a writable folder") from error
    try:
        os.mkdir(f"{folder}/root", 0o755)
        os.mkdir(f"{folder}/scratch", 0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _order(program: Program, bounds: Bounds, walls: Walls, room: str) -> tuple[Order, dict[str, str]]:
    viewed = walls.outer in ("bubblewrap", "namespaces")
    places = [Place(os.path.realpath(path), os.path.realpath(path), "run") for path in program.needs]
    names: dict[str, str] = {}
    for kind, wanted in (("read", program.inputs), ("write", program.outputs)):
        for name, path in wanted.items():
            host = os.path.realpath(path)
            names[name] = f"/{kind}/{name}/{os.path.basename(host)}" if viewed else host
            places.append(Place(host, names[name], "read" if kind == "read" else "write"))
    # A folder comes before what lies in it, or it would cover that up.
    places.sort(key=lambda place: place.inside.count("/"))
    scratch = "/tmp" if viewed else f"{room}/scratch"  # noqa: S108 -- a folder of its own
    user = _user(viewed, [place.host for place in places])
    if user >= 0:
        os.chmod(room, 0o711)  # noqa: S103 -- to be passed through, not to be looked into
        for folder in (f"{room}/scratch", *program.outputs.values()):
            os.chown(folder, user, user)
    base = {"PATH": "/usr/bin:/bin", "HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8"}
    environ = base | {key: _filled(value, names) for key, value in program.environ.items()}
    order = Order(
        outer=walls.outer,
        landlock=walls.landlock,
        seccomp=walls.seccomp,
        bounds=bounds,
        argv=tuple(_filled(word, names) for word in program.argv),
        environ=environ,
        places=tuple(places),
        scratch=scratch,
        room=room,
        user=user,
        processes=bounds.processes + (_tasks() if user < 0 else 1),
        bwrap=_bwrap() or "",
        python=os.path.realpath(sys.executable),
    )
    return order, names


def _take_back(folders: Iterable[str]) -> None:
    """What the program wrote belongs to us, not to a user that nobody is."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for path in (place, *(os.path.join(place, name) for name in names)):
                os.lchown(path, os.geteuid(), os.getegid())


def _filled(text: str, names: Mapping[str, str]) -> str:
    """`text` with `{NAME}` at its beginning replaced; what follows may be a name from a model and means nothing."""
    for name, place in names.items():
        if text.startswith(f"{{{name}}}"):
            return place + text[len(name) + 2 :]
    return text


def _user(viewed: bool, places: Sequence[str]) -> int:
    """Whom root becomes. Without a view of its own the program must reach its files as that user, or stay root."""
    if os.geteuid() != 0 or not (viewed or all(map(_reachable, places))):
        return -1
    return _FIRST_USER + os.getpid() % _USERS


def _reachable(path: str) -> bool:
    """Whether everybody may read `path` and pass through every folder above it."""
    mode = os.stat(path).st_mode
    if mode & 0o005 != 0o005 and (os.path.isdir(path) or not mode & 0o004):
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True


def _tasks() -> int:
    """Processes and threads that this user has now: some kernels count them all against the limit."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == os.getuid():
                    total += len(os.listdir(f"/proc/{name}/task"))
    return total


def _bwrap() -> str | None:
    """The system's bwrap; never one that PATH or the working folder puts before it."""
    return shutil.which("bwrap", path=_PROGRAMS)


def _supervised(order: Order, bounds: Bounds) -> tuple[dict[str, Any], bytes, bytes]:
    """What the warden reports, and both outputs up to their bound."""
    reader, report = os.pipe()
    start = f"import sys; sys.path.insert(0, {os.path.dirname(_PACKAGE)!r}); "
    start += "from weighbridge.sandbox.warden import main; main()"
    words = [order.python, "-I", "-S", "-B", "-c", start, str(report)]
    try:
        warden = subprocess.Popen(  # noqa: S603 -- our own interpreter and our own code
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(report,),
            start_new_session=True,
            env={},
            cwd="/",
        )
    except OSError as error:
        os.close(reader)
        raise SandboxError(f"no sandbox can be set up: {error.strerror}", "try again with fewer programs") from error
    finally:
        os.close(report)
    try:
        with suppress(BrokenPipeError):
            stdin = _opened(warden.stdin)
            stdin.write(as_json(order).encode() + b"\n")
            stdin.flush()
        out, err, full = _outputs(warden, bounds)
        said = {"ending": "output", "status": 0} if full else _report(reader, warden)
    finally:
        _dismiss(warden)
        os.close(reader)
    return said, out, err


def _outputs(warden: subprocess.Popen[bytes], bounds: Bounds) -> tuple[bytes, bytes, bool]:
    """Both outputs until they end, or until their bound is reached (then the third is true)."""
    stdout, stderr = _opened(warden.stdout), _opened(warden.stderr)
    parts = {stdout.fileno(): bytearray(), stderr.fileno(): bytearray()}
    room = bounds.output
    until = time.monotonic() + bounds.wall_seconds + _SPARE
    with selectors.DefaultSelector() as selector:
        for descriptor in parts:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(1.0):
                piece = os.read(key.fd, min(room + 1, 256 * KIB))
                if not piece:
                    selector.unregister(key.fileobj)
                parts[key.fd] += piece[:room]
                room -= len(piece)
                if room < 0:
                    return bytes(parts[stdout.fileno()]), bytes(parts[stderr.fileno()]), True
    return bytes(parts[stdout.fileno()]), bytes(parts[stderr.fileno()]), False


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for and is therefore there."""
    if stream is None:
        raise SandboxError("a pipe to the warden is missing", "try again")
    return stream


def _report(reader: int, warden: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the warden wrote before it ended; a warden that says nothing failed."""
    import json

    with suppress(subprocess.TimeoutExpired):
        warden.wait(_SPARE)
    if warden.poll() is None:
        return {"failed": "the warden does not answer"}
    said = os.read(reader, _REPORT)
    if not said:
        return {"failed": f"the warden ended with status {warden.returncode}"}
    report: dict[str, Any] = json.loads(said)
    return report


def _dismiss(warden: subprocess.Popen[bytes]) -> None:
    """Close the warden's order, which makes it clear up and end; kill it if it does not."""
    for stream in (warden.stdin, warden.stdout, warden.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    try:
        warden.wait(_SPARE)
    except subprocess.TimeoutExpired:
        warden.kill()
        warden.wait()
