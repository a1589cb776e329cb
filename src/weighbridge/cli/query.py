"""Ask the index: which models contain, declare, come from or are something. No model and no registry is read.

Fields are compared by =, != and, where they have an order, <, <=, >, >=; by in (…); joined by and, or, not and
parentheses. * stands for anything, ? for one character; != is the opposite of =, so that none fits. A field alone
asks whether there is any. docs/query.md lists the fields.

Status 0, with or without hits: an answer is no judgement. Status 2: the query cannot be understood (the column and what
was meant are named), or there is no index.

Examples:
  weighbridge query 'global = "numpy.f2py*"'
  weighbridge query 'deployed = production and (global = "os.*" or operator = "com.*:*")'
  weighbridge query 'licence = "*NC*" and not publisher in (acme, "our-*")' --format csv
  weighbridge query 'verdict != clean and size > 1GB and scanned < 2026-06-01' --format json
"""

from __future__ import annotations

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

LIMIT = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `query` takes."""
    parser.add_argument("query", metavar="QUERY", help="comparisons of fields, as in the examples")
    parser.add_argument("--limit", metavar="N", type=int, default=LIMIT, help=f"at most N models (default: {LIMIT})")
    common.add_output(parser, ("text", "json", "csv"))


def run(options: argparse.Namespace) -> int:
    """Ask and print the answer."""
    from weighbridge.index.asking import MOST, ask
    from weighbridge.index.language import read_query
    from weighbridge.index.models import open_index
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX
    from weighbridge.render import index as rendered

    if not 1 <= options.limit <= MOST:
        raise UsageError(f"--limit {options.limit} is not possible", f"write a number from 1 to {MOST}")
    query = read_query(options.query)
    settings = common.settings_for(options)
    index = open_index(settings.index_address or DEFAULT_INDEX)
    answer = ask(index, query, count=options.limit)
    index.close()
    if options.format == "json":
        common.write(options, rendered.answer_json(options.query, answer))
    elif options.format == "csv":
        common.write(options, rendered.answer_csv(answer))
    else:
        common.write(options, rendered.answer_text(answer))
    return 0
