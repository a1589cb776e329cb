"""Which engines there are, and asking those that were chosen."""

from __future__ import annotations

import os
import secrets
import sys

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import judge
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.base import MOST_FINDINGS, MOST_TEXT, Answer, Engine, EngineReport, EngineVerdict, File, Job
from weighbridge.engines.fickling import FICKLING
from weighbridge.engines.find import locate, real, version_of
from weighbridge.engines.modelaudit import MODELAUDIT
from weighbridge.engines.modelscan import MODELSCAN
from weighbridge.engines.nbdefense import NBDEFENSE
from weighbridge.engines.picklescan import PICKLESCAN
from weighbridge.engines.semgrep import SEMGREP
from weighbridge.engines.yara import YARA
from weighbridge.sandbox.run import open_up, run
from weighbridge.scan.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from weighbridge.core.artifact import InspectedFile
    from weighbridge.engines.base import Wanted
    from weighbridge.sandbox.records import Outcome

ENGINES: Mapping[str, Engine] = {
    engine.name: engine for engine in (MODELSCAN, FICKLING, PICKLESCAN, MODELAUDIT, NBDEFENSE, SEMGREP, YARA)
}
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACK = os.path.join("packs", "semgrep")
_SHOWN_UNREAD = 5


def chosen(wanted: Wanted) -> list[tuple[Engine, str]]:
    """The engines that were asked for, each once, with their programs.

    Raises UsageError for one that is unknown or not installed, before anything is inspected.
    """
    pairs = []
    for name in dict.fromkeys(wanted.names):
        engine = ENGINES[name]
        pairs.append((engine, program_of(engine, wanted.paths.get(name, ""))))
        if engine is YARA and not wanted.yara_rules:
            raise UsageError("yara-x has no rules of its own", "name a file with --yara-rules FILE")
    if wanted.yara_rules and not os.path.isfile(wanted.yara_rules):
        raise UsageError(f"{wanted.yara_rules!r} is no file with rules", "mend the path of --yara-rules")
    return pairs


def program_of(engine: Engine, given: str) -> str:
    """Where the engine's program is. YARA-X is a module: the Python that has it is its program."""
    if engine is not YARA:
        return locate(engine, given)
    python = locate(engine, given) if given else real(sys.executable)
    if version_of(python, engine.distribution):
        return python
    cause = f"{given!r} is no Python that has yara_x" if given else "the engine yara-x is not installed"
    raise UsageError(cause, f"{engine.install}; or name a Python that has it with --engine-path yara-x=PYTHON")


def ask(
    pairs: Sequence[tuple[Engine, str]],
    top: str,
    files: Sequence[InspectedFile],
    wanted: Wanted,
    note: Callable[[str], None],
) -> tuple[EngineReport, ...]:
    """What each engine says of the private copy at `top`, whose files Weighbridge inspected as `files`.

    Raises SandboxError if no walls can be built. An engine that fails is a report that says so.
    """
    open_up(top)
    formats = {file.path: file.format for file in files}
    taken = []
    for entry in walk(top, len(files) + 1_000_000):
        path = "/".join(map(escape_name, entry.path.split("/")))
        if entry.kind == "file":
            taken.append(File(entry.path, path, formats.get(path, "")))
    reports = []
    for engine, program in pairs:
        note(f"asking {engine.name}")
        rules = wanted.yara_rules if engine is YARA else semgrep_pack() if engine is SEMGREP else ""
        job = Job(program, top, taken, rules, secrets.token_hex(16))
        reports.append(_asked(engine, job, wanted))
    return tuple(reports)


def semgrep_pack() -> str:
    """The folder with our rules for semgrep: in the installed package, or in the checkout beside `src`."""
    for root in (_PACKAGE, os.path.dirname(os.path.dirname(_PACKAGE))):
        folder = os.path.join(root, _PACK)
        if os.path.isdir(folder):
            return folder
    raise UsageError("the rules for semgrep are not installed", "install Weighbridge again")


def _asked(engine: Engine, job: Job, wanted: Wanted) -> EngineReport:
    version = version_of(job.program, engine.distribution)
    program = engine.prepare(job)
    if program is None:
        return EngineReport(engine.name, version, "not-applicable", (), "ran", "no file that it reads", 0, "")
    outcome = run(program, engine.bounds._replace(wall_seconds=wanted.seconds), unsafe=wanted.unsafe)
    answer = _answer(engine, outcome, job)
    return report_of(engine.name, answer._replace(version=answer.version or version), outcome.walls.text)


def _answer(engine: Engine, outcome: Outcome, job: Job) -> Answer:
    if outcome.ending != "exit":
        return Answer(failed=f"it {outcome.text}")
    try:
        answer = engine.read(outcome, job)
    except ValueError as error:
        last = outcome.err.decode(errors="replace").strip().rpartition("\n")[2]
        answer = Answer(failed="; ".join(filter(None, (str(error), last[:300]))))
    # Where the copy lay says nothing to anybody, and is another place each time.
    top = outcome.places["model"]
    unread = tuple(text.replace(f"{top}/", "").replace(top, os.path.basename(top)) for text in answer.unread)
    return answer._replace(unread=unread, failed=answer.failed.replace(f"{top}/", ""))


def report_of(name: str, answer: Answer, walls: str) -> EngineReport:
    """An answer as a report: a failure or anything unread is never clean."""
    if answer.failed:
        return EngineReport(name, answer.version, "incomplete", (), "failed", answer.failed[:MOST_TEXT], 0, walls)
    unread = list(answer.unread)
    if len(answer.findings) > MOST_FINDINGS:
        unread.append(f"{len(answer.findings) - MOST_FINDINGS} more findings are left out")
    ranked = sorted(
        answer.findings, key=lambda found: (-found.severity.rank, found.location, found.title, found.evidence)
    )
    found = tuple(ranked[:MOST_FINDINGS])
    verdict: EngineVerdict = judge(found, unread=bool(unread)).value
    if not answer.files and not found and not unread:
        return EngineReport(name, answer.version, "not-applicable", (), "ran", "it read no file", 0, walls)
    more = [f"and {len(unread) - _SHOWN_UNREAD} more"] if len(unread) > _SHOWN_UNREAD else []
    why = "; ".join([*unread[:_SHOWN_UNREAD], *more])[:MOST_TEXT]
    return EngineReport(name, answer.version, verdict, found, "partly" if unread else "ran", why, answer.files, walls)
