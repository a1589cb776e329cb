"""Azure: audit an estate, check how pipelines log in, gate a deployment, publish what was admitted.

  audit     judge an exported estate against the hardening checklist
  identity  judge federated credentials and the workflows that use them
  gate      ask everything once more right before a deployment
  publish   register admitted bytes as a model asset of an Azure ML registry

Examples:
  weighbridge azure audit ./export --registry oci:registry
  weighbridge azure identity check ./export .github/workflows
  weighbridge azure gate deployment.yml --stage production --asset asset.json
  weighbridge azure publish digits:v1 --ml-registry wb-prod --dry-run
"""

from __future__ import annotations

from weighbridge.core.loading import load
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

VERBS = ("audit", "identity")
"""The verbs; the module `azure_VERB` of this package has `options(parser)` and `carry_out(options)`."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `azure` takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        module = load(f"weighbridge.cli.azure_{verb}")
        description, _, examples = (module.__doc__ or "").partition("Examples:\n")
        sub = verbs.add_parser(
            verb,
            allow_abbrev=False,
            description=description.strip(),
            epilog="Examples:\n" + examples.rstrip(),
            formatter_class=parser.formatter_class,
        )
        module.options(sub)


def run(options: argparse.Namespace) -> int:
    """Do what the verb says and give its status."""
    status: int = load(f"weighbridge.cli.azure_{options.verb}").carry_out(options)
    return status
