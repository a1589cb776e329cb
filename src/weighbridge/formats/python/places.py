"""Texts of Python source that name a place: of what gives access, and where something starts by itself.

Sources: documentation of the instance metadata services of Azure, AWS, Google Cloud, Oracle, Alibaba, Tencent, IBM and
DigitalOcean; of Kubernetes service accounts, OpenSSH, Git, GnuPG, Firefox, Chromium, Bitcoin, Ethereum and Solana
clients. Looked at on 2026-11-29.
"""

from __future__ import annotations

import re

IDENTITY = (
    "169.254.169.254", "metadata.google.internal", "IDENTITY_ENDPOINT", "MSI_ENDPOINT", "/metadata/identity/oauth2",
    "168.63.129.16", "169.254.170.2", "AWS_CONTAINER_CREDENTIALS_", "fd00:ec2::254", "100.100.100.200",
    "metadata.tencentyun.com", "169.254.0.23", "api.metadata.cloud.ibm.com", "/computeMetadata/v1",
    "/latest/meta-data", "/latest/api/token", "/opc/v2/", "/metadata/v1/identity", "AZURE_FEDERATED_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "2852039166", "0xa9fea9fe", "0xA9FEA9FE", "a9fe:a9fe", "0251.0376.0251.0376",
)  # fmt: skip
"""Addresses and variables by which a machine hands out its own identity, some written as numbers."""
VAULT = re.compile(r"https?://[^/]*\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net)")
"""A vault of Azure by its address: who has the library needs no address of its interface."""
_SECRETS = re.compile(
    r"\.ssh/|\.aws/|\.azure/|\.kube/config|[._]netrc\b|\.docker/config|huggingface/token|/proc/\w+/environ|/etc/shadow|"
    r"/var/run/secrets|\.git-credentials|\.pypirc|id_rsa|id_ed25519|id_ecdsa|kubernetes\.io/serviceaccount|"
    r"\.config/gcloud|\.config/gh/hosts|\.vault-token|\.gnupg/|\.password-store|\.(?:bash|zsh|python)_history|/etc/passwd|"
    # browsers
    r"\bLogin Data\b|\bUser Data[/\\]|cookies\.sqlite|\blogins\.json|\bkey[34]\.db|\.mozilla/firefox|google-chrome|"
    r"BraveSoftware|Network[/\\]Cookies|Local Storage[/\\]leveldb|Library/Keychains|login\.keychain|"
    # wallets
    r"\bwallet\.dat\b|\.electrum|exodus\.wallet|\.ethereum[/\\]|[/\\]keystore[/\\]|\.bitcoin[/\\]|solana/id\.json|"
    r"nkbihfbeogaeaoehlefnkodbefgpgknn"
)
_PERSISTENT = re.compile(
    r"site-packages|sitecustomize|usercustomize|\.pth$|\.bashrc|\.bash_profile|\.profile$|\.zshrc|authorized_keys|crontab|"
    r"/etc/cron|/etc/systemd|systemd/user|autostart|LaunchAgents|LaunchDaemons|Startup|/etc/ld\.so|/etc/rc\.local|"
    r"\.config/fish|\.git/hooks|profile_default/startup|\.jupyter/|CurrentVersion\\Run"
)
PRELOADED = frozenset(("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP", "BASH_ENV"))
"""Variables that make every program that is started from here run something else first."""
_LEAKS = re.compile(
    r"\{[^{}]{0,200}\b__(?:globals|builtins|subclasses|init|code|closure|mro|bases?)__\b[^{}]{0,200}\}"
    r"|(?:^|\.)__(?:globals|builtins|subclasses)__(?:$|[.\[])"
)
"""A format string or a dotted path that walks from a value to what its functions know."""
LONGEST = 300
"""Characters of a text that may name a file."""


def identity(text: str) -> list[str]:
    """What of `text` stands for the machine's identity."""
    return [word for word in IDENTITY if word in text]


def secret_file(text: str) -> str:
    """What of `text` names a file that holds what gives access, or an empty string."""
    found = _SECRETS.search(text) if len(text) < LONGEST else None
    return found[0] if found else ""


def persistent(text: str) -> bool:
    """Whether something starts by itself in the place that `text` names."""
    return _PERSISTENT.search(text) is not None


def leak(text: str) -> str:
    """The part of a text that walks over attributes when it is formatted or resolved, or an empty string."""
    if "__" not in text or len(text) >= LONGEST:
        return ""
    found = _LEAKS.search(text)
    return found[0] if found else ""
