"""Write weighbridge.toml, a signing key and a trust store (trust.toml) that trusts it: both gates work at once.

With github, azure-pipelines or gitlab: a pipeline with both gates instead. With azure: the landing (registry, hubs by
stage, alerts, identities, policies) as Bicep and as Terraform; what the policies allow is taken from [azure] in the
settings. Nothing is overwritten. With WEIGHBRIDGE_KEY_PASSPHRASE set, the key is encrypted with it.

Examples:
  weighbridge init
  weighbridge init --folder ./project
  weighbridge init github --model models/net --to registry.example.com/models/net
  weighbridge init azure --folder ./landing
"""

from __future__ import annotations

import os

from weighbridge.attest.signers import create_key
from weighbridge.attest.trust import ANYTHING, TrustEntry
from weighbridge.attest.trust_writing import add_entry
from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import FILE, TRUST_STORE
from weighbridge.registry.base import parse_reference
from weighbridge.scaffold.files import SCAFFOLDS, write

if TYPE_CHECKING:
    import argparse

KEY = ".weighbridge/signing.pem"
SETTINGS = f"""\
# Settings of weighbridge for this folder and everything below it.
# A file of this name inside a model is never obeyed.

registry = "oci:registry"        # an OCI image layout folder beside this file
key = "{KEY}"                    # signs evidence; keep it out of version control

trust_store = "{TRUST_STORE}"       # whose signatures count; see weighbridge trust --help

[stage.production]
verdicts = ["clean"]
max_scan_age_days = 7
pickle = "convert"              # a checkpoint becomes safetensors; or "block" it

[stage.staging]
verdicts = ["clean"]
max_scan_age_days = 30
pickle = "convert"
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `init` takes."""
    parser.add_argument("what", metavar="WHAT", nargs="?", choices=SCAFFOLDS, help=", ".join(SCAFFOLDS))
    parser.add_argument("--folder", metavar="DIR", default=".", help="where to write them (default: here)")
    parser.add_argument("--model", metavar="PATH", default="model", help="what a pipeline inspects (default: model)")
    parser.add_argument(
        "--to",
        metavar="NAME",
        default="registry.example.com/models/net",
        help="where a pipeline stores it, without a tag: HOST/NAME or oci:DIR:NAME",
    )
    common.add_general(parser)


def run(options: argparse.Namespace) -> int:
    """Write what was asked for; settings and a key if nothing was."""
    if options.what is None:
        return _settings(options)
    parse_reference(f"{options.to}:latest")
    more = _policies(options) if options.what == "azure" else {}
    values = {"MODEL": options.model, "DESTINATION": options.to}
    for path in write(SCAFFOLDS[options.what], options.folder, values, more):
        common.say(options, f"wrote {path}")
    return 0


def _policies(options: argparse.Namespace) -> dict[str, str]:
    """The policies of all stages, as the settings want them, below `policy/`."""
    from weighbridge.azure.policy.bundle import bundle_of
    from weighbridge.azure.policy.knowledge import load_azure_knowledge

    settings = common.settings_for(options)
    if not settings.azure.registries:
        common.say(options, "[azure] in the settings names no registries, so that the policies let no model pass")
    return {f"policy/{path}": text for path, text in bundle_of(settings.azure, load_azure_knowledge()).items()}


def _settings(options: argparse.Namespace) -> int:
    """Write the key, then the settings that name it."""
    folder = options.folder
    settings = os.path.join(folder, FILE)
    if os.path.lexists(settings):
        raise UsageError(f"{settings} is there already", "remove it first if you want new settings")
    key, store = os.path.join(folder, KEY), os.path.join(folder, TRUST_STORE)
    if os.path.lexists(store):
        raise UsageError(f"{store} is there already", "remove it first if you want to trust nobody but the new key")
    passphrase = os.environ.get(common.PASSPHRASE)
    try:
        os.makedirs(os.path.dirname(key), mode=0o700, exist_ok=True)
        with open(os.path.join(os.path.dirname(key), ".gitignore"), "w", encoding="utf-8") as file:
            file.write("*.pem\nindex.db*\n")
        made = create_key(key, passphrase.encode() if passphrase else None)
        with open(settings, "x", encoding="utf-8") as file:
            file.write(SETTINGS)
        own = TrustEntry("this-machine", "attestation", "this machine", made.public_pem().decode(), (ANYTHING,))
        add_entry(store, own)
    except OSError as error:
        raise UsageError(f"{folder!r} cannot be written: {error.strerror}", "choose a folder of yours") from error
    common.say(options, f"wrote {settings}, {store} and the key {key} ({made.key_id[:16]}…)")
    return 0
