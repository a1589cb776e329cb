"""The peers, each in a virtual environment of its own, and our own package installed as users get it: from a wheel."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from typing import NamedTuple

from corpus import HERE, WORK

ROOT = os.path.dirname(HERE)
OURS = os.path.join(WORK, "ours")
KEY = os.path.join(WORK, "signing-key.pem")


class Peer(NamedTuple):
    """A tool to measure ourselves against. In `command`: {bin} its programs, {path} the input, {scratch}, {key}."""

    name: str
    version: str
    command: tuple[str, ...]
    besides: tuple[str, ...] = ()

    @property
    def requirements(self) -> tuple[str, ...]:
        return (f"{self.name}=={self.version}", *self.besides)


PEERS = {
    peer.name: peer
    for peer in (
        # It reads NumPy files with NumPy, which whoever has such files has, and does not require it.
        Peer("picklescan", "1.0.5", ("{bin}/picklescan", "-p", "{path}"), ("numpy==2.4.6",)),
        Peer("modelscan", "0.8.8", ("{bin}/modelscan", "scan", "-p", "{path}")),
        # It imports typing_extensions without requiring it on every Python.
        Peer("fickling", "0.1.12", ("{bin}/fickling", "--check-safety", "{path}"), ("typing_extensions==4.16.0",)),
        # It reads ONNX with the package of that name, which it does not require.
        Peer("modelaudit", "0.2.54", ("{bin}/modelaudit", "scan", "--no-cache", "{path}"), ("onnx==1.23.2",)),
        Peer(
            "model-signing",
            "1.1.1",
            (
                "{bin}/model_signing",
                "sign",
                "key",
                "--private_key",
                "{key}",
                "--signature",
                "{scratch}/model.sig",
                "{path}",
            ),
            ("pyopenssl==26.4.0",),
        ),
    )
}
QUICK = ("picklescan", "model-signing")


def peer_bin(name: str) -> str:
    """The folder of a peer's programs."""
    return os.path.join(WORK, "peers", name, "bin")


def prepare_peer(peer: Peer) -> None:
    """Install a peer, unless this very version of it is there. Raises CalledProcessError if pip cannot."""
    folder = os.path.dirname(peer_bin(peer.name))
    _environment(folder, list(peer.requirements), json.dumps(peer.requirements))
    if peer.name == "model-signing" and not os.path.exists(KEY):
        _make_key(os.path.join(folder, "bin", "python"))


def prepare_ours() -> None:
    """Build our wheel from a copy of the sources and install it, byte-compiled, unless these sources are installed."""
    stamp = _sources()
    if _stamped(OURS) == stamp:
        return
    copy = os.path.join(WORK, "build")
    shutil.rmtree(copy, ignore_errors=True)
    os.makedirs(copy)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if os.path.exists(os.path.join(ROOT, name)):
            shutil.copy(os.path.join(ROOT, name), copy)
    if not os.path.exists(os.path.join(copy, "README.md")):
        open(os.path.join(copy, "README.md"), "w").close()
    for name in ("src", "packs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(os.path.join(ROOT, name), os.path.join(copy, name), ignore=ignored)
    _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", copy, copy)
    (wheel,) = (os.path.join(copy, name) for name in os.listdir(copy) if name.endswith(".whl"))
    _environment(OURS, [wheel], stamp)
    shutil.rmtree(copy)


def _sources() -> str:
    """A digest of everything that the wheel is made of."""
    digest = hashlib.sha256()
    paths = [os.path.join(ROOT, "pyproject.toml")]
    for at, folders, names in os.walk(os.path.join(ROOT, "src")):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        paths += [os.path.join(at, name) for name in sorted(names)]
    for path in paths:
        digest.update(os.path.relpath(path, ROOT).encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def _environment(folder: str, requirements: list[str], stamp: str) -> None:
    if _stamped(folder) == stamp:
        return
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    _pip(os.path.join(folder, "bin", "python"), "install", *requirements)
    with open(os.path.join(folder, "stamp"), "w", encoding="utf-8") as file:
        file.write(stamp)


def _stamped(folder: str) -> str:
    try:
        with open(os.path.join(folder, "stamp"), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _pip(python: str, *arguments: str) -> None:
    # Without this variable pip leaves byte-code, as on a user's machine; with it every start would compile.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-m", "pip", "-qq", "--no-input", "--disable-pip-version-check", *arguments]
    subprocess.run(command, env=variables, check=True, stdout=sys.stderr)


def _make_key(python: str) -> None:
    """A throw-away P-256 key for the signing peer."""
    program = (
        "import sys; from cryptography.hazmat.primitives.asymmetric import ec; "
        "from cryptography.hazmat.primitives import serialization as s; "
        "key = ec.generate_private_key(ec.SECP256R1()); "
        "open(sys.argv[1], 'wb').write(key.private_bytes("
        "s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))"
    )
    subprocess.run([python, "-c", program, KEY], check=True)
