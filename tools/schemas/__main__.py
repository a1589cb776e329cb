"""Write the JSON Schemas, or say which are not what they should be."""

from __future__ import annotations

import argparse
import os
import sys

from tools.schemas import out_of_date, write


def main(arguments: list[str]) -> int:
    """0: the files are what the generator makes. 1: with --check, they are not; each is one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.schemas", description="Generate the JSON Schemas from the record types."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a file is out of date")
    options = parser.parse_args(arguments)
    stale = out_of_date()
    if not options.check:
        write(stale)
    for path in stale:
        print(f"{'out of date' if options.check else 'wrote'}: {os.path.relpath(path)}", file=sys.stderr)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
