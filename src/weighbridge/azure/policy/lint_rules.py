"""The rules of the lint as a table: what each finds, why that matters and how it is mended."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.core.records import NamedTuple


class LintRule(NamedTuple):
    """One rule of the lint."""

    id: str
    severity: Severity
    title: str
    why: str
    mend: str


def _rule(name: str, severity: Severity, title: str, why: str, mend: str) -> LintRule:
    return LintRule(f"azure-policy/{name}", severity, title, why, mend)


_HIGH, _MEDIUM, _LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW

LINT_RULES: dict[str, LintRule] = {
    rule.id.partition("/")[2]: rule
    for rule in (
        _rule(
            "no-rule",
            Severity.CRITICAL,
            "The policy has no rule",
            "Without policyRule nothing is created and nothing assigned, however many parameters are given.",
            "Write policyRule with if and then, or assign a definition by its id.",
        ),
        _rule(
            "malformed",
            _HIGH,
            "Azure does not know this condition, function or expression",
            "Azure refuses to create the definition, so that it protects nothing.",
            "Use one subject (field, value, count) with one condition, and functions that policies may use.",
        ),
        _rule(
            "limit",
            _HIGH,
            "The rule is larger than Azure takes",
            "Azure refuses to create or assign the definition, or its evaluation fails and denies every request.",
            "Split the definition, or count a shorter array.",
        ),
        _rule(
            "undefined-parameter",
            _HIGH,
            "The rule uses a parameter that is not defined",
            "Azure refuses to create the definition.",
            "Define the parameter, or mend its name.",
        ),
        _rule(
            "unused-parameter",
            _LOW,
            "A parameter is defined and never used",
            "Whoever assigns the policy believes that it has an effect.",
            "Use it or remove it.",
        ),
        _rule(
            "effect-not-a-parameter",
            _MEDIUM,
            "The effect is fixed",
            "A fixed effect cannot be tried as Audit first, and not be switched off for one scope without a new"
            " definition.",
            "Write \"[parameters('effect')]\" with allowedValues that have Disabled among them.",
        ),
        _rule(
            "effect-values",
            _MEDIUM,
            "The effect's parameter does not say what it may be",
            "Without allowedValues a wrong word is noticed at the assignment at best; without Disabled it cannot"
            " be switched off.",
            "Give allowedValues, with Disabled among them.",
        ),
        _rule(
            "effect-unknown",
            _HIGH,
            "The effect is none that a custom definition can have",
            "Azure refuses the definition, or does something else than is meant.",
            "Use deny, audit, append, modify, auditIfNotExists, deployIfNotExists, denyAction, manual or disabled.",
        ),
        _rule(
            "forgeable-tag",
            _HIGH,
            "A tag is taken for evidence",
            "Whoever may write the resource writes its tags in the same request, and who may only tag can change"
            " them later.",
            "Judge what the caller cannot choose: the model asset with its version, the caller's identity, a"
            " digest that a gate"
            " checks. Demand a tag only to exist.",
        ),
        _rule(
            "one-path",
            _MEDIUM,
            "Only some of the ways to deploy a model are covered",
            "A model that is refused as an online deployment is deployed as a batch deployment, a serverless"
            " endpoint or on"
            " Foundry's managed compute.",
            "Cover all types that run models, in this definition or in others of the initiative.",
        ),
        _rule(
            "vacuous-all",
            _HIGH,
            "A condition on every member also holds if there are none",
            "A field with [*] asks for all members. An empty or missing array has none that could fail, so the"
            " condition holds.",
            "Count the members that are meant: count with where, compared with 0 or with the length.",
        ),
        _rule(
            "double-negation",
            _HIGH,
            "Two negations around an array",
            "Not all members differ is not the same as no member is equal: one good member is enough to make the"
            " whole hold,"
            " and an empty array makes it fail.",
            "Count the members that are wrong and compare with 0.",
        ),
        _rule(
            "negated-twice",
            _LOW,
            "Two negations",
            "not around a negative condition is hard to read, and a missing value turns out as nobody expects.",
            "Write the positive condition and say with exists what a missing value means.",
        ),
        _rule(
            "missing-existence",
            _MEDIUM,
            "A missing value slips through",
            "A positive condition does not hold for what is not there, so that a request which leaves the"
            " property out is not"
            " matched. What the property is then is for the resource provider to say.",
            "Add a condition with exists for the same field, or turn it round: deny what is not equal to the"
            " good value.",
        ),
        _rule(
            "alias-unknown",
            _HIGH,
            "No such alias is known",
            "Azure refuses a definition with an unknown alias. One that exists for other versions of the API"
            " only is empty.",
            "Look the alias up: az provider show --namespace … --expand resourceTypes/aliases, and give the list"
            " with --aliases.",
        ),
        _rule(
            "alias-unverified",
            _LOW,
            "Nobody has seen this alias yet",
            "The property is in the schema of the REST API; whether Azure has an alias for it can only be seen"
            " in a tenant.",
            "Look it up once: az provider show --namespace … --expand resourceTypes/aliases, and give the list"
            " with --aliases.",
        ),
        _rule(
            "alias-of-other-type",
            _HIGH,
            "The alias belongs to a type that the rule is not about",
            "For a resource of another type an alias is always empty, so the condition never says anything.",
            "Use an alias of the type that the rule asks for.",
        ),
        _rule(
            "mode-passes-over",
            _HIGH,
            "The mode Indexed never looks at this type",
            "Indexed evaluates only types with tags and a location.",
            "Use the mode All.",
        ),
        _rule(
            "mode-all-for-tags",
            _LOW,
            "The mode All asks for tags or locations where there are none",
            "All evaluates types without tags and locations too, which then are never compliant.",
            "Use the mode Indexed, or name the types.",
        ),
        _rule(
            "mode-not-custom",
            _HIGH,
            "Only Microsoft's own definitions may have this mode",
            "Azure refuses custom definitions in the modes of resource providers.",
            "Assign the built-in definition, or write one in the mode All or Indexed.",
        ),
        _rule(
            "not-modifiable",
            _HIGH,
            "The effect changes what cannot be changed",
            "modify works on tags and on aliases that are marked as modifiable; others are refused.",
            "Use deny, or an alias that is modifiable.",
        ),
        _rule(
            "no-roles",
            _HIGH,
            "The effect has no role to act with",
            "modify and deployIfNotExists act by an identity of the assignment, which gets the roles in"
            " roleDefinitionIds.",
            "Name the least role that suffices in details.roleDefinitionIds.",
        ),
        _rule(
            "contains-on-array",
            _HIGH,
            "contains looks into every member, or at the whole array",
            "On [*] it looks for a part of the text of every single member; on a plain alias it wants one whole"
            " member.",
            "Count the members that are equal.",
        ),
        _rule(
            "substring",
            _MEDIUM,
            "A part of a name is enough",
            "contains holds wherever the text stands: registries/prod is also in"
            " registries/prod-of-somebody-else, and an empty"
            " entry is in everything.",
            "Use like with the whole beginning and one * behind a slash, or in.",
        ),
        _rule(
            "wildcards",
            _HIGH,
            "A wildcard where Azure takes none, or more than one",
            "like takes one *, contains takes none; anything else fails.",
            "Use one * with like, or split the condition.",
        ),
        _rule(
            "never-matches",
            _HIGH,
            "The rule can never match",
            "Conditions that cannot hold together, or a value that the field never has, make a policy that looks"
            " like protection.",
            "Test it with a resource that has to be denied: weighbridge azure policy test.",
        ),
        _rule(
            "always-matches",
            _MEDIUM,
            "The rule does not say which type it is about",
            "Without a condition on type the rule looks at every resource of its scope.",
            "Add a condition on type.",
        ),
        _rule(
            "unguarded-identity",
            _HIGH,
            "The caller is asked for without tryGet",
            "A compliance scan has no caller. Reading a claim of nobody is an error, and an error denies.",
            "Write tryGet(requestContext().identity, 'appid').",
        ),
        _rule(
            "fragile-function",
            _MEDIUM,
            "A function fails on a value that a request may have",
            "substring beyond the end, an index or a property that is not there: the evaluation fails, and that denies"
            " whatever the effect is, in audit too.",
            "Ask for the length with if() first, or use tryGet, take or like.",
        ),
        _rule(
            "array-needs-in",
            _HIGH,
            "An array is compared with one value",
            "equals, like and contains want a text; Azure refuses the definition.",
            "Use in or notIn.",
        ),
        _rule(
            "open-default",
            _MEDIUM,
            "A default opens the rule",
            "Assigned with its defaults, the policy allows what it is there to stop.",
            "Give no default, or the strict one.",
        ),
        _rule(
            "unpinned-model",
            _MEDIUM,
            "A model may be named without its version",
            "Labels and names without a version mean whatever is newest when the container starts.",
            "Also demand /versions/ in the model's id.",
        ),
        _rule(
            "local-models",
            _MEDIUM,
            "Models of a workspace are not covered",
            "Where registryName has to exist, a model that was registered in the workspace itself passes.",
            "Forbid workspaces/models/versions beside it, or judge the whole asset id.",
        ),
    )
}
"""Every rule by its name."""
