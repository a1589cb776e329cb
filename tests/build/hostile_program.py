"""A program that tries to get out of the sandbox. Run inside it: python hostile_program.py DEED JSON.

It is handed what it needs to know of the host, so that nothing but the walls stands in its way, and does no harm where
there are none: it talks to listeners of the test, writes into folders of the test, and ends what it started.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import time


def tried(deed, *arguments):
    """What came of one attempt: its result as text, or the kind of error."""
    try:
        return f"done {deed(*arguments)!r}"[:200]
    except Exception as error:
        return type(error).__name__


def connect(family, kind, address):
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(address)
        client.send(b"out")
        return "sent"


def connect_again(kind, address):
    """One of a pair of datagram sockets, which are connected to each other until they are connected anew."""
    one, _ = socket.socketpair(socket.AF_UNIX, kind)
    one.connect(address)
    one.send(b"out")
    return "sent"


def attach(number):
    """Shared memory of somebody else, by its number alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    place = libc.shmat(number, None, 0)
    if place in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "shmat")
    return ctypes.string_at(place, 10)


def append(path):
    with open(path, "ab") as file:
        file.write(b"changed")


def create(path):
    with open(path, "xb") as file:
        file.write(b"new")


def read(path):
    with open(path, "rb") as file:
        return file.read(100)


def system_call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
    return 0


def escape(host):
    """Everything that must fail."""
    abstract = "\0" + host["abstract"]
    attempts = {
        "tcp": (connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", host["tcp"])),
        "udp": (connect, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", host["udp"])),
        "tcp 6": (connect, socket.AF_INET6, socket.SOCK_STREAM, ("::1", host["tcp6"])),
        "abstract socket": (connect, socket.AF_UNIX, socket.SOCK_STREAM, abstract),
        "socket file": (connect, socket.AF_UNIX, socket.SOCK_STREAM, host["socket"]),
        "datagram to a socket file": (connect_again, socket.SOCK_DGRAM, host["datagrams"]),
        "raw datagram to a socket file": (connect_again, socket.SOCK_RAW, host["datagrams"]),
        "datagram to an abstract socket": (connect_again, socket.SOCK_DGRAM, "\0" + host["abstract datagrams"]),
        "shared memory of another process": (attach, host["shared memory"]),
        "dns": (socket.getaddrinfo, "example.org", 80),
        "raw socket": (socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0),
        "append to the input": (append, host["input"]),
        "create beside the input": (create, os.path.join(os.path.dirname(host["input"]), "new")),
        "remove the input": (os.unlink, host["input"]),
        "chmod the input": (os.chmod, host["input"], 0o777),
        "append to a file of the host": (append, host["secret"]),
        "chmod a file of the host": (os.chmod, host["secret"], 0o777),
        "date a file of the host": (os.utime, host["secret"], (1, 1)),
        "truncate a file of the host": (os.truncate, host["secret"], 0),
        "create in a folder of the host": (create, os.path.join(host["home"], "new")),
        "link a file of the host": (os.link, host["secret"], os.path.join(os.environ["TMPDIR"], "link")),
        "write to the system": (create, "/usr/new"),
        "write beside everything": (create, "/new"),
        "read a secret": (read, host["secret"]),
        "list the home": (os.listdir, host["home"]),
        "read passwords": (read, "/etc/passwd"),
        "read the environment of another process": (read, f"/proc/{host['process']}/environ"),
        "read the memory of another process": (read, f"/proc/{host['process']}/mem"),
        "signal another process": (os.kill, host["process"], 0),
        "become root": (os.setuid, 0),
        "a namespace": (system_call, "unshare", 0x10000000 | 0x00020000),
        "mount": (system_call, "mount", b"none", os.environ["TMPDIR"].encode(), b"tmpfs", 0, None),
        "trace another process": (system_call, "ptrace", 16, host["process"], 0, 0),
    }
    return {name: tried(*attempt) for name, attempt in attempts.items()}


def ordinary(host):
    """What must work: reading the input, temporary files, threads, a child, a pair of sockets, the output."""
    import subprocess
    import tempfile
    import threading

    left, right = socket.socketpair()
    left.send(b"pair")
    with tempfile.TemporaryFile() as file:
        file.write(b"temporary")
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()
    create(os.path.join(host["output"], "made"))
    return {
        "input": read(host["input"]).decode(),
        "pair": right.recv(9).decode(),
        "child": subprocess.run(["/bin/echo", "child"], capture_output=True, check=True).stdout.decode(),
        "environment": dict(os.environ),
        "user": os.getuid(),
        "descriptors": tried(os.listdir, "/proc/self/fd"),
    }


def spin(_):
    while True:
        pass


def sleep(host):
    print("asleep", flush=True)
    time.sleep(host.get("seconds", 60))


def fill_memory(_):
    held = []
    while True:
        held.append(bytearray(8 << 20))


def fill_memory_together(_):
    """Each process stays below the bound; together they do not."""
    for _ in range(20):
        if os.fork() == 0:
            held = bytearray(os.urandom(1) * (40 << 20))
            time.sleep(30)
            os._exit(len(held) % 2)
    time.sleep(30)


def fill_output(_):
    while True:
        os.write(1, b"x" * 65536)


def fill_scratch(_):
    for number in range(1000):
        with open(os.path.join(os.environ["TMPDIR"], str(number)), "wb") as file:
            file.write(bytes(1 << 20))
            file.flush()
    time.sleep(30)


def fill_one_file(_):
    with open(os.path.join(os.environ["TMPDIR"], "one"), "wb") as file:
        for _ in range(1000):
            file.write(bytes(1 << 20))


def fill_memory_of_nobody(_):
    """Memory in files that are in no folder."""
    for _ in range(20):
        descriptor = os.memfd_create("held")
        for _ in range(12):
            os.write(descriptor, bytes(1 << 20) + b"x")
        time.sleep(0.01)
    time.sleep(5)


def fill_shared_memory(_):
    """Memory that stays when it is let go."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmdt.argtypes = [ctypes.c_void_p]
    for _ in range(20):
        number = libc.shmget(0, 12 << 20, 0o1600)
        if number < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        place = libc.shmat(number, None, 0)
        ctypes.memset(place, 1, 12 << 20)
        libc.shmdt(place)
        time.sleep(0.01)
    time.sleep(5)


def fill_nameless_files(host):
    """Files that are removed while they are open."""
    held = []
    for number in range(40):
        path = os.path.join(host["output"], str(number))
        held.append(os.open(path, os.O_WRONLY | os.O_CREAT))
        os.unlink(path)
        os.write(held[-1], bytes(1 << 20))
    time.sleep(5)


def fill_deep_folders(host):
    """Files further down than any path reaches."""
    os.chdir(host["output"])
    for _ in range(30):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    for number in range(40):
        with open(str(number), "wb") as file:
            file.write(bytes(1 << 20))
    time.sleep(5)


def fill_with_names(host):
    """Folders that hold nothing."""
    for place in (host["output"], os.environ["TMPDIR"]):
        for number in range(6000):
            os.mkdir(os.path.join(place, f"{number}-of-them"))
    time.sleep(5)


def dig(host):
    """A child without the signal at its parent's death, and folders so deep that whoever walks down them falls."""
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", host["mark"]])
    os.chdir(host["output"])
    for _ in range(2500):
        os.mkdir("d")
        os.chdir("d")
    time.sleep(host.get("seconds", 0))


def multiply(host):
    """A fork bomb with a bottom: a dot for each process that it could start, and every one ends by itself."""
    for _ in range(host["most"]):
        try:
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
        except OSError:
            break
        os.write(1, b".")
    time.sleep(host.get("seconds", 0))


def leave_behind(host):
    """A grandchild in a session of its own, deaf to polite signals, with a name that the test looks for."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            for descriptor in (0, 1, 2) if host.get("quiet") else ():
                os.close(descriptor)
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", host["mark"]])
        os._exit(0)
    os.wait()
    time.sleep(host.get("seconds", 0.2))
    print("left one behind", flush=True)


if __name__ == "__main__":
    said = globals()[sys.argv[1]](json.loads(sys.argv[2]))
    if said is not None:
        print(json.dumps(said))
