"""Judge and write what stands between a model and Azure, offline.

policy test    evaluate a definition against one resource as Azure would, line by line
policy lint    find what is wrong with a definition although Azure may take it
policy render  write the policies for all stages: definitions, initiative, assignments, Bicep and Terraform

Examples:
  weighbridge azure policy test definition.json deployment.json --parameters values.json
  weighbridge azure policy test definition.json deployment.json --identity pipeline.json --now 2026-11-29T12:00:00Z
  weighbridge azure policy lint definition.json
  weighbridge azure policy render --output policies
"""

from __future__ import annotations

from weighbridge.cli import azure_policy
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


NOUNS = (azure_policy,)
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
