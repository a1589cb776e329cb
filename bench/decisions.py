"""Ten thousand decisions of a server that is killed in the middle, and how long one takes for a model that is at hand.

    PYTHONPATH=tests python bench/decisions.py                 # some minutes
    … bench/decisions.py --count 800                           # fewer
    … bench/decisions.py --index postgresql+psycopg://…        # another database

Eight clients ask `weighbridge serve` about the same model over HTTP, one question after the other. After half of the
answers the server is killed, started again, and asked for the rest. Then the log has to be whole, and every decision
that a client was told has to stand in it where the client was told. Before that one client alone asks about a small
model and one with a thousand tensors, in a folder and in a registry over HTTP. Status 1: one was lost.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

from build.containers import safetensors
from build.gate_load import ask_all, held_against, killed_in_the_middle, server
from build.registry_server import serving
from weighbridge.attest.trusted import trust_of
from weighbridge.core.settings import load_settings
from weighbridge.pipelines.log_heads import signer_of

MARK = 0.050
"""Seconds that a decision on a model at hand may take."""
WARM = 5
"""Answers that are not counted: the first ones read what later ones know."""


def run(folder: str, *words: str) -> str:
    """What a command prints."""
    call = [sys.executable, "-m", "weighbridge", *words]
    return subprocess.run(
        call, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.decode()


def take_in(folder: str, where: str) -> None:
    """Two models: a small one, and one with many tensors."""
    for name, tensors in (("net", 1), ("wide", 1000)):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        with open(os.path.join(folder, name, "model.safetensors"), "wb") as file:
            file.write(safetensors({f"layers.{number}.weight": b"12345678" for number in range(tensors)}))
        with open(os.path.join(folder, name, "config.json"), "w", encoding="utf-8") as file:
            file.write('{"model_type": "net", "architectures": ["Net"]}')
        run(folder, "intake", name, "--stage", "production", "--to", f"{where}{name}:v1")


def alone(folder: str, environ: dict[str, str]) -> None:
    """One client: the seconds of a decision, and their share of the mark."""
    take_in(folder, "oci:registry:")
    settings = os.path.join(folder, "weighbridge.toml")
    with serving() as registry:
        take_in(folder, f"{registry.host}/")
        with open(settings, "r+", encoding="utf-8") as file:
            text = file.read().replace("[stage.staging]\n", "[stage.staging]\nregistries = []\n")
            file.seek(0)
            file.write(f'{text}\n[server]\nregistries = ["{registry.host}"]\n')
        with server(folder, "--quiet", environ=environ) as one:
            for where, before in (("a folder", ""), ("a registry over HTTP", f"{registry.host}/")):
                for name in ("net", "wide"):
                    answers = ask_all(one.port, f"{before}{name}:v1", 1, 60, stage="staging")[WARM:]
                    took = sorted(answer.seconds for answer in answers)
                    median, late = statistics.median(took), took[int(len(took) * 0.95)]
                    print(
                        f"{name:5} in {where:21} {median * 1000:6.1f} ms a decision, 95 of 100 in {late * 1000:.1f} ms,"
                        f" {median / MARK:.2f} of the mark; all allowed: {all(one.allowed for one in answers)}"
                    )


def main() -> int:
    """Measure, and prove the log."""
    parser = argparse.ArgumentParser(description="Decisions at once, and how long one takes.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--index", metavar="ADDRESS", default="", help="the database (default: a file of SQLite)")
    options = parser.parse_args()
    environ = {"WEIGHBRIDGE_INDEX": options.index} if options.index else {}
    with tempfile.TemporaryDirectory() as folder:
        run(folder, "init")
        alone(folder, environ)
        answers, spent = killed_in_the_middle(folder, "net:v1", options.clients, options.count, environ=environ)
        settings = load_settings(os.path.join(folder, "weighbridge.toml"), environ)
        trust = trust_of(settings)
        proof, lost = held_against(
            settings.index_address, answers, lambda head: signer_of(head, trust, datetime.now(UTC))
        )
    many = statistics.median(answer.seconds for answer in answers)
    different = len({answer.sequence for answer in answers})
    print(f"{options.clients} clients: {many * 1000:.1f} ms a decision, {len(answers) / spent:.0f} a second")
    print(f"{len(answers)} decisions told, all allowed: {all(answer.allowed for answer in answers)}, killed once")
    print(f"log whole: {proof.whole}, entries {proof.entries}, lost {len(lost)}, different {different}")
    for problem in proof.problems:
        print(problem)
    return 0 if proof.whole and not lost and different == len(answers) >= options.count else 1


if __name__ == "__main__":
    sys.exit(main())
