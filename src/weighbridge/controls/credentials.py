"""Federated credentials: what a token must say so that Entra ID takes it, FIC-01 to FIC-07 and FIC-13.

    issuer     https://token.actions.githubusercontent.com          exactly; or one that the owners name
    audience   api://AzureADTokenExchange                           exactly one
    subject    repo:OWNER@ID/REPO@ID:environment:NAME               immutable: names can be taken over, ids cannot
               repo:OWNER/REPO:environment:NAME                     mutable: a remark, a failure when strict
               repository_owner_id:ID:repository_id:ID:environment:NAME
    flexible   claims['sub'] eq '…' and claims['job_workflow_ref'] eq '…@refs/heads/main'

A subject is compared literally: a `*` in it never matches anything, so such a credential is dead and not broad.
Sources: learn.microsoft.com, "Workload identity federation", "Flexible federated identity credentials";
docs.github.com, "OpenID Connect reference", immutable subjects (2026).
"""

from __future__ import annotations

import re

from weighbridge.controls.base import Check, Result, found, remark, unknown
from weighbridge.controls.estate import APPLICATION, CREDENTIAL, Missing, Resource, items, look, shown
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "api://AzureADTokenExchange"
ENVIRONMENTS = ("production", "staging", "sandbox")
ENVIRONMENT = "github/environments"
OIDC = "github/oidc"
SUBJECT = re.compile(
    r"repo:(?P<owner>[^/*:@\s]+)(?P<oid>@\d+)?/(?P<repo>[^/*:@\s]+)(?P<rid>@\d+)?:environment:(?P<env>[^*?\s]+)"
)
BY_IDS = re.compile(r"repository_owner_id:\d+:repository_id:\d+:environment:(?P<env>[^*?\s]+)")
_TERM = re.compile(r"\s*claims\['(?P<claim>[a-z_]+)'\]\s+(?P<operator>eq|matches)\s+'(?P<value>(?:[^']|'')*)'\s*")
_PINNED = re.compile(r"[^*?]+@(?:refs/heads/main|[0-9a-f]{40})")
WANTED = "repo:OWNER@ID/REPO@ID:environment:NAME"


def credentials(estate: Estate) -> tuple[Resource, ...]:
    """All federated credentials, those inside of applications included."""
    nested = [
        Resource(str(one.get("id", "")), CREDENTIAL, one, f"{app.source}/federatedIdentityCredentials/{index}")
        for app in estate.of(APPLICATION)
        for index, one in enumerate(items(app.body.get("federatedIdentityCredentials")))
        if isinstance(one, dict)
    ]
    return (*estate.of(CREDENTIAL), *nested)


def label(one: Resource) -> str:
    """What a credential is called."""
    name = look(one, "name")
    return f"{one.id or one.source} ({name})" if isinstance(name, str) and name not in one.id else one.id or one.source


def subject(one: Resource) -> str | None:
    """The subject, or None if there is none."""
    value = look(one, "properties.subject")
    return value if isinstance(value, str) and value else None


def expression(one: Resource) -> str | None:
    """The expression of a flexible credential, or None."""
    value = look(one, "properties.claimsMatchingExpression.value")
    return value if isinstance(value, str) and value else None


def issuer(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-01: tokens come from GitHub Actions, or from where the owners say, exactly."""
    del strict
    allowed = estate.issuers or (ISSUER,)
    for one in credentials(estate):
        value = look(one, "properties.issuer")
        met = isinstance(value, str) and value in allowed and value.startswith("https://") and not value.endswith("/")
        yield _about(one, "issuer", met, shown(value), " or ".join(allowed))


def audience(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-02: they are for this exchange and nothing else."""
    del strict
    for one in credentials(estate):
        value = look(one, "properties.audiences")
        yield _about(one, "audiences", value == [AUDIENCE], shown(value), f'["{AUDIENCE}"]')


def subject_form(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-03: the subject names one repository and one environment."""
    for one in credentials(estate):
        value = subject(one)
        if value is None:
            if expression(one) is None:
                yield _about(one, "subject", False, "absent, and no expression either", WANTED)
            continue
        if expression(one) is not None:
            yield _about(one, "subject", False, "both a subject and an expression", "one of the two")
            continue
        if (
            not str(look(one, "properties.issuer")).startswith(ISSUER)
            and look(one, "properties.issuer") in estate.issuers
        ):
            # Another provider that the owners believe: its subjects have forms of their own.
            yield _about(one, "subject", not set("*?") & set(value), value, "one subject, exactly")
            continue
        whole, by_ids = SUBJECT.fullmatch(value), BY_IDS.fullmatch(value)
        if "*" in value or "?" in value:
            yield _about(one, "subject", False, f"{value} is dead: it is compared literally", WANTED)
        elif not whole and not by_ids:
            yield _about(one, "subject", False, value, WANTED)
        elif whole and not (whole["oid"] and whole["rid"]):
            seen = f"{value} is mutable: whoever gets the names gets the tokens"
            if strict:
                yield _about(one, "subject", False, seen, WANTED)
            else:
                yield _about(one, "subject", True, value, WANTED)
                yield remark(one._replace(id=label(one)), "subject", seen, WANTED)
        else:
            yield _about(one, "subject", True, value, WANTED)


def no_branches(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-04: neither a pull request nor a branch or tag is enough."""
    del strict
    for one in credentials(estate):
        said = " ".join(filter(None, (subject(one), expression(one))))
        odd = next(
            (part for part in (":pull_request", ":ref:refs/heads/", ":ref:refs/tags/", ":ref:") if part in said), ""
        )
        yield _about(one, "subject", not odd, odd or "neither", "no pull request, no branch, no tag")


def environment(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-05: the environment is one of ours, and GitHub protects it."""
    del strict
    allowed = estate.environments or ENVIRONMENTS
    protections = {str(look(one, "name")): one for one in estate.of(ENVIRONMENT)}
    for one in credentials(estate):
        value = subject(one) or ""
        match = SUBJECT.fullmatch(value) or BY_IDS.fullmatch(value)
        if not match:
            continue
        name = match["env"]
        yield _about(one, "subject", name in allowed, name, f"an environment of {', '.join(allowed)}")
        guarded = protections.get(name)
        if guarded is None:
            how = f"gh api repos/OWNER/REPO/environments/{name} > environment.json"
            yield unknown(label(one), f"environment {name}", "its protection is not in the export", "reviewers", how)
            continue
        rules = items(look(guarded, "protection_rules"))
        kinds = {str(rule.get("type")) for rule in rules if isinstance(rule, dict)}
        met = "required_reviewers" in kinds or isinstance(look(guarded, "deployment_branch_policy"), dict)
        seen = ", ".join(sorted(kinds)) or "no rules"
        wanted = "required reviewers or a policy of branches"
        yield found(guarded._replace(id=name), "protection_rules", met, seen, wanted, "protect it in its settings")


def customised(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-06: the organisation's template of subjects still names the environment."""
    del strict
    if credentials(estate) and not estate.of(OIDC):
        how = "gh api repos/OWNER/REPO/actions/oidc/customization/sub > oidc.json"
        yield unknown("GitHub", "oidc customization", "not in the export", "a template with the environment", how)
    for one in estate.of(OIDC):
        keys = items(look(one, "include_claim_keys"))
        met = look(one, "use_default") is True or bool({"environment", "context"} & {str(key) for key in keys})
        yield found(
            one._replace(id="oidc customization"), "include_claim_keys", met, shown(keys), "environment or context"
        )


def flexible(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-07: an expression names one repository, and the workflow that may ask."""
    del strict
    for one in credentials(estate):
        text = expression(one)
        if text is None:
            continue
        path = "claimsMatchingExpression.value"
        version = look(one, "properties.claimsMatchingExpression.languageVersion")
        if version != 1:
            yield _about(one, "claimsMatchingExpression.languageVersion", False, shown(version), "1")
        fault = expression_fault(text)
        wanted = (
            "claims['sub'] of one repository and claims['job_workflow_ref'] eq a workflow @refs/heads/main or a commit"
        )
        yield _about(one, path, not fault, f"{fault}: {text}" if fault else text, wanted)


def expression_fault(text: str) -> str:
    """What is wrong with an expression, or an empty string."""
    terms, place = [], 0
    while True:
        term = _TERM.match(text, place)
        if term is None:
            return "it cannot be understood"
        terms.append((term["claim"], term["operator"], term["value"].replace("''", "'")))
        place = term.end()
        if place == len(text):
            break
        if not text.startswith("and ", place):
            return "only 'and' joins its parts"
        place += len("and ")
    claims = [claim for claim, _, _ in terms]
    if odd := [claim for claim in claims if claim not in ("sub", "job_workflow_ref")]:
        return f"the claim {odd[0]} is not one of GitHub's that count"
    if "sub" not in claims:
        return "it says nothing of the subject"
    pinned = any(claim == "job_workflow_ref" and _PINNED.fullmatch(value) for claim, _, value in terms)
    for claim, operator, value in terms:
        if claim != "sub":
            continue
        repository, _, rest = value.removeprefix("repo:").partition(":")
        if not value.startswith("repo:") or repository.count("/") != 1 or "*" in repository or "?" in repository:
            return "it lets in more than one repository"
        if operator == "matches" and not pinned:
            return "a pattern of subjects without one workflow"
        if operator == "eq" and not rest.startswith("environment:") and not pinned:
            return "neither an environment nor one workflow"
    return ""


def unique(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-13: no two credentials take the same token."""
    del strict
    seen: dict[tuple[str, str], Resource] = {}
    for one in credentials(estate):
        key = (str(look(one, "properties.issuer")), subject(one) or expression(one) or "")
        there = seen.setdefault(key, one)
        other = "" if there is one else label(there)
        yield _about(
            one, "subject", not other, f"as {other}" if other else "its own", "one credential for each subject"
        )


def command(one: Resource, estate: Estate, application: str) -> str:
    """The command that makes a credential what it should be."""
    import json
    import shlex

    value = subject(one) or ""
    match = re.match(r"repo:(?P<owner>[^/:@*]+)(?P<oid>@\d+)?/(?P<repo>[^/:@*]+)(?P<rid>@\d+)?", value)
    owner, repo = (match["owner"], match["repo"]) if match else ("OWNER", "REPO")
    oid, rid = ((match["oid"], match["rid"]) if match else (None, None)) or (None, None)
    named = SUBJECT.fullmatch(value)
    wanted = (estate.environments or ENVIRONMENTS)[0]
    place = named["env"] if named and named["env"] in (estate.environments or ENVIRONMENTS) else wanted
    right = f"repo:{owner}{oid or '@OWNER_ID'}/{repo}{rid or '@REPO_ID'}:environment:{place}"
    name = look(one, "name")
    name = name if isinstance(name, str) else one.name
    sure = (estate.issuers or (ISSUER,))[0]
    ids = (
        ""
        if oid and rid
        else f"gh api {shlex.quote(f'repos/{owner}/{repo}')} --jq '\"@\\(.owner.id) @\\(.id)\"'\n"
        if match
        else ""
    )
    if one.id.lower().startswith("/subscriptions/"):
        identity = one.id.split("/")[8]
        words = ["az", "identity", "federated-credential", "update", "--name", name, "--identity-name", identity]
        words += ["--resource-group", one.group, "--issuer", sure, "--subject", right, "--audiences", AUDIENCE]
    else:
        parameters = {"name": name, "issuer": sure, "subject": right, "audiences": [AUDIENCE]}
        words = ["az", "ad", "app", "federated-credential", "update", "--id", application or "APP_ID"]
        words += ["--federated-credential-id", one.id or name, "--parameters", json.dumps(parameters)]
    return ids + " ".join(map(shlex.quote, words))


def _about(one: Resource, path: str, met: bool, observed: str, expected: str) -> Check:
    if look(one, f"properties.{path}") is Missing.UNREAD:
        return unknown(label(one), path, "not in the export", expected, "export the credential whole")
    check = found(one, path, met, observed, expected, "" if met else "weighbridge azure identity check has the command")
    return check._replace(resource=label(one), result=Result.PASS if met else Result.FAIL)
