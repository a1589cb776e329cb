"""Write `knowledge/classes/`: what is known of the classes of published frameworks, from their source.

The wheels of `wheels.toml` are downloaded by their SHA-256 into a folder that is kept, and read as archives: nothing
of them is installed, imported or run. What `tables.toml` says is taken for granted, everything else has to be read.

Run: python -m tools.derive [--only PACKAGE] [--wheels FOLDER] [--review]
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections import Counter

from tools.derive.classify import Judgement, Rules, judge, judge_function
from tools.derive.effects import Effects, Tables
from tools.derive.source import Library, given_module
from tools.derive.table import merged, written
from tools.derive.wheels import HERE, Package, fetched, read_pins

from tools import knowledge

FOLDER = os.path.join(HERE, "..", "..", "src", "weighbridge", "knowledge", "classes")
WHEELS = os.path.join(HERE, "..", "..", "corpus", ".wheels")


def judged(wheel: str, others: list[str], top: str) -> dict[str, Judgement]:
    """What is said of every class in one wheel. `others` are the wheels in which its bases may lie."""
    with open(os.path.join(HERE, "tables.toml"), "rb") as file:
        tree = tomllib.load(file)
    library = Library([wheel, *others])
    names = ("functions", "builtins", "methods")
    functions, builtins, methods = (frozenset(tree[name]) for name in names)
    effects = Effects(library, Tables(functions, builtins, methods, tree["hooks"], frozenset(tree["loggers"])))
    rules = Rules(frozenset(tree["bases"]), frozenset(tree["sinks"]), tree["classes"], tuple(tree["references"]))
    found: dict[str, Judgement] = {}
    for name in library.names([top]):
        module = library.module(name)
        if module is None:
            continue
        for each in module.classes.values():
            found[each.shown] = judge(each, library, effects, rules)
        for key, function in module.functions.items():
            shown = f"{given_module(function) or name}:{key}"
            found.setdefault(shown, judge_function(key, function, module, library, rules))
    return found


def derive(package: Package, others: list[str], wheels: str, date: str, *, review: bool) -> None:
    """Read all versions of one package and write its table."""
    versions = []
    for wheel in package.wheels:
        versions.append((wheel.version, judged(fetched(wheel, wheels), others, package.top)))
        said = Counter(judgement.trust for judgement in versions[-1][1].values())
        print(f"{wheel.name} {wheel.version}: {', '.join(f'{n} {trust}' for trust, n in said.most_common())}")
        if review:
            why = Counter(judgement.why for judgement in versions[-1][1].values() if judgement.trust == "review")
            for text, count in why.most_common(40):
                name = next(key for key, value in versions[-1][1].items() if value.why == text)
                print(f"  {count:5}  {text}  e.g. {name}")
    rows = merged(versions)
    sources = [f"{wheel.file}@sha256:{wheel.sha256}" for wheel in package.wheels]
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, f"{package.top}.tsv"), "w", encoding="utf-8", newline="\n") as file:
        file.write(written(package.top, date, sources, rows))


def main(arguments: list[str]) -> int:
    """0: the tables are written. CorpusError, with its cause, where a wheel cannot be had."""
    parser = argparse.ArgumentParser(prog="derive", description="Derive knowledge from the source of frameworks.")
    parser.add_argument(
        "--only", metavar="PACKAGE", action="append", help="only this package (may stand several times)"
    )
    parser.add_argument("--wheels", metavar="FOLDER", default=WHEELS, help="where the wheels are kept")
    parser.add_argument("--review", action="store_true", help="print what needs review, and why")
    options = parser.parse_args(arguments)
    date, packages = read_pins()
    for package in packages:
        if options.only and package.top not in options.only:
            continue
        others = [fetched(other.wheels[-1], options.wheels) for other in packages if other.top != package.top]
        derive(package, others, options.wheels, date, review=options.review)
    knowledge.main([])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
