"""Write weighbridge.toml and a signing key that the new settings trust, so that both gates work at once.

Nothing is overwritten. With WEIGHBRIDGE_KEY_PASSPHRASE set, the key is encrypted with it.

Examples:
  weighbridge init
  weighbridge init --folder ./project
"""

from __future__ import annotations

import os

from weighbridge.attest.signers import create_key
from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import FILE

if TYPE_CHECKING:
    import argparse

KEY = ".weighbridge/signing.pem"
SETTINGS = f"""\
# Settings of weighbridge for this folder and everything below it.
# A file of this name inside a model is never obeyed.

registry = "oci:registry"        # an OCI image layout folder beside this file
key = "{KEY}"                    # signs evidence; keep it out of version control

[[trust]]                        # whose evidence the gates believe
name = "this machine"
key = "{KEY}.pub"
may_sign = ["*"]

[stage.production]
verdicts = ["clean"]
max_scan_age_days = 7

[stage.staging]
verdicts = ["clean"]
max_scan_age_days = 30
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `init` takes."""
    parser.add_argument("--folder", metavar="DIR", default=".", help="where to write them (default: here)")
    common.add_general(parser)


def run(options: argparse.Namespace) -> int:
    """Write the key, then the settings that name it."""
    folder = options.folder
    settings = os.path.join(folder, FILE)
    if os.path.lexists(settings):
        raise UsageError(f"{settings} is there already", "remove it first if you want new settings")
    key = os.path.join(folder, KEY)
    passphrase = os.environ.get(common.PASSPHRASE)
    try:
        os.makedirs(os.path.dirname(key), mode=0o700, exist_ok=True)
        with open(os.path.join(os.path.dirname(key), ".gitignore"), "w", encoding="utf-8") as file:
            file.write("*.pem\n")
        made = create_key(key, passphrase.encode() if passphrase else None)
        with open(settings, "x", encoding="utf-8") as file:
            file.write(SETTINGS)
    except OSError as error:
        raise UsageError(f"{folder!r} cannot be written: {error.strerror}", "choose a folder of yours") from error
    common.say(options, f"wrote {settings} and the key {key} ({made.key_id[:16]}…)")
    return 0
