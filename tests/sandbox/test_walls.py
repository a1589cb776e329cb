"""The walls, tried by a program that wants to get out. Every combination that this machine has, as root and as nobody."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from build import behind_walls
from build.behind_walls import Result
from build.missing import missing
from weighbridge.core.errors import SandboxError
from weighbridge.sandbox import landlock, probe, run, seccomp, tree
from weighbridge.sandbox.records import MIB, Bounds, Program, Walls

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = os.path.join(behind_walls.HERE, "hostile_program.py")
LANDLOCK = landlock.version()
SECCOMP = seccomp.available(os.uname().machine)
FULL = [Walls(outer, LANDLOCK, SECCOMP) for outer in run.ORDER]
BARE = [Walls("bubblewrap", 0, seccomp=False), Walls("namespaces", 0, seccomp=False)]
SMALL = {"wall_seconds": 20, "memory": 256 * MIB, "processes": 24, "output": MIB, "scratch": 16 * MIB}
PYTHON = "/usr/bin/python3"
"""The interpreter inside: the system's, which every view has."""

pytestmark = pytest.mark.skipif(not os.path.exists(PYTHON), reason="the hostile program needs the system's python3")


def name_of(walls: Walls) -> str:
    return walls.text.replace(", ", "+")


class Place(NamedTuple):
    """A folder that everybody can reach, with a model, an output, a home with a secret, and who looks at it."""

    path: Path
    nobody: bool

    def said(self, walls: Walls, deed: str, host: dict[str, Any], bounds: dict[str, Any]) -> str:
        if not LANDLOCK and walls.outer == "landlock":
            pytest.skip("this kernel has no Landlock")
        if walls.outer == "bubblewrap" and not shutil.which("bwrap"):
            missing("bubblewrap is not installed")
        inputs = {"model": str(self.path / "model"), "deeds": str(self.path / "deeds")}
        seen = {
            name: str(path) if walls.outer in ("landlock", "none") else f"/read/{name}/{name}"
            for name, path in inputs.items()
        }
        out = str(self.path / "output") if walls.outer in ("landlock", "none") else "/write/output/output"
        host = {"input": f"{seen['model']}/weights", "output": out, **host}
        argv = [PYTHON, "-I", f"{seen['deeds']}/hostile_program.py", deed, json.dumps(host)]
        program = {"argv": argv, "inputs": inputs, "outputs": {"output": str(self.path / "output")}}
        return behind_walls.order(program, {**SMALL, **bounds}, walls)

    def start(self, said: str) -> Any:
        python = behind_walls.python_for_everybody() if self.nobody else sys.executable
        return behind_walls.started(said, str(python), str(self.path / "code"), nobody=self.nobody)

    def run(self, walls: Walls, deed: str, host: dict[str, Any] | None = None, **bounds: Any) -> Result:
        said = self.said(walls, deed, host or {}, bounds)
        result = behind_walls.finished(self.start(said)) if self.nobody else behind_walls.attempted(said)
        if result.refused:
            pytest.skip(f"{walls.outer} cannot be had here: {result.refused}")
        return result

    def snapshot(self) -> dict[str, Any]:
        entries = {}
        for path in sorted(self.path.rglob("*")):
            state = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            entries[str(path)] = (content, state.st_mode, state.st_uid, state.st_mtime)
        return entries


@pytest.fixture(params=["ourselves", "nobody"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    nobody = request.param == "nobody"
    if nobody and os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    if nobody and behind_walls.python_for_everybody() is None:
        pytest.skip("no Python that everybody can start")
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-test-"))
    folder.chmod(0o755)
    for name in ("model", "output", "home", "deeds", "code"):
        (folder / name).mkdir()
    (folder / "model" / "weights").write_text("the weights")
    (folder / "home" / "secret").write_text("the secret")
    (folder / "home" / "secret").chmod(0o644)
    shutil.copy(HOSTILE, folder / "deeds")
    for name in ("model", "deeds"):
        run.open_up(str(folder / name))
    behind_walls.copy_for_everybody(str(folder / "code"))
    if nobody:
        for name in ("home", "home/secret", "output", "model", "model/weights"):
            os.chown(folder / name, behind_walls.NOBODY, behind_walls.NOBODY)
    yield Place(folder, nobody)
    shutil.rmtree(folder)


@contextmanager
def shared_memory() -> Iterator[int]:
    """The number of a piece of memory that everybody of this machine may read."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.shmget(0, 4096, 0o1666)
    assert number >= 0
    yield number
    libc.shmctl(number, 0, None)


@pytest.fixture
def listeners(place: Place) -> Iterator[tuple[dict[str, Any], dict[str, socket.socket]]]:
    """Sockets of the host of every kind, and what a program needs to know to reach them."""
    with ExitStack() as stack:
        opened = {}
        for name, family, kind, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0weighbridge-{os.getpid()}"),
            ("socket", socket.AF_UNIX, socket.SOCK_STREAM, str(place.path / "home" / "socket")),
            ("datagrams", socket.AF_UNIX, socket.SOCK_DGRAM, str(place.path / "home" / "datagrams")),
            ("abstract datagrams", socket.AF_UNIX, socket.SOCK_DGRAM, f"\0weighbridge-datagrams-{os.getpid()}"),
        ):
            server = stack.enter_context(socket.socket(family, kind))
            try:
                server.bind(address)
            except OSError:
                assert name == "tcp6"
                opened[name] = opened["tcp"]
                continue
            if kind == socket.SOCK_STREAM:
                server.listen()
            server.setblocking(False)
            opened[name] = server
        for name in ("socket", "datagrams"):
            (place.path / "home" / name).chmod(0o777)
        told = {name: opened[name].getsockname()[1] for name in ("tcp", "udp", "tcp6")}
        told |= {"abstract": f"weighbridge-{os.getpid()}", "socket": str(place.path / "home" / "socket")}
        told |= {"datagrams": str(place.path / "home" / "datagrams")}
        told |= {"abstract datagrams": f"weighbridge-datagrams-{os.getpid()}"}
        told["shared memory"] = stack.enter_context(shared_memory())
        told |= {
            "process": os.getpid(),
            "home": str(place.path / "home"),
            "secret": str(place.path / "home" / "secret"),
        }
        yield told, opened


HARMLESS = {"become root", "a namespace", "mount", "raw socket", "udp"}
"""Where namespaces stand without a filter, what is done inside them has no effect outside, and that is tested."""


@pytest.mark.parametrize("walls", FULL + BARE, ids=name_of)
def test_nothing_gets_out(walls: Walls, place: Place, listeners: Any) -> None:
    told, opened = listeners
    before = place.snapshot()
    tried = place.run(walls, "escape", told).json()
    passed = {name for name, outcome in tried.items() if outcome.startswith("done")}
    allowed = set() if walls.seccomp else HARMLESS
    assert passed <= allowed, {name: tried[name] for name in passed}
    assert place.snapshot() == before
    for server in opened.values():
        with pytest.raises(BlockingIOError):
            server.recv(9) if server.type == socket.SOCK_DGRAM else server.accept()
    assert not os.path.exists("/usr/new")
    assert not os.path.exists("/new")


@pytest.mark.parametrize("walls", FULL + BARE, ids=name_of)
def test_honest_work_goes_on(walls: Walls, place: Place) -> None:
    said = place.run(walls, "ordinary").json()
    assert (said["input"], said["pair"], said["child"]) == ("the weights", "pair", "child\n")
    assert set(said["environment"]) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE"}
    assert said["user"] != 0
    if walls.outer != "landlock":
        assert said["descriptors"].count("'") // 2 <= 6, "a descriptor of ours is open in the program"
    assert (place.path / "output" / "made").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("deed", "bounds", "endings"),
    [
        ("sleep", {"wall_seconds": 0.5}, {"time"}),
        ("spin", {"cpu_seconds": 1}, {"cpu", "signal"}),
        ("fill_memory", {}, {"exit", "memory"}),
        ("fill_memory_together", {}, {"memory"}),
        ("fill_output", {}, {"output"}),
        ("fill_scratch", {}, {"exit", "scratch"}),
        ("fill_one_file", {}, {"exit", "scratch", "signal"}),
        ("fill_memory_of_nobody", {"memory": 128 * MIB}, {"exit", "memory"}),
        ("fill_shared_memory", {"memory": 128 * MIB}, {"exit", "memory"}),
        ("fill_nameless_files", {}, {"scratch"}),
        ("fill_deep_folders", {}, {"scratch"}),
        ("fill_with_names", {}, {"exit", "scratch"}),
    ],
)
@pytest.mark.parametrize("walls", FULL, ids=name_of)
def test_every_bound_holds(walls: Walls, place: Place, deed: str, bounds: dict[str, Any], endings: set[str]) -> None:
    if place.nobody and deed not in ("fill_memory_together", "fill_scratch"):
        pytest.skip("the same for everybody")
    began = time.monotonic()
    result = place.run(walls, deed, **bounds)
    assert result.ending in endings, result
    if result.ending == "exit":
        assert result.status == 1
        refused = ("MemoryError", "No space left", "File too large", "Function not implemented", "shmget")
        assert any(reason in result.err for reason in refused)
    assert len(result.out) <= MIB
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("seconds", [0, 5])
@pytest.mark.parametrize("walls", FULL, ids=name_of)
def test_folders_without_an_end_stop_nobody_who_clears_up(walls: Walls, place: Place, seconds: int) -> None:
    """They are met while the program runs, or afterwards when what it wrote is given back and taken away."""
    mark = f"mark-{os.getpid()}-{walls.outer}-dig-{seconds}"
    result = place.run(walls, "dig", {"mark": mark, "seconds": seconds})
    assert result.ending in ({"scratch"} if seconds else {"scratch", "exit"}), result
    assert marked(mark) == []
    tree.remove(str(place.path / "output"))
    assert not (place.path / "output").exists()


@pytest.mark.parametrize("walls", FULL, ids=name_of)
def test_a_fork_bomb_is_bounded(walls: Walls, place: Place) -> None:
    """By the kernel: what was there of this user before may be added, and root is somebody who has nothing else."""
    result = place.run(walls, "multiply", {"most": 2000, "seconds": 0.5})
    assert result.ending in ("processes", "exit"), result
    before = 0 if os.geteuid() == 0 and not place.nobody else 200
    assert 0 < result.out.count(".") <= SMALL["processes"] + before


def marked(mark: str) -> list[int]:
    """Processes that carry this mark."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in words:
                found.append(int(name))
    return found


def gone(mark: str) -> bool:
    until = time.monotonic() + 5
    while marked(mark):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("walls", [*FULL, Walls("none", 0, seccomp=False)], ids=name_of)
def test_no_child_is_left_behind(walls: Walls, place: Place) -> None:
    mark = f"mark-{os.getpid()}-{walls.outer}"
    result = place.run(walls, "leave_behind", {"mark": mark})
    assert (result.ending, result.out) == ("exit", "left one behind\n")
    assert marked(mark) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("walls", FULL, ids=name_of)
def test_cancelling_leaves_nothing_behind(walls: Walls, place: Place, number: signal.Signals) -> None:
    mark = f"mark-{os.getpid()}-{walls.outer}-{number}"
    child = place.start(place.said(walls, "leave_behind", {"mark": mark, "seconds": 30}, {}))
    until = time.monotonic() + 30
    while not marked(mark) and child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    if not marked(mark):
        child.kill()
        child.communicate()
        pytest.skip(f"{walls.outer} cannot be had here")
    child.send_signal(number)
    child.communicate(timeout=20)
    assert gone(mark)


def test_this_machine_has_walls() -> None:
    """On a laptop without any the other tests skip; where everything runs, that would hide that nothing was tried."""
    if os.environ.get("CI"):
        assert run.candidates()


def test_doctor_says_which_walls_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    from build.running import command

    text = command("doctor").out
    document = command("doctor", "--format", "json").json()
    assert [wall["outer"] for wall in document["walls"]] == list(run.ORDER)
    (sandbox,) = (check for check in document["checks"] if check["name"] == "sandbox")
    assert sandbox["well"] == any(wall["stands"] for wall in document["walls"])
    assert all(f"{wall['outer']}: " in text for wall in document["walls"])
    monkeypatch.setattr(probe, "candidates", list)
    without = command("doctor").out
    assert "MISS  sandbox" in without
    assert "install bubblewrap" in without


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("alone", [True, False])
def test_the_filter_has_whole_instructions_and_jumps_that_stay_inside(machine: str, alone: bool) -> None:
    code = seccomp.program(machine, alone=alone, signals=not alone)
    assert len(code) % 8 == 0
    instructions = [struct.unpack("=HBBI", code[at : at + 8]) for at in range(0, len(code), 8)]
    assert len(instructions) < 4096
    for at, (operation, if_true, if_false, _) in enumerate(instructions):
        if operation != 0x06:
            assert at + 1 + max(if_true, if_false) < len(instructions)
    assert instructions[-1] == (0x06, 0, 0, 0x7FFF0000)


def test_walls_that_leave_the_network_open_are_not_closed() -> None:
    assert Walls("bubblewrap", 0, seccomp=False).closed
    assert Walls("landlock", 4, seccomp=True).closed
    assert not Walls("landlock", 7, seccomp=False).closed
    assert not Walls("landlock", 0, seccomp=True).closed
    assert not Walls("none", 7, seccomp=True).closed


def test_a_program_that_is_not_there_is_an_error_and_not_a_missing_wall() -> None:
    if not run.candidates():
        pytest.skip("no sandbox here")
    with pytest.raises(SandboxError, match="cannot be started"):
        run.run(Program(("/nonexistent",)), Bounds(wall_seconds=5))


def test_names_in_braces_are_replaced_at_the_beginning_only() -> None:
    """What follows may come from a model."""
    names = {"model": "/m", "rules": "/r"}
    assert run._filled("{model}/{rules}", names) == "/m/{rules}"
    assert run._filled("x{model}", names) == "x{model}"
