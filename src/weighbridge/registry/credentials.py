"""Whose name we go by at a registry: what `docker login`, `podman login` or a credential helper keep, or Azure knows.

Looked into in this order, the first that knows the host wins; nothing is ever written:

    $REGISTRY_AUTH_FILE
    $DOCKER_CONFIG/config.json, else ~/.docker/config.json
    $XDG_RUNTIME_DIR/containers/auth.json, else ~/.config/containers/auth.json

    {"auths": {HOST: {"auth": base64(USER:PASSWORD), "identitytoken"}},
     "credHelpers": {HOST: NAME}, "credsStore": NAME}

A helper is the program `docker-credential-NAME`: `get`, the host on its standard input, and back
`{"Username", "Secret"}`, where the user `<token>` means that the secret is an identity token.
Sources: github.com/docker/docker-credential-helpers, README.md; containers-auth.json(5).
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess

from weighbridge.core.azure_identity import azure_identity
from weighbridge.core.errors import RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, Protocol
from weighbridge.registry.tokens import Credential, Sender, exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from weighbridge.core.settings import RegistrySetting

MAX_FILE = 1024 * 1024
HELPER_SECONDS = 30
AUDIENCE = "https://containerregistry.azure.net/.default"
"""What a token of Microsoft Entra ID must be for, to be exchanged at a container registry."""
AZURE_HOSTS = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
DOCKER_HUB = ("docker.io", "registry-1.docker.io", "index.docker.io")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class EntraToken(Protocol):
    """A token as azure-identity gives it."""

    @property
    def token(self) -> str: ...


class Identity(Protocol):
    """What azure-identity's credentials do."""

    def get_token(self, *scopes: str) -> EntraToken: ...


def credential_for(
    host: str,
    origin: str,
    setting: RegistrySetting,
    environ: Mapping[str, str],
    identity: Callable[[], Identity] | None = None,
) -> Callable[[Sender], Credential | None]:
    """How to find the credential of a host when it is needed; None is what it gives if there is none.

    `identity` makes the Azure identity (default: `DefaultAzureCredential`).
    """

    def find(send: Sender) -> Credential | None:
        if setting.login == "anonymous":
            return None
        stored = None if setting.login == "azure" else stored_credential(host, environ)
        wanted = setting.login == "azure" or (setting.login == "auto" and host.endswith(AZURE_HOSTS))
        if stored is not None or not wanted:
            return stored
        return exchange(send, origin, host, _entra_token((identity or _default_identity)()))

    return find


def stored_credential(host: str, environ: Mapping[str, str]) -> Credential | None:
    """What a file or a helper of docker or podman knows of a host. Raises RegistryError if one of them is broken."""
    for path in _files(environ):
        document = _read(path)
        if document is None:
            continue
        for key in _keys(host):
            helper = _text(document.get("credHelpers"), key)
            if helper:
                return _from_helper(helper, key, environ)
        entries = document.get("auths")
        for key in _keys(host):
            entry = entries.get(key) if isinstance(entries, dict) else None
            if isinstance(entry, dict) and (found := _from_entry(entry, path)) is not None:
                return found
        store = document.get("credsStore")
        if isinstance(store, str) and store:
            for key in _keys(host):
                if (found := _from_helper(store, key, environ)) is not None:
                    return found
    return None


def _files(environ: Mapping[str, str]) -> Iterator[str]:
    home = environ.get("HOME", "")
    if environ.get("REGISTRY_AUTH_FILE"):
        yield environ["REGISTRY_AUTH_FILE"]
    if environ.get("DOCKER_CONFIG"):
        yield os.path.join(environ["DOCKER_CONFIG"], "config.json")
    elif home:
        yield os.path.join(home, ".docker", "config.json")
    if environ.get("XDG_RUNTIME_DIR"):
        yield os.path.join(environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    if home:
        yield os.path.join(home, ".config", "containers", "auth.json")


def _keys(host: str) -> tuple[str, ...]:
    """The names under which a host may stand in the files."""
    names = [host, f"https://{host}", f"https://{host}/", f"https://{host}/v1/", f"https://{host}/v2/"]
    if host in DOCKER_HUB:
        names += ["docker.io", "https://index.docker.io/v1/"]
    return tuple(names)


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            document = json.loads(file.read(MAX_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RegistryError(
            f"the credentials in {plain(path)} cannot be read", "mend the file, or log in again"
        ) from error
    return document if isinstance(document, dict) else None


def _from_entry(entry: Mapping[str, Any], path: str) -> Credential | None:
    identity, auth = _text(entry, "identitytoken"), _text(entry, "auth")
    if not identity and not auth:
        return None
    try:
        user, _, password = base64.b64decode(auth, validate=True).decode().rstrip("\0").partition(":")
    except ValueError as error:
        raise RegistryError(f"a credential in {plain(path)} is damaged", "log in to the registry again") from error
    return Credential(user, password, identity)


def _from_helper(name: str, key: str, environ: Mapping[str, str]) -> Credential | None:
    if not _HELPER.fullmatch(name):
        raise RegistryError(f"{plain(name, 60)!r} is no credential helper", "mend the configuration of docker")
    program = f"docker-credential-{name}"
    try:
        done = subprocess.run(  # noqa: S603 -- the user's own helper, named in the user's own configuration
            [program, "get"],
            input=key.encode(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryError(f"{program} gives no credential", "see whether it runs by itself") from error
    if done.returncode != 0:
        return None  # helpers say in this way that they do not know the host
    try:
        answer = json.loads(done.stdout[:MAX_FILE])
    except ValueError as error:
        raise RegistryError(f"{program} gives an answer that is not JSON", "see whether it runs by itself") from error
    user, secret = _text(answer, "Username"), _text(answer, "Secret")
    if not secret:
        return None
    return Credential(identity=secret) if user == "<token>" else Credential(user, secret)


def _default_identity() -> Identity:
    return azure_identity("log in with docker login")


def _entra_token(identity: Identity) -> str:
    try:
        return identity.get_token(AUDIENCE).token
    except Exception as error:
        if type(error).__module__.startswith(("azure.", "msal")):
            raise RegistryError(
                "Azure gives no token to this machine or person", "run az login, or set an identity"
            ) from error
        raise


def _text(table: object, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
