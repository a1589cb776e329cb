"""Being let in: challenges, tokens, credentials of docker and podman, helpers, and Azure's exchange."""

from __future__ import annotations

import base64
import json
import os
import stat
from typing import NamedTuple

import pytest

from build.models import publish_tiny
from build.registry_server import Fault, serving
from build.slowly import Pauses
from weighbridge.core.errors import RegistryError, UsageError
from weighbridge.core.settings import RegistrySetting
from weighbridge.registry.credentials import AUDIENCE, stored_credential
from weighbridge.registry.read import load_model
from weighbridge.registry.remote import open_remote
from weighbridge.registry.tokens import Credential, read_challenge

SECRETS = ("secret:word", "entra", base64.b64encode(b"ada:secret:word").decode())
HOST = "registry.test"
WORD = base64.b64encode(b"ada:secret:word").decode()


def environment(folder, document):
    (folder / "config.json").write_text(json.dumps(document))
    return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}


def helper(folder, name, answer, status=0):
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\ncat > {folder}/asked\ncat <<'END'\n{answer}\nEND\nexit {status}\n")
    path.chmod(0o700)


def used(registry, environ, setting=None, identity=None):
    """Publish and load a model; gives the store."""
    pauses = Pauses()
    store = open_remote(
        registry.host,
        "org/net",
        {registry.host: setting or RegistrySetting()},
        environ=environ,
        pace=pauses.pace,
        identity=identity,
    )
    publish_tiny(store)
    assert len(load_model(store, store.reference(tag="1.0")).evidence) == 2
    assert store.tags() == ("1.0",)
    return store


@pytest.mark.parametrize("login", ["basic", "bearer"])
@pytest.mark.parametrize("referrers_api", [True, False])
def test_a_user_and_a_password_let_us_in(tmp_path, login, referrers_api):
    with serving(login=login, referrers_api=referrers_api) as registry:
        used(registry, environment(tmp_path, {"auths": {registry.host: {"auth": WORD}}}))
        tokens = registry.count("GET", "^/token")
        assert tokens <= 4, "tokens are kept"
        for _, path, _ in registry.asked:
            assert not any(secret in path for secret in SECRETS)


def test_without_a_login_we_are_told_what_to_do(tmp_path):
    for login in ("basic", "bearer", "acr"):
        with serving(login=login) as registry:
            with pytest.raises(RegistryError) as caught:
                used(registry, {"HOME": str(tmp_path)})
            assert "log in" in caught.value.mend


def test_a_wrong_password_is_refused_and_not_shown(tmp_path):
    wrong = base64.b64encode(b"ada:wrongword").decode()
    for login in ("basic", "bearer"):
        with serving(login=login) as registry:
            with pytest.raises(RegistryError) as caught:
                used(registry, environment(tmp_path, {"auths": {registry.host: {"auth": wrong}}}))
            assert "wrongword" not in caught.value.cause + caught.value.mend
            assert registry.count("GET", "^/token") <= 1, "a password is not tried again and again"


def test_a_token_that_ended_is_fetched_again_in_mid_upload(tmp_path):
    with serving(login="bearer") as registry:
        environ = environment(tmp_path, {"auths": {registry.host: {"auth": WORD}}})
        store = used(registry, environ)
        registry.tokens.clear()
        publish_tiny(store, "2.0", {"big": bytes(6_000_000)})
        registry.tokens.clear()
        registry.faults.append(Fault("PATCH", status=503))
        publish_tiny(store, "3.0", {"big": os.urandom(6_000_000)})
        assert store.tags() == ("1.0", "2.0", "3.0")


def test_an_identity_token_is_traded_for_a_token(tmp_path):
    with serving(login="acr") as registry:
        registry.identity = "an-identity"
        environ = environment(tmp_path, {"auths": {registry.host: {"identitytoken": "an-identity"}}})
        used(registry, environ)
        assert registry.count("POST", "^/oauth2/token") >= 1
        assert registry.count("POST", "exchange") == 0


class Token(NamedTuple):
    token: str


class Identity:
    """What azure-identity's credentials look like."""

    def __init__(self, token="entra"):
        self.token = token
        self.asked = []

    def get_token(self, *scopes):
        self.asked.append(scopes)
        return Token(self.token)


def test_azures_identity_is_exchanged(tmp_path):
    identity = Identity()
    with serving(login="acr") as registry:
        environ = {"HOME": str(tmp_path)}
        store = used(registry, environ, RegistrySetting(login="azure"), lambda: identity)
        assert identity.asked == [(AUDIENCE,)]
        assert registry.count("POST", "^/oauth2/exchange") == 1
        # The identity token ended: it is exchanged again, once.
        registry.identity = "another"
        registry.tokens.clear()
        assert store.tags() == ("1.0",)
        assert registry.count("POST", "^/oauth2/exchange") == 2
        for _, path, _ in registry.asked:
            assert "entra" not in path
            assert "identity-" not in path


def test_an_identity_without_a_role_is_told_so(tmp_path):
    with serving(login="acr") as registry:
        with pytest.raises(RegistryError, match="does not take our Azure identity") as caught:
            used(registry, {}, RegistrySetting(login="azure"), lambda: Identity("wrong-entra"))
        assert "wrong-entra" not in caught.value.cause
        assert "AcrPull" in caught.value.mend


def test_an_identity_that_gives_no_token_is_told_so():
    from azure.core.exceptions import ClientAuthenticationError

    class Nobody:
        def get_token(self, *scopes):
            raise ClientAuthenticationError("SECRET details")

    with serving(login="acr") as registry:
        with pytest.raises(RegistryError, match="Azure gives no token") as caught:
            used(registry, {}, RegistrySetting(login="azure"), Nobody)
        assert "SECRET" not in caught.value.cause


def test_azures_registries_use_its_identity_by_themselves(monkeypatch):
    from weighbridge.registry import credentials

    asked = []

    def send(method, url, headers, body):
        from weighbridge.registry.wire import Answer

        asked.append((method, url, body))
        return Answer(200, {}, b'{"refresh_token": "r"}', url)

    def find(host, **setting):
        return credentials.credential_for(host, f"https://{host}", RegistrySetting(**setting), {}, Identity)(send)

    assert find("models.azurecr.io").identity == "r"
    method, url, body = asked[0]
    assert (method, url) == ("POST", "https://models.azurecr.io/oauth2/exchange")
    assert body == b"grant_type=access_token&service=models.azurecr.io&access_token=entra"
    assert find("models.azurecr.io.evil.test") is None
    assert find("evil-azurecr.io") is None
    assert find("models.azurecr.io", login="docker") is None
    assert find("models.azurecr.io", login="anonymous") is None
    assert len(asked) == 1


def test_azures_library_is_named_if_it_is_missing(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("azure"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    with serving(login="acr") as registry:
        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(UsageError) as caught:
            used(registry, {}, RegistrySetting(login="azure"))
        assert "weighbridge[azure]" in caught.value.mend


@pytest.mark.parametrize(
    "realm",
    ["http://elsewhere.test/token", "file:///etc/passwd", "https://user:word@x.test/", "", "https://", "//x"],
)
def test_a_realm_that_is_not_safe_gets_nothing(tmp_path, realm):
    with serving(login="bearer") as registry:
        environ = environment(tmp_path, {"auths": {registry.host: {"auth": WORD}}})
        challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}
        registry.faults.append(Fault("GET", "/tags/", status=401, headers=challenge))
        with pytest.raises(RegistryError, match="not safe"):
            open_remote(registry.host, "org/net", {}, environ=environ, pace=Pauses().pace).tags()
        assert registry.count("GET", "token") == 0


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"token": ""}', b'{"token": 5}', b'{"token": "a\\nb"}', b"x" * 10**6]
)
def test_an_answer_without_a_token_is_refused(tmp_path, answer, monkeypatch):
    from build import registry_server

    with serving(login="bearer") as registry:
        environ = environment(tmp_path, {"auths": {registry.host: {"auth": WORD}}})
        monkeypatch.setattr(registry_server._Handler, "_login", lambda self, path: self._reply(200, answer))
        with pytest.raises(RegistryError):
            used(registry, environ)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        (["Negotiate"], None),
        (['Basic realm="x"'], ("basic", "", "", "")),
        (
            ['Bearer realm="https://a/t",service="s",scope="repository:a:pull,push"'],
            ("bearer", "https://a/t", "s", "repository:a:pull,push"),
        ),
        (['bearer Realm="https://a/t", service=s'], ("bearer", "https://a/t", "s", "")),
        (['Basic realm="x"', 'Bearer realm="https://a"'], ("bearer", "https://a", "", "")),
        (['Bearer realm="a\\"b",scope="c"'], ("bearer", 'a"b', "", "c")),
    ],
)
def test_challenges_are_understood(headers, expected):
    found = read_challenge(headers)
    assert (None if found is None else tuple(found)) == expected


# Where credentials are kept


@pytest.mark.parametrize(
    "document",
    [
        {"auths": {HOST: {"auth": WORD}}},
        {"auths": {f"https://{HOST}": {"auth": WORD}}},
        {"auths": {f"https://{HOST}/v1/": {"auth": WORD}, "other.test": {"auth": "eDp5"}}},
        {"auths": {HOST: {"auth": WORD, "identitytoken": ""}}, "unknown": 5},
    ],
)
def test_credentials_of_docker(tmp_path, document):
    assert stored_credential(HOST, environment(tmp_path, document)) == ("ada", "secret:word", "")


def test_credentials_of_podman_and_their_order(tmp_path):
    homes = {}
    for number, (name, path) in enumerate(
        (
            ("REGISTRY_AUTH_FILE", "own.json"),
            ("HOME", ".docker/config.json"),
            ("XDG_RUNTIME_DIR", "containers/auth.json"),
        )
    ):
        file = tmp_path / name / path
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"auths": {HOST: {"auth": base64.b64encode(b"%d:x" % number).decode()}}}))
        homes[name] = str(file if name == "REGISTRY_AUTH_FILE" else tmp_path / name)
    assert stored_credential(HOST, homes).user == "0"
    del homes["REGISTRY_AUTH_FILE"]
    assert stored_credential(HOST, homes).user == "1"
    homes["DOCKER_CONFIG"] = str(tmp_path)
    assert stored_credential(HOST, homes).user == "2"
    assert stored_credential("other.test", homes) is None
    assert stored_credential(HOST, {}) is None


def test_docker_hub_has_a_name_of_its_own(tmp_path):
    environ = environment(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": WORD}}})
    assert stored_credential("registry-1.docker.io", environ).user == "ada"
    assert stored_credential("docker.io", environ).user == "ada"
    assert stored_credential("docker.io.test", environ) is None


def test_helpers_are_asked(tmp_path):
    helper(tmp_path, "ours", '{"Username": "ada", "Secret": "w"}')
    for document in ({"credHelpers": {HOST: "ours"}}, {"credsStore": "ours"}):
        environ = environment(tmp_path, document)
        assert stored_credential(HOST, environ) == ("ada", "w", "")
        assert (tmp_path / "asked").read_text() == HOST
    helper(tmp_path, "ours", '{"Username": "<token>", "Secret": "w"}')
    assert stored_credential(HOST, environ) == ("", "", "w")
    helper(tmp_path, "ours", "credentials not found", status=1)
    assert stored_credential(HOST, environ) is None
    helper(tmp_path, "ours", "no json")
    with pytest.raises(RegistryError, match="not JSON"):
        stored_credential(HOST, environ)


@pytest.mark.parametrize("name", ["../evil", "a/b", "x;y", "", "$(id)", "a b"])
def test_a_helper_with_another_name_is_not_run(tmp_path, name):
    environ = environment(tmp_path, {"credHelpers": {HOST: name}})
    if name:
        with pytest.raises(RegistryError, match="no credential helper"):
            stored_credential(HOST, environ)
    else:
        assert stored_credential(HOST, environ) is None


def test_a_helper_that_is_missing_is_told(tmp_path):
    with pytest.raises(RegistryError, match="docker-credential-none"):
        stored_credential(HOST, environment(tmp_path, {"credHelpers": {HOST: "none"}}))


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": 5}', '{"auths": {"registry.test": 5}}', "null"])
def test_broken_files_are_no_credentials(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    if text == "{":
        with pytest.raises(RegistryError, match="cannot be read"):
            stored_credential(HOST, environ)
    else:
        assert stored_credential(HOST, environ) is None


def test_a_file_that_may_not_be_read_is_told(tmp_path):
    environ = environment(tmp_path, {})
    os.chmod(tmp_path / "config.json", 0)
    if os.access(tmp_path / "config.json", os.R_OK):
        assert stat.S_IMODE(os.stat(tmp_path / "config.json").st_mode) == 0
        pytest.skip("this user reads everything")
    with pytest.raises(RegistryError, match="cannot be read"):
        stored_credential(HOST, environ)


def test_credentials_do_not_show_themselves():
    credential = Credential("ada", "secretword", "identity")
    assert "secretword" not in f"{credential!r} {credential} {[credential]}"
    assert "identity" not in repr(credential)
