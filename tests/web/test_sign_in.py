"""Signing in at an issuer on this machine: who comes back with what may be who, and everything bent is refused."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

from build.desks import BASE, Asker, Staffed, staffed, with_settings
from build.issuer import CLIENT, SECRET, Issuer, shared_key
from weighbridge.core.errors import UsageError
from weighbridge.core.settings import SignInSettings, load_settings
from weighbridge.web.desk import open_desk
from weighbridge.web.sign_in import SignIn, inside, open_sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    with staffed(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as made:
        yield made


def settings_for(issuer: Issuer) -> SignInSettings:
    return SignInSettings(
        issuer=issuer.address,
        client_id=CLIENT,
        url=BASE,
        roles={"users": "viewer", "makers": "submitter", "guards": "approver", "masters": "admin"},
        tenants={"team": ["net"], "all": ["*"]},
    )


class Browser:
    """Keeps cookies, and follows nothing by itself."""

    def __init__(self, project: Staffed, issuer: Issuer, secret: str = SECRET) -> None:
        settings = settings_for(issuer)
        whole = project.desk.site.settings
        server = whole.server._replace(sign_in=settings)
        site = with_settings(project.desk.site, whole._replace(server=server))
        self.desk = open_desk(site, project.desk.engine, local=False, sign_in=SignIn(settings, secret))
        self.ask = Asker(self.desk)
        self.issuer = issuer
        self.cookies: dict[str, str] = {}

    def get(self, method: str, path: str, document: Any = None, **headers: str) -> Any:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        got = self.ask(method, path, document, headers={**({"cookie": sent} if sent else {}), **headers})
        for line in got.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                assert morsel["httponly"]
                assert morsel["secure"]
                assert morsel["samesite"] == "lax"
                assert morsel["path"] == "/"
                assert name.startswith("__Host-")
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return got

    def begin(self, after: str = "/") -> str:
        """Where the issuer sends the browser back to."""
        got = self.get("GET", f"/sign-in?next={after}")
        assert got.status == 303
        there = urlsplit(got.headers["location"])
        assert there.path == "/authorize"
        return self.issuer.consent(there.query).removeprefix(BASE)

    def sign_in(self, after: str = "/") -> Any:
        return self.get("GET", self.begin(after))


@pytest.fixture
def browser(project: Staffed, issuer: Issuer) -> Iterator[Browser]:
    made = Browser(project, issuer)
    yield made
    made.ask.close()


def test_signing_in_gives_role_and_tenants_and_signing_out_takes_them(browser: Browser) -> None:
    got = browser.sign_in("/v1/intakes?state=done")
    assert (got.status, got.headers["location"]) == (303, "/v1/intakes?state=done")
    me = browser.get("GET", "/v1/me").json
    assert me == {
        "name": "ada (s-1)",
        "roles": ["viewer", "submitter", "approver"],
        "tenants": ["net"],
        "how": "session",
    }
    assert list(browser.cookies) == ["__Host-weighbridge"]
    kept = dict(browser.cookies)
    assert browser.get("POST", "/sign-out", **{"sec-fetch-site": "same-origin"}).status == 303
    assert browser.cookies == {}
    browser.cookies = kept
    assert browser.get("GET", "/v1/me").status == 401, "the session itself ended, not only its cookie"


def test_the_code_is_asked_for_with_pkce(browser: Browser) -> None:
    words = parse_qs(urlsplit(browser.get("GET", "/sign-in").headers["location"]).query)
    assert words["response_type"] == ["code"]
    assert words["code_challenge_method"] == ["S256"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", words["code_challenge"][0])
    assert len({words["state"][0], words["nonce"][0], words["code_challenge"][0]}) == 3


def test_another_sites_page_cannot_use_the_session(browser: Browser) -> None:
    browser.sign_in()
    asked = {"source": "hf://org/net@main", "target": "net:v1"}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        assert browser.get("POST", "/v1/intakes", asked, **headers).status == 403
        assert browser.get("POST", "/sign-out", **headers).status == 403
    assert browser.get("POST", "/v1/intakes", asked, **{"sec-fetch-site": "same-origin"}).status == 202
    assert browser.get("POST", "/v1/intakes", asked, origin=BASE).status == 202


def wrong_key(issuer: Issuer) -> None:
    issuer.key = ECKey.generate_key("P-256", {"kid": "one"}, private=True)


def shared_secret(issuer: Issuer) -> None:
    issuer.key, issuer.headers = shared_key(SECRET), {"alg": "HS256", "kid": "one"}


def with_claims(**claims: Any) -> Any:
    def bend(issuer: Issuer) -> None:
        issuer.bend = lambda given: {key: one for key, one in {**given, **claims}.items() if one is not None}

    return bend


BENT = {
    "another key": wrong_key,
    "a shared secret": shared_secret,
    "another issuer": with_claims(iss="https://evil.example"),
    "another audience": with_claims(aud="somebody-else"),
    "no audience": with_claims(aud=None),
    "several audiences and nobody it was given to": with_claims(aud=[CLIENT, "somebody-else"]),
    "given to another": with_claims(azp="somebody-else"),
    "over": with_claims(exp=1),
    "without an end": with_claims(exp=None),
    "another nonce": with_claims(nonce="n"),
    "no nonce": with_claims(nonce=None),
    "nobody": with_claims(sub=None),
    "from the future": with_claims(iat=2**40),
    "no role": with_claims(roles=["strangers"]),
    "roles that are no list": with_claims(roles={"masters": 1}),
    "the word for anybody as a role": with_claims(roles=["*"]),
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT)
def test_what_is_bent_is_refused(browser: Browser, issuer: Issuer, bend: Any) -> None:
    bend(issuer)
    got = browser.sign_in()
    assert got.status == 403, got.text
    assert "__Host-weighbridge" not in browser.cookies
    assert browser.get("GET", "/v1/me").status == 401


def test_an_unsigned_token_is_refused(browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = issuer.redeem

    def unsigned(*words: Any) -> tuple[int, dict[str, Any]]:
        status, said = real(*words)
        body = said["id_token"].split(".")[1]
        return status, {**said, "id_token": f"eyJhbGciOiJub25lIn0.{body}."}

    monkeypatch.setattr(issuer, "redeem", unsigned)
    assert browser.sign_in().status == 403


def test_a_code_that_was_got_elsewhere_is_no_use(project: Staffed, browser: Browser, issuer: Issuer) -> None:
    """Neither a stranger's code in my browser, nor mine in a stranger's."""
    other = Browser(project, issuer)
    stolen = browser.begin()
    other.begin()
    assert other.get("GET", stolen).status == 403
    other.cookies = {}
    assert other.get("GET", stolen).status == 403
    state = parse_qs(urlsplit(other.begin()).query)["state"][0]
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    mixed = f"/signed-in?code={code}&state={state}&iss={issuer.address}"
    assert other.get("GET", mixed).status == 403, "its verifier is in the other browser"
    other.ask.close()


@pytest.mark.parametrize("query", ["", "code=c", "state=s", "error=access_denied", "code=c&state=%00", "iss=x&code=c"])
def test_coming_back_with_nonsense(browser: Browser, query: str) -> None:
    browser.begin()
    assert browser.get("GET", f"/signed-in?{query}").status == 403


def test_an_answer_that_names_no_issuer_or_another(browser: Browser, issuer: Issuer) -> None:
    back = browser.begin()
    assert browser.get("GET", back.partition("&iss=")[0]).status == 403
    assert browser.get("GET", back.partition("&iss=")[0] + "&iss=https://evil.example").status == 403
    assert browser.get("GET", back).status == 303


def test_keys_that_were_changed_are_asked_for_again(browser: Browser, issuer: Issuer) -> None:
    assert browser.sign_in().status == 303
    assert browser.desk.sign_in is not None
    browser.desk.sign_in._asked_at -= 61
    issuer.key = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"}, private=True)
    issuer.headers = {"alg": "ES256", "kid": "two"}
    issuer.published.keys.append(issuer.key)
    assert browser.sign_in().status == 303
    assert issuer.discovered == 2


def test_a_wrong_client_secret_and_an_issuer_that_is_away(project: Staffed, issuer: Issuer) -> None:
    wrong = Browser(project, issuer, "wrong")
    assert wrong.sign_in().status == 403
    wrong.ask.close()
    away = Browser(project, issuer)
    assert away.desk.sign_in is not None
    away.desk.sign_in.settings = away.desk.sign_in.settings._replace(issuer="http://127.0.0.1:9")
    got = away.get("GET", "/sign-in")
    assert got.status in (500, 502)
    assert "issuer" in got.json["why"]
    away.ask.close()


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "", "x"])
def test_nobody_is_sent_elsewhere_afterwards(place: str) -> None:
    assert inside(place) == "/"


def test_settings_say_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    good = '[server.sign_in]\nissuer = "https://i.example"\nclient_id = "c"\nurl = "https://h.example"\n'
    file.write_text(good + '[server.sign_in.roles]\nadmins = "admin"\n[server.sign_in.tenants]\n"*" = ["team"]\n')
    read = load_settings(str(file), {}).server.sign_in
    assert (read.roles, read.tenants) == ({"admins": "admin"}, {"*": ["team"]})
    assert open_sign_in(read) is not None
    assert open_sign_in(SignInSettings()) is None
    with pytest.raises(UsageError, match="nobody a role"):
        open_sign_in(read._replace(roles={}))
    for text in (
        good.replace("https://i", "http://i"),
        good.replace('client_id = "c"\n', ""),
        good + 'scopes = ["email"]\n',
        good + "session_hours = 0\n",
        good + '[server.sign_in.roles]\nadmins = "root"\n',
        good + '[server.sign_in.tenants]\nadmins = "team"\n',
        '[server]\nsources = ["https://models.example.com"]\n',
        '[server]\nsources = ["https://me@models.example.com/"]\n',
        "[server]\nqueue = 0\n",
        "[server]\nrate = -1\n",
        "[server]\nattempts = true\n",
    ):
        file.write_text(text)
        with pytest.raises(UsageError):
            load_settings(str(file), {})
