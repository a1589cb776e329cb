"""Entries of trust stores, and a program that adds them until it is stopped."""

from __future__ import annotations

import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weighbridge.attest.trust import TrustEntry
from weighbridge.attest.trust_writing import add_entry


def ssh_line(number: int) -> str:
    """The public half of the SSH key whose secret is this number."""
    key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32)).public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode() + " ada\n"


ADA = TrustEntry(
    "ada", "ssh", "Ada <ada@example.org>", ssh_line(1), ("commits", "tags"), ("git+https://example.org/org/*",)
)


def add_many(path: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        add_entry(path, ADA._replace(id=f"e{number}", key=ssh_line(number)))


if __name__ == "__main__":
    store, first = sys.argv[1], int(sys.argv[2])
    print("ready", flush=True)  # noqa: T201
    for number in range(1, 100_000):
        add_many(store, first + number, 1)
        print(number, flush=True)  # noqa: T201
