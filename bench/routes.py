"""Ask every scanner about every attack route and every honest file, and write down what each one says.

    PYTHONPATH=tests python bench/routes.py     # all: about six minutes
    … bench/routes.py --tool weighbridge         # one tool (may stand several times); the others' answers stay
    … bench/routes.py --only zip-name            # one route (may stand several times); the other routes stay
    … bench/routes.py --page                     # measure nothing: write docs/peers.md from the result again

Each file is scanned by the installed command-line tool in a process of its own, with limited time and memory. The
answers go to results/routes.json and, as a page, to docs/peers.md. Status 2 means that it could not be run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import archive_routes
import disguise_routes
import gadget_routes
import honest_routes
import peer_page
import pickle_routes
import stream_routes
from corpus import WORK
from measure import measure, output
from outcomes import OURS, TOOLS, WORDS, Said, Tool
from peer_page import PAGE, RESULTS, SCHEMA
from peers import OURS as OUR_FOLDER
from peers import PEERS, peer_bin, prepare_ours, prepare_peer
from route import GROUPS, Route, write

MODULES = (pickle_routes, gadget_routes, stream_routes, archive_routes, disguise_routes, honest_routes)
ROUTES: list[Route] = sorted(
    (route for module in MODULES for route in module.ROUTES), key=lambda route: list(GROUPS).index(route.group)
)
PATIENCE = 60.0
"""Seconds of wall time for one file; who takes longer is stopped, and has failed."""
FILES = os.path.join(WORK, "routes")


def main(arguments: list[str]) -> int:
    """Ask, and keep after every route what is known by then."""
    parser = argparse.ArgumentParser(prog="bench/routes.py", description="Ask every scanner about every route.")
    parser.add_argument("--only", metavar="ROUTE", action="append", help="only this route (may stand several times)")
    parser.add_argument("--tool", metavar="TOOL", action="append", help="only this tool (may stand several times)")
    parser.add_argument("--page", action="store_true", help="only write the page from the result that there is")
    options = parser.parse_args(arguments)
    _refuse(parser, "route", options.only, [route.id for route in ROUTES])
    _refuse(parser, "tool", options.tool, [tool.name for tool in TOOLS])
    before = _read()
    if not options.page:
        tools = [tool for tool in TOOLS if not options.tool or tool.name in options.tool]
        try:
            _prepare(tools)
        except subprocess.CalledProcessError as error:
            print(f"bench: an environment cannot be made: {error}", file=sys.stderr)
            return 2
        for number, route in enumerate(ROUTES, 1):
            if not options.only or route.id in options.only:
                print(f"{number}/{len(ROUTES)} {route.id}", file=sys.stderr, flush=True)
                before["routes"][route.id] = before["routes"].get(route.id, {}) | asked(route, tools)
                before["tools"] |= {tool.name: _version(tool) for tool in tools}
                _keep(before)
    document = _keep(before)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(peer_page.page(document))
    return 0


def asked(route: Route, tools: list[Tool]) -> dict[str, dict[str, Any]]:
    """What each tool says about a route: word, exit status and the reason."""
    folder = os.path.join(FILES, route.id)
    shutil.rmtree(folder, ignore_errors=True)
    path = write(route, folder)
    answers = {tool.name: _answer(tool, path) for tool in tools}
    shutil.rmtree(folder)
    if route.honest:
        for answer in answers.values():
            answer["outcome"] = {"stops": "alarm"}.get(answer["outcome"], answer["outcome"])
    return answers


def _answer(tool: Tool, path: str) -> dict[str, Any]:
    paths = [path]
    if os.path.isdir(path) and not tool.folders:
        paths = sorted(os.path.join(place, name) for place, _, names in os.walk(path) for name in names)
    said = [_one(tool, each) for each in paths]
    return min(said, key=lambda answer: WORDS.index(answer["outcome"]))


def _one(tool: Tool, path: str) -> dict[str, Any]:
    programs = peer_bin(tool.package) if tool.package else os.path.join(OUR_FOLDER, "bin")
    run = measure([part.format(bin=programs, path=path) for part in tool.command], PATIENCE)
    if run.late:
        return {"outcome": "fails", "status": run.status, "why": f"stopped after {PATIENCE:.0f} s"}
    said = tool.read(run.status, _text("out"), _text("err")) if run.status >= 0 else Said("fails", "killed by a signal")
    return {"outcome": said.word, "status": run.status, "why": said.why}


def _text(which: str) -> str:
    with open(output(which), encoding="utf-8", errors="replace") as file:
        return file.read()


def _prepare(tools: list[Tool]) -> None:
    os.makedirs(WORK, exist_ok=True)
    for tool in tools:
        if tool.package:
            prepare_peer(PEERS[tool.package])
        else:
            prepare_ours()


def _version(tool: Tool) -> dict[str, str]:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    if tool.package:
        return {"version": PEERS[tool.package].version, "date": today}
    said = subprocess.run([f"{OUR_FOLDER}/bin/{OURS}", "--version"], capture_output=True, text=True, check=True)
    return {"version": said.stdout.strip().rpartition(" ")[2], "date": today}


def _refuse(parser: argparse.ArgumentParser, kind: str, asked_for: list[str] | None, there: list[str]) -> None:
    unknown = set(asked_for or ()) - set(there)
    if unknown:
        parser.error(f"no such {kind}: {', '.join(sorted(unknown))}; there are: {', '.join(there)}")


def _read() -> dict[str, Any]:
    """The earlier answers: tools by name, outcomes by route."""
    try:
        with open(RESULTS, encoding="utf-8") as file:
            document = json.load(file)
    except FileNotFoundError:
        return {"tools": {}, "routes": {}}
    return {"tools": document["tools"], "routes": {row["route"]: row["outcomes"] for row in document["routes"]}}


def _keep(answers: dict[str, Any]) -> dict[str, Any]:
    """Write the result, whole or not at all. Routes that are no more fall out of it."""
    rows = [
        {
            "route": route.id,
            "group": route.group,
            "about": route.about,
            "reference": route.reference,
            "outcomes": {tool.name: there[tool.name] for tool in TOOLS if tool.name in there},
        }
        for route in ROUTES
        if (there := answers["routes"].get(route.id))
    ]
    document = {"schema": SCHEMA, "seconds": PATIENCE, "tools": answers["tools"], "routes": rows}
    os.makedirs(os.path.dirname(RESULTS), exist_ok=True)
    with open(f"{RESULTS}.partial", "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    os.replace(f"{RESULTS}.partial", RESULTS)
    return document


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
