"""Runs in the sandbox, under the Python that has yara_x: yara_child.py RULES MODEL. Prints one JSON object.

Nothing of Weighbridge is imported here: this file is all of it that the sandbox sees.
"""

import json
import os
import sys
from typing import Any

SECONDS = 60
"""For one file."""
MOST_MATCHES = 2_000
MOST_OF_ONE = 20
"""Places of one pattern in one file."""


def files(top: str) -> list[str]:
    """Regular files below `top`, or `top` itself; no link is followed."""
    if not os.path.isdir(top):
        return [top]
    found = [os.path.join(place, name) for place, _, names in os.walk(top) for name in names]
    return sorted(path for path in found if os.path.isfile(path) and not os.path.islink(path))


def matches(results: Any, path: str) -> list[dict[str, Any]]:
    """Every rule that matched `path`, once for each place of each pattern."""
    made = []
    for rule in results.matching_rules:
        row = {"path": path, "rule": rule.identifier, "namespace": rule.namespace, "tags": list(rule.tags)}
        row["meta"] = {key: value for key, value in rule.metadata if isinstance(value, str)}
        places = [(hit.identifier, place) for hit in rule.patterns for place in hit.matches[:MOST_OF_ONE]]
        for name, place in places:
            made.append({**row, "pattern": name, "offset": place.offset, "length": place.length})
        if not places:
            made.append(row)
    return made


def main() -> int:
    """Compile, scan, print."""
    import yara_x  # type: ignore[import-not-found, import-untyped, unused-ignore]

    rules, top = sys.argv[1:]
    compiler = yara_x.Compiler()
    compiler.enable_includes(False)
    with open(rules, encoding="utf-8") as file:
        compiler.add_source(file.read())
    scanner = yara_x.Scanner(compiler.build())
    scanner.set_timeout(SECONDS)
    found: list[dict[str, Any]] = []
    errors = []
    read = 0
    for path in files(top):
        try:
            found += matches(scanner.scan_file(path), path)
        except (OSError, yara_x.ScanError, yara_x.TimeoutError) as error:
            errors.append(f"{os.path.relpath(path, top)}: {type(error).__name__}: {error}")
            continue
        read += 1
    if len(found) > MOST_MATCHES:
        errors.append(f"{len(found) - MOST_MATCHES} more matches are left out")
    sys.stdout.write(json.dumps({"files": read, "matches": found[:MOST_MATCHES], "errors": errors}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
