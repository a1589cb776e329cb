"""Secrets that nobody was ever given, made where they are needed: none stands in the repository as it would look."""

from __future__ import annotations

import base64
import binascii
import json
import random
import string

LETTERS = string.ascii_letters + string.digits
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def drawn(count: int, letters: str = LETTERS, seed: int = 7) -> str:
    return "".join(random.Random(f"{seed} {count} {letters}").choices(letters, k=count))


def base62(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits.rjust(6, "0")


def checked(prefix: str) -> str:
    """A token of GitHub or npm: thirty characters and their CRC-32."""
    body = drawn(30)
    return prefix + body + base62(binascii.crc32(body.encode()))


def jwt() -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "7", "name": "nobody"}]
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{drawn(43)}"


def key(kind: str = "RSA ") -> str:
    lines = "\n".join(drawn(64, LETTERS + "+/", seed) for seed in range(12))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def made() -> dict[str, tuple[str, str]]:
    """Kind → a line of text, and the secret in it."""
    plain = {
        "aws-access-key": ("AKIA" + drawn(16, string.ascii_uppercase + "234567"), "id = {}"),
        "aws-secret-key": (drawn(40, LETTERS + "/+"), "aws_secret_access_key={}"),
        "azure-storage-key": (
            drawn(86, LETTERS + "/+") + "==",
            "AccountName=x;AccountKey={};EndpointSuffix=core.windows.net",
        ),
        "azure-shared-access-key": (drawn(43, LETTERS + "/+") + "=", "SharedAccessKeyName=x;SharedAccessKey={}"),
        "azure-sas": (drawn(43) + "%3D", "https://x.blob.core.windows.net/c?sv=2024-01-01&se=2030-01-01&sp=r&sig={}"),
        "azure-client-secret": (drawn(3) + "8Q~" + drawn(34), "secret: {}"),
        "azure-key": (drawn(52) + "JQQJ99" + drawn(26), "{}"),
        "azure-devops-token": (drawn(76) + "AZDO" + drawn(4), "{}"),
        "github-token": (checked("ghp_"), "token {}"),
        "github-fine-grained-token": (f"github_pat_{drawn(22)}_{drawn(59)}", "{}"),
        "gitlab-token": ("glpat-" + drawn(20), "{}"),
        "huggingface-token": ("hf_" + drawn(34, string.ascii_letters), "login('{}')"),
        "huggingface-organisation-token": ("api_org_" + drawn(34, string.ascii_letters), "{}"),
        "openai-key": (f"sk-proj-{drawn(40)}T3BlbkFJ{drawn(40)}", "{}"),
        "anthropic-key": (f"sk-ant-api03-{drawn(95)}", "{}"),
        "slack-token": (f"xoxb-{drawn(12, string.digits)}-{drawn(24)}", "{}"),
        "slack-hook": (
            f"T{drawn(8, 'ABCDEFG12')}/B{drawn(8, 'ABCDEFG12')}/{drawn(24)}",
            "https://hooks.slack.com/services/{}",
        ),
        "discord-hook": (drawn(68), "https://discord.com/api/webhooks/123456789012345678/{}"),
        "telegram-bot-token": (f"{drawn(10, '123456789')}:AA{drawn(33)}", "https://api.telegram.org/bot{}/sendMessage"),
        "google-api-key": ("AIza" + drawn(35), "{}"),
        "google-oauth": ("GOCSPX-" + drawn(28), "{}"),
        "stripe-key": ("sk_live_" + drawn(24), "{}"),
        "npm-token": (checked("npm_"), "//registry/:_authToken={}"),
        "pypi-token": ("pypi-AgEIcHlwaS5vcmc" + drawn(80), "{}"),
        "jwt": (jwt(), "Authorization: Bearer {}"),
        "sendgrid-key": (f"SG.{drawn(22)}.{drawn(43)}", "{}"),
        "docker-token": ("dckr_pat_" + drawn(27), "{}"),
        "databricks-token": ("dapi" + drawn(32, "0123456789abcdef"), "{}"),
        "digitalocean-token": ("dop_v1_" + drawn(64, "0123456789abcdef"), "{}"),
        "inference-key": ("gsk_" + drawn(52), "{}"),
        "vault-token": ("hvs." + drawn(40), "{}"),
        "age-key": ("AGE-SECRET-KEY-1" + drawn(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"), "{}"),
        "address-password": (drawn(14), "postgresql://admin:{}@db.corp.invalid:5432/x"),
        "assigned-secret": (drawn(24), 'api_key = "{}"'),
    }
    found = {kind: (line.format(secret), secret) for kind, (secret, line) in plain.items()}
    endpoint = "AccountEndpoint=https://x.documents.azure.com:443/;AccountKey={}"
    cosmos = drawn(86, LETTERS + "/+", 9) + "=="
    found["azure-cosmos-key"] = (endpoint.format(cosmos), cosmos)
    private = key()
    found["private-key"] = (private, private.split("-----")[2])
    putty = drawn(64, LETTERS + "+/", 3)
    found["putty-key"] = (
        f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPrivate-Lines: 1\n{putty}\nPrivate-MAC: 00\n",
        putty,
    )
    return found


EXAMPLES = (
    "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "hf_" + "abcdefgh" * 4 + "ab",
    "OPENAI_API_KEY=sk-...",
    "sk-proj-your-key-here",
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "ghp_" + "x" * 36,
    "ghp_" + drawn(36),
    "https://username:password@example.com/",
    "postgresql://postgres:${PASSWORD}@db/x",
    'api_key="your-api-key-here-123456"',
    "password = os.environ['DB_PASSWORD_2024']",
    "api_key: <YOUR_API_KEY>",
    'token = "bos_token_id"',
    '"eos_token": "<|end_of_text|>", "pad_token": "<|finetune_right_pad_id|>"',
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "https://discord.com/api/webhooks/<id>/<token>",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "secret = sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '"api_key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    "passwords: correct horse battery staple",
    "secretary: alexander.von.humboldt@mail",
    "eyJhbGciOi.eyJzdWIi.x",
    "task-sk-ant-hill ask-anthropic",
)
"""Lines of documentation in which no secret stands."""
