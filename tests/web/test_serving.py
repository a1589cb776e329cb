"""`weighbridge serve` as a process: over TLS, on this machine only, and stopped without a trace."""

from __future__ import annotations

import json
import signal
import socket
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from build.gate_load import ask_all, held_against, killed_in_the_middle
from build.gate_load import server as gate_server
from build.reviews import pod, review
from build.running import command
from build.sites import Served, served
from weighbridge.attest.trusted import trust_of
from weighbridge.core.settings import load_settings
from weighbridge.pipelines.log_heads import signer_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from build.postgres import Server
    from weighbridge.index.log import Head


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.chdir(tmp_path)
    return served(tmp_path)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weighbridge")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "tls.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return folder / "tls.crt", folder / "tls.key"


@contextmanager
def process(gate: Served, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with gate_server(str(gate.folder), *words) as running:
        yield running.one, running.port


def test_the_webhook_over_tls(gate: Served) -> None:
    cert, key = certificate(gate.folder)
    with process(gate, "--tls-cert", str(cert), "--tls-key", str(key)) as (one, port):
        trusted = ssl.create_default_context(cafile=str(cert))
        with httpx2.Client(verify=trusted, base_url=f"https://127.0.0.1:{port}", timeout=30) as client:
            good = client.post("/admission/production", json=review(pod(models=(gate.model,)))).json()
            bad = client.post("/admission/production", json=review(pod(models=("net:v1",)))).json()
            head = client.get("/healthz").headers
        with pytest.raises(httpx2.ConnectError), httpx2.Client(verify=ssl.create_default_context()) as stranger:
            stranger.get(f"https://127.0.0.1:{port}/healthz")
        one.send_signal(signal.SIGTERM)
        _, err = one.communicate(timeout=30)
    assert good["response"]["allowed"] is True
    assert bad["response"]["allowed"] is False
    assert "server" not in head
    assert "Traceback" not in err
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [line["decision"] for line in lines] == ["allow", "deny"]


def test_it_listens_on_this_machine_only(gate: Served) -> None:
    with process(gate) as (one, port):
        got = httpx2.post(
            f"http://127.0.0.1:{port}/v1/admit", json={"reference": "net:v1", "stage": "production"}, timeout=30
        )
        assert got.json()["decision"] == "allow"
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.2", port)) != 0
        taken = command("serve", "--port", str(port))
        assert taken.status == 2
        assert "is something listening there" in taken.err
        assert one.poll() is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--host", "0.0.0.0"), "must not travel unprotected"),
        (("--host", "10.1.2.3"), "must not travel unprotected"),
        (("--tls-cert", "tls.crt"), "go together"),
        (("--tls-cert", "none.crt", "--tls-key", "none.key"), "cannot be read"),
        (("--client-ca", "tls.crt"), "over TLS only"),
        (("--port", "70000"), "is no port"),
    ],
)
def test_it_does_not_start_unprotected(gate: Served, words: tuple[str, ...], why: str) -> None:
    outcome = command("serve", *words)
    assert outcome.status == 2
    assert why in outcome.err


def test_without_trust_it_does_not_start(gate: Served) -> None:
    (gate.folder / "trust.toml").unlink()
    text = (gate.folder / "weighbridge.toml").read_text()
    (gate.folder / "weighbridge.toml").write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith("trust_store"))
    )
    outcome = command("serve")
    assert outcome.status == 2
    assert "no key is trusted" in outcome.err


def opener(gate: Served) -> Callable[[Head], str]:
    """What verifies the signed end of the log."""
    trust = trust_of(load_settings(str(gate.folder / "weighbridge.toml"), {}))
    return lambda head: signer_of(head, trust, datetime.now(UTC))


def test_decisions_by_clients_at_once_are_all_in_the_log_although_it_was_killed(gate: Served) -> None:
    """A sample of what bench/decisions.py does ten thousand times."""
    answers, _ = killed_in_the_middle(str(gate.folder), "net:v1", 8, 120)
    settings = load_settings(str(gate.folder / "weighbridge.toml"), {})
    proof, lost = held_against(settings.index_address, answers, opener(gate))
    assert len(answers) >= 120
    assert all(one.allowed for one in answers)
    assert len({one.sequence for one in answers}) == len(answers)
    assert lost == []
    assert proof.whole, proof.problems
    assert proof.entries >= len(answers)


def test_without_a_log_that_can_be_written_it_does_not_start(gate: Served) -> None:
    with open(gate.folder / "weighbridge.toml", "r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write(f'index = "sqlite:////proc/weighbridge/index.db"\n{text}')
    outcome = command("serve")
    assert outcome.status == 2
    assert "cannot be made" in outcome.err
    assert "--no-record" in outcome.err
    with process(gate, "--no-record") as (_, port):
        asked = {"reference": "net:v1", "stage": "production"}
        got = httpx2.post(f"http://127.0.0.1:{port}/v1/admit", json=asked, timeout=30).json()
    assert got["decision"] == "allow"
    assert "recorded" not in got


def test_the_environment_names_the_log(gate: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_INDEX", "sqlite:////proc/weighbridge/index.db")
    assert command("serve").status == 2
    monkeypatch.setenv("WEIGHBRIDGE_INDEX", f"sqlite:///{tmp_path}/elsewhere.db")
    with process(gate) as (_, port):
        asked = {"reference": "net:v1", "stage": "production"}
        httpx2.post(f"http://127.0.0.1:{port}/v1/admit", json=asked, timeout=30)
    assert "net:v1" in command("decisions", "show").out
    assert (tmp_path / "elsewhere.db").exists()


def test_decisions_are_all_in_a_log_that_postgresql_keeps(gate: Served, server: Server) -> None:
    """Killed are the server, and then the database itself under the clients."""
    address = server.fresh("decisions")
    environ = {"WEIGHBRIDGE_INDEX": address}
    answers, _ = killed_in_the_middle(str(gate.folder), "net:v1", 8, 80, environ=environ)
    with gate_server(str(gate.folder), "--quiet", environ=environ) as running:
        before = ask_all(running.port, "net:v1", 2, 5)
        server.kill()
        asked = {"reference": "net:v1", "stage": "production"}
        got = httpx2.post(f"http://127.0.0.1:{running.port}/v1/admit", json=asked, timeout=30)
        assert (got.status_code, got.json()["decision"]) == (503, "none")
        server.start()
        after = ask_all(running.port, "net:v1", 2, 5)
    assert len(before) == len(after) == 10
    proof, lost = held_against(address, [*answers, *before, *after], opener(gate))
    assert len(answers) >= 80
    assert lost == []
    assert proof.whole, proof.problems
