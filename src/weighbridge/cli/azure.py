"""Azure: audit an estate, judge policies and how pipelines log in, gate a deployment, publish what was admitted.

  policy    evaluate, lint and write policy definitions
  audit     judge an exported estate against the hardening checklist
  identity  judge federated credentials and the workflows that use them
  gate      ask everything once more right before a deployment
  publish   register admitted bytes as a model asset of an Azure ML registry

Examples:
  weighbridge azure audit ./export --registry oci:registry
  weighbridge azure policy test definition.json deployment.json --parameters values.json
  weighbridge azure policy lint definition.json
  weighbridge azure policy render --output policies
  weighbridge azure identity check ./export .github/workflows
  weighbridge azure gate deployment.yml --stage staging --ml-registry wb-prod --asset asset.json
  weighbridge azure publish digits:v1 --ml-registry wb-prod --dry-run
"""

from __future__ import annotations

from weighbridge.cli import azure_audit, azure_gate, azure_identity, azure_policy, azure_publish
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NOUNS = (azure_policy, azure_audit, azure_identity, azure_gate, azure_publish)
"""A module for each noun: `add` makes its parser, whose default `work` does what is asked."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `azure` takes."""
    nouns = parser.add_subparsers(dest="noun", metavar="NOUN", required=True)
    for module in NOUNS:
        module.add(nouns)


def run(options: argparse.Namespace) -> int:
    """Do what the noun's action says."""
    status: int = options.work(options)
    return status
