"""C07, and what `azure identity check` asks: federated credentials, the rights behind them, the workflows before them.

Rules that fail shut the gate. Those that warn shut it only when they are asked to be strict: they judge what is good to
have, or need something that an export seldom holds.
"""

from __future__ import annotations

from functools import partial

from weighbridge.controls import credentials, rights, workflows
from weighbridge.controls.base import Check, Control, Judged, Result, judge, not_exported
from weighbridge.controls.estate import APPLICATION, CREDENTIAL, PRINCIPAL
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from weighbridge.controls.estate import Estate
    from weighbridge.controls.workflows import Workflow


class Ruling(NamedTuple):
    """One rule: whether it fails or only warns, and whether it judges credentials or the rights behind them."""

    id: str
    title: str
    fails: bool
    checks: Callable[[Estate, bool], Iterator[Check]]


RULES = (
    Ruling("FIC-01", "The issuer is GitHub Actions, exactly", True, credentials.issuer),
    Ruling("FIC-02", "The audience is the token exchange, and no other", True, credentials.audience),
    Ruling("FIC-03", "The subject names one repository and one environment", True, credentials.subject_form),
    Ruling("FIC-04", "No pull request, branch or tag is enough", True, credentials.no_branches),
    Ruling("FIC-05", "The environment is ours and protected", False, credentials.environment),
    Ruling("FIC-06", "The template of subjects names the environment", False, credentials.customised),
    Ruling("FIC-07", "Flexible expressions name one repository and workflow", True, credentials.flexible),
    Ruling("FIC-08", "No secrets and no certificates", True, rights.no_secrets),
    Ruling("FIC-09", "Nobody owns the application", False, rights.owners),
    Ruling("FIC-10", "Its roles are narrow", True, rights.scoped),
    Ruling("FIC-11", "It has no role of Graph that leads to all others", True, rights.graph_roles),
    Ruling("FIC-12", "Who pushes does not deploy", False, rights.apart),
    Ruling("FIC-13", "No other credential takes the same token", False, credentials.unique),
)
NEED_MORE = frozenset(("FIC-05", "FIC-06", "FIC-08", "FIC-09", "FIC-10", "FIC-11", "FIC-12"))
"""Rules that judge what lies behind a credential: not given, they are unknown."""
WORKFLOW_RULES = (
    ("WF-00", "The workflows can be understood", workflows.understood),
    ("WF-01", "Jobs that log in have the least permissions", workflows.permissions),
    ("WF-02", "Jobs that log in run in an environment", workflows.environments),
    ("WF-03", "Actions are pinned by commit", workflows.pinned),
    ("WF-04", "No stranger starts them", workflows.triggers),
    ("WF-05", "No client secrets", workflows.secretless),
)
ABSENT = "nothing that it judges was given"


class Answered(NamedTuple):
    """One rule and its answer; `shuts` says whether the gate stays shut for it."""

    judged: Judged
    fails: bool
    shuts: bool


def check_identities(estate: Estate, files: Sequence[Workflow], strict: bool) -> tuple[Answered, ...]:
    """Ask every rule. What lies behind a credential and was not given at all shuts the gate only when strict."""
    answers = []
    given = bool(credentials.credentials(estate) or estate.of(APPLICATION, PRINCIPAL, CREDENTIAL))
    for rule in RULES:
        ask = partial(_ruled, rule=rule, strict=strict, given=given)
        judged = judge(Control(rule.id, rule.title, ask, ABSENT), estate)
        bad = judged.result is Result.FAIL or (
            judged.result is Result.UNKNOWN and (strict or rule.id not in NEED_MORE or _cut(judged))
        )
        answers.append(Answered(judged, rule.fails, bad and (rule.fails or strict)))
    for name, title, ask_file in WORKFLOW_RULES:
        every = partial(_all, files=files, ask=ask_file)
        judged = judge(Control(name, title, every, ABSENT), estate)
        answers.append(Answered(judged, True, judged.result in (Result.FAIL, Result.UNKNOWN)))
    return tuple(answers)


def only_federated(estate: Estate) -> Iterator[Check]:
    """C07: every rule that fails, over everything that was exported."""
    collections = ("federatedCredentials", "applications", "servicePrincipals")
    missing = [check for name in collections for check in not_exported(estate, name, "pipelines", "az ad app list …")]
    yield from missing
    if missing or credentials.credentials(estate) or estate.of(APPLICATION, PRINCIPAL):
        for rule in RULES:
            if rule.fails:
                yield from rule.checks(estate, False)


def commands(estate: Estate, answers: Sequence[Answered], application: str) -> tuple[str, ...]:
    """The commands that mend what fails, once each: whole credentials first."""
    faulty = {
        check.resource
        for answer in answers
        for check in answer.judged.checks
        if answer.judged.id in ("FIC-01", "FIC-02", "FIC-03", "FIC-04", "FIC-07") and check.result is not Result.PASS
    }
    written = [
        credentials.command(one, estate, application)
        for one in credentials.credentials(estate)
        if credentials.label(one) in faulty
    ]
    written += [
        check.mend
        for answer in answers
        for check in answer.judged.checks
        if answer.judged.id in ("FIC-08", "FIC-10") and check.result is Result.FAIL
    ]
    return tuple(dict.fromkeys(written))


def _cut(judged: Judged) -> bool:
    return any(check.observed == "exported in part" for check in judged.checks)


def _ruled(estate: Estate, rule: Ruling, *, strict: bool, given: bool) -> Iterator[Check]:
    if given:
        yield from rule.checks(estate, strict)


def _all(estate: Estate, files: Sequence[Workflow], ask: Callable[[Workflow], Iterator[Check]]) -> Iterator[Check]:
    del estate
    for file in files:
        yield from ask(file)
