"""Say what a rule finds, why it matters and what to do.

Examples:
  weighbridge explain pickle/dangerous-call
"""

from __future__ import annotations

from weighbridge.cli import common
from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules import RULES

if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `explain` takes."""
    parser.add_argument("rule", metavar="RULE", help="the id of a rule, as in pickle/dangerous-call")
    common.add_output(parser, ("text", "markdown"))


def run(options: argparse.Namespace) -> int:
    """Print the documentation of one rule."""
    known = {rule.id: rule for rule in RULES}
    if options.rule not in known:
        mend = did_you_mean(options.rule, known, "weighbridge rules lists them all")
        raise UsageError(f"{options.rule!r} is no rule", mend)
    from weighbridge.render.rule_page import rule_page, rule_text

    rule = known[options.rule]
    common.write(options, rule_page(rule) if options.format == "markdown" else rule_text(rule))
    return 0
